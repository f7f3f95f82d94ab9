import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KapseliError } from "../../../src/errors.ts";
import { readHolderProcess } from "../../../src/prefix/holder-record.ts";
import { isStub, readLauncherFacts } from "../../../src/prefix/launcher.ts";
import { Manifest } from "../../../src/prefix/manifest.ts";
import { holdsPath, relocateText } from "../../../src/prefix/relocation.ts";
import { confYaml } from "../../../src/prefix/share-files.ts";
import { readShellAssignment } from "../../../src/prefix/shell-data.ts";
import { parseTykkyConf } from "../../../src/prefix/tykky-prefix.ts";
import { packageDirectories } from "../../../src/tools/condarc.ts";
import { explainPipFailure } from "../../../src/tools/pip.ts";
import { explainRattlerFailure, parseRattlerLine } from "../../../src/tools/rattler.ts";
import { hiderOf, redactSecrets } from "../../../src/tools/redact.ts";
import { manifestFor } from "../../support/manifest.ts";
import { anyText, holds, madeOf, SEED, withoutNul } from "../../support/properties.ts";

const KEYS = [
  "mode: ",
  "conda\n",
  "venv\n",
  "installation_path: ",
  "/X\n",
  "wrapper_paths:",
  "\n- ",
  "isolate: ",
  "'no'\n",
  "yes\n",
  "[",
  "]",
  "{",
  "}",
  ": ",
  "\n",
  "&a ",
  "*a",
  "<<: ",
  "!!python/object:os.system ",
  "\0",
  "|",
  "~",
  "env_name: ",
  "../x\n",
];

describe(`a prefix's files, whatever they hold (seed ${SEED})`, () => {
  it("share/conf.yaml is read or refused with its place", () => {
    holds(
      60,
      fc.property(fc.oneof(anyText(120), madeOf(KEYS)), (text) => {
        try {
          const conf = parseTykkyConf("/p/share/conf.yaml", text);
          expect(conf.installationPath).toMatch(/^\//);
          for (const name of [conf.environmentName, conf.image, conf.containerImage]) {
            expect(name).not.toContain("/");
            expect(["", ".", ".."]).not.toContain(name);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(KapseliError);
          expect((error as KapseliError).details.where).toMatch(/^\/p\/share\/conf\.yaml/);
        }
      }),
    );
  });

  it("share/conf.yaml that we write is one that we read", () => {
    const paths = fc.array(withoutNul(20), { maxLength: 4 });
    holds(
      25,
      fc.property(paths, fc.boolean(), withoutNul(20), (wrapperPaths, isolate, source) => {
        const written = confYaml({
          mode: "conda",
          environmentName: "env1",
          prefix: "/p",
          installationPath: "/p",
          containerSource: source,
          sharedContainer: false,
          isolate,
          mamba: false,
          useUv: false,
          wrapperPaths,
          configuration: {},
        });
        const conf = parseTykkyConf("/p/share/conf.yaml", written);
        expect(conf.isolate).toBe(isolate);
        expect(conf.wrapperPaths).toEqual(wrapperPaths.map((path) => redactSecrets(path)));
        expect(conf.containerSource).toBe(redactSecrets(source));
      }),
    );
  });

  it("a manifest is what it was, or none", () => {
    const manifest = manifestFor("/p");
    expect(Manifest.parse(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest);
    holds(
      60,
      fc.property(fc.constantFrom(...Object.keys(manifest)), fc.jsonValue(), (key, value) => {
        const parsed = Manifest.safeParse({ ...manifest, [key]: value });
        if (parsed.success) expect(JSON.parse(JSON.stringify(parsed.data))).toBeTypeOf("object");
        else expect(parsed.error.issues.length).toBeGreaterThan(0);
      }),
    );
    holds(
      30,
      fc.property(fc.jsonValue(), (value) => {
        expect(Manifest.safeParse(value).success).toBe(false);
      }),
    );
  });

  it("launchers, stubs and records are told from anything else", () => {
    const pieces = [
      "__k_id='",
      "__k_root='/",
      "__k_way='image'",
      "'\n",
      "'\\''",
      "\n",
      "__k_w_pid='1'\n",
      "__k_w_end=1\n",
    ];
    holds(
      80,
      fc.property(fc.oneof(anyText(), madeOf(pieces)), (text) => {
        const facts = readLauncherFacts(text);
        if (facts !== undefined) expect(facts.root).toMatch(/^\//);
        expect(isStub(text)).toBeTypeOf("boolean");
        const holder = readHolderProcess(text);
        if (holder !== undefined) expect(text).toMatch(/__k_w_end=1\n$/);
        expect(() => readShellAssignment(text, "__k_id")).not.toThrow();
      }),
    );
  });

  it("a long value of a launcher is read like a short one", () => {
    const long = "it's ".repeat(50_000);
    expect(readShellAssignment(`__k_id='${long.replaceAll("'", "'\\''")}'\n`, "__k_id")).toBe(long);
  });

  it("a text that moves says its old place nowhere, and moves back", () => {
    const rest = withoutNul(30).filter((text) => !text.includes("/"));
    holds(
      60,
      fc.property(rest, rest, (before, after) => {
        const move = { from: "/old/place", to: "/new/home" };
        const bytes = Buffer.from(`${before}\n/old/place/bin ${after}\n`);
        const moved = relocateText(bytes, move);
        if (moved === undefined) return;
        expect(holdsPath(moved, move.from)).toBe(false);
        expect(relocateText(moved, { from: move.to, to: move.from })?.equals(bytes)).toBe(true);
      }),
    );
  });
});

describe(`what programs print, and others' files (seed ${SEED})`, () => {
  it("never makes a reader fail", () => {
    const line = fc.oneof(
      anyText(),
      madeOf([
        '{"progress":',
        '{"error":',
        '{"changed":',
        "null",
        "1",
        "{",
        "}",
        "[",
        '"kind"',
        ":",
        "ERROR: ",
        "error: ",
      ]),
    );
    holds(
      60,
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        for (const one of lines) expect(parseRattlerLine(one).kind).toBeTypeOf("string");
        expect(explainRattlerFailure(lines, 1)).toBeInstanceOf(KapseliError);
        expect(explainPipFailure(lines, 1)).toBeInstanceOf(KapseliError);
      }),
    );
  });

  it("a user's .condarc of any text says where packages are, or nothing", () => {
    holds(
      60,
      fc.property(
        fc.oneof(anyText(), madeOf(["pkgs_dirs:", "\n- ", "[", "]", "~/x", "$HOME", "&a ", "*a", ": "])),
        (text) => {
          expect(Array.isArray(packageDirectories({}, "/home/u", [text]))).toBe(true);
        },
      ),
    );
  });
});

describe(`secrets (seed ${SEED})`, () => {
  // `&` would end it in a query.
  const secret = fc.stringMatching(/^[A-Za-z0-9!$'()*+,;=._~-]{8,20}$/);
  const host = fc.constantFrom("host", "host.org:8443", "127.0.0.1:80");

  it("in addresses are gone from any text, and hiding again changes nothing", () => {
    holds(
      60,
      fc.property(
        secret,
        host,
        withoutNul(20),
        withoutNul(20),
        fc.nat(5),
        (word, at, before, after, form) => {
          const address = [
            `https://user:${word}@${at}/simple`,
            `https://${word}@${at}/x`,
            `git+https://user:${word}@${at}/r.git`,
            `https://${at}/t/${word}/channel`,
            `https://${at}/x?token=${word}`,
            `ssh://git:${word}@${at}/r`,
          ][form] as string;
          const text = `${before} ${address} ${after}`;
          fc.pre(!before.includes(word) && !after.includes(word));
          const shown = redactSecrets(text);
          expect(shown).not.toContain(word);
          expect(redactSecrets(shown)).toBe(shown);
        },
      ),
    );
  });

  it("that are known are gone wherever they stand, as they are and percent-encoded", () => {
    holds(
      40,
      fc.property(
        fc.uniqueArray(secret, { minLength: 1, maxLength: 3 }),
        withoutNul(20),
        (words, between) => {
          const hide = hiderOf(words);
          const text = words.map((word) => `${between}${word}${encodeURIComponent(word)}`).join(between);
          const shown = hide(text);
          for (const word of words) {
            expect(shown).not.toContain(word);
            expect(shown).not.toContain(encodeURIComponent(word));
          }
        },
      ),
    );
  });
});
