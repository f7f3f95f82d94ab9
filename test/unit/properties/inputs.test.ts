// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are for shells and configurations
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: they are what is looked for
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseDependencySpecifier } from "../../../src/inputs/dependency-specifier.ts";
import type { ReadInput } from "../../../src/inputs/read-input.ts";
import { reading } from "../../support/inputs-table.ts";
import { anyText, holds, madeOf, SEED } from "../../support/properties.ts";

// biome-ignore format: a list of pieces
const YAML = [
  "channels:", "dependencies:", "variables:", "name:", "prefix:", "- ", "  ", "\n", "\n- ", "\n  - ", "pip:", "[", "]",
  "{", "}", ",", ": ", "&a ", "*a", "<<: ", "|", ">", "---\n", "...", "!!binary ", "? ", "'", '"', "#", "\t", "numpy",
  "python=3.11", ">=1,<2", "conda-forge::x", "{{ x }}", "null", "~", "1.10", "\ufeff", "\r\n", "-r x.txt", "-e .",
];
// biome-ignore format: a list of pieces
const REQUIREMENTS = [
  "numpy", "==", ">=", "~=", "===", "1.0", "1.*", "[", "]", "extra", ",", ";", "python_version", "sys_platform", "'",
  '"', "and ", "or ", "not in ", "(", ")", "@ ", "https://", "git+ssh://", "user:pw@", "host/", "#egg=", "#sha256=",
  "-r ", "-c ", "-e ", "-f ", "--index-url ", "--hash=sha256:", "--pre", "\\\n", "\n", " ", "\t", "#", "${X}", "$X",
  ".whl", "x-1-py3-none-any.whl", "./", "../", "file:", "%", "\r", "\f", "\u2028",
];
// biome-ignore format: a list of pieces
const SPECS = [
  "@EXPLICIT", "\n", "https://", "host/", "linux-64/", "noarch/", "x-1-0.conda", "x-1-0.tar.bz2", "#", "sha256:",
  "0123456789abcdef0123456789abcdef", "numpy", "=", "==", ">=", "1.2", "*", "|", ",", "[", "]", "build=", "channel=",
  "::", "'", '"', " ", "conda-forge", "/t/tk-12345678/", "u:pw@", "# platform: ", "win-64", "(", ")", "~=", "!",
];

const KINDS: [string, "conda" | "pip", string, string[]][] = [
  ["an environment file", "conda", "e.yml", YAML],
  ["a list of conda packages", "conda", "l.txt", SPECS],
  ["an explicit list", "conda", "x.txt", ["@EXPLICIT\n", ...SPECS]],
  ["a requirements file", "pip", "r.txt", REQUIREMENTS],
];

/** What every reading has to be, whatever was read. */
function expectSound(read: ReadInput, file: string, lines: number): void {
  expect(read.diagnostics.length).toBeLessThanOrEqual(101);
  for (const { message, line, column, file: of } of read.diagnostics) {
    expect(of).toBe(file);
    // Nothing that moves a terminal's cursor, and one line.
    expect(message).not.toMatch(/[\u0000-\u001f\u007f]/);
    if (line !== undefined) {
      expect(line).toBeGreaterThan(0);
      expect(line).toBeLessThanOrEqual(lines + 1);
    }
    if (column !== undefined) expect(column).toBeGreaterThan(0);
  }
}

const linesIn = (text: string): number => text.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/).length;

describe(`what a file may hold (seed ${SEED})`, () => {
  describe.each(KINDS)("%s", (_what, kind, file, pieces) => {
    it("of any bytes is read or refused, with a place, never with an exception", () => {
      holds(
        30,
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          expectSound(reading(kind, file, bytes), file, bytes.length);
        }),
      );
    });

    it("of any text, or of the grammar's own pieces, too; and twice the same is said", () => {
      holds(
        40,
        fc.property(fc.oneof(anyText(200), madeOf(pieces)), (text) => {
          const read = reading(kind, file, text);
          expectSound(read, file, linesIn(text));
          expect(reading(kind, file, text)).toEqual(read);
        }),
      );
    });

    it("means the same in UTF-8 with a mark and in UTF-16", () => {
      holds(
        15,
        fc.property(madeOf(pieces.filter((piece) => piece !== "\ufeff")), (text) => {
          fc.pre(!/[\u0000-\u0008\u000e-\u001f\ufeff]/.test(text) && text.trim() !== "");
          const little = Buffer.from(`\ufeff${text}`, "utf16le");
          const big = Buffer.from(little).swap16();
          const plain = reading(kind, file, text);
          fc.pre(!plain.diagnostics.some(({ message }) => /UTF|encoding|binary/.test(message)));
          expect(reading(kind, file, `\ufeff${text}`)).toEqual(plain);
          expect(reading(kind, file, little)).toEqual(plain);
          expect(reading(kind, file, big)).toEqual(plain);
        }),
      );
    });

    it("never has its passwords in what is said", () => {
      holds(
        40,
        fc.property(
          madeOf(pieces, 8),
          madeOf(pieces, 8),
          fc.integer({ min: 0, max: 3 }),
          (before, after, form) => {
            const secret = "hunter2-S3cret";
            const address = [
              `https://user:${secret}@host/simple`,
              `https://${secret}@host/simple/x-1-0.conda`,
              `https://host/t/${secret}/channel/linux-64`,
              `git+https://user:${secret}@host/r.git@v1#egg=x`,
            ][form];
            const { diagnostics } = reading(kind, file, `${before}${address}${after}`);
            expect(
              diagnostics.map(({ message, hint }) => `${message} ${hint ?? ""}`).join("\n"),
            ).not.toContain(secret);
          },
        ),
      );
    });
  });
});

const name = fc
  .stringMatching(/^[a-z][a-z0-9]{0,8}(?:[-_.][a-z0-9]{1,4})?$/)
  .filter((one) => !/-\d/.test(one));
const version = fc.array(fc.nat(99), { minLength: 1, maxLength: 3 }).map((numbers) => numbers.join("."));

describe(`what is written by the rules is understood (seed ${SEED})`, () => {
  it("a requirement keeps its name, extras, versions and marker", () => {
    const specifier = fc
      .array(fc.tuple(fc.constantFrom("==", ">=", "<", "!=", "<="), version), { maxLength: 3 })
      .map((parts) => parts.map(([operator, one]) => `${operator}${one}`).join(","));
    const extras = fc.uniqueArray(name, { maxLength: 2 });
    const space = fc.constantFrom("", " ");
    holds(
      40,
      fc.property(name, extras, specifier, space, fc.boolean(), (called, wanted, versions, gap, marked) => {
        const marker = marked ? "; python_version >= '3.8'" : "";
        const bracket = wanted.length > 0 ? `[${wanted.join(",")}]` : "";
        const { value, diagnostics } = reading(
          "pip",
          "r.txt",
          `${called}${bracket}${gap}${versions}${marker}\n`,
        );
        expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
        const [requirement] = (value as { requirements: unknown[] }).requirements;
        expect(requirement).toMatchObject({ name: called, extras: wanted, line: 1 });
        expect((requirement as { specifier: string }).specifier.replaceAll(" ", "")).toBe(versions);
        expect("marker" in (requirement as object)).toBe(marked);
      }),
    );
  });

  it("a requirement's parser never throws", () => {
    holds(
      80,
      fc.property(fc.oneof(anyText(), madeOf(REQUIREMENTS)), (text) => {
        expect(parseDependencySpecifier(text)).toBeTypeOf("object");
      }),
    );
  });

  it("an environment file keeps its packages, channels and variables", () => {
    const spec = fc.tuple(name, fc.option(version)).map(([one, at]) => (at === null ? one : `${one}=${at}`));
    const wanted = fc.uniqueArray(spec, { minLength: 1, maxLength: 6, selector: (one) => one.split("=")[0] });
    const variables = fc.dictionary(fc.stringMatching(/^[A-Z][A-Z_]{0,6}$/), fc.string({ maxLength: 20 }), {
      maxKeys: 3,
    });
    const channels = fc.uniqueArray(fc.stringMatching(/^[a-z]{3,8}$/), { maxLength: 2 });
    holds(
      30,
      fc.property(wanted, channels, variables, (dependencies, from, set) => {
        fc.pre(!from.includes("nodefaults"));
        const text = stringify({ channels: from, dependencies, variables: set });
        const { value, diagnostics } = reading("conda", "e.yml", text);
        expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
        const environment = value as {
          dependencies: { text: string }[];
          channels: { text: string }[];
          variables: object;
        };
        expect(environment.dependencies.map((one) => one.text)).toEqual(dependencies);
        expect(environment.channels.map((one) => one.text)).toEqual(from);
        expect(Object.keys(environment.variables)).toEqual(Object.keys(set));
      }),
    );
  });

  it("files that include each other in any way are read once around, and end", () => {
    const include = fc.tuple(
      fc.constantFrom("-r", "-c"),
      fc.constantFrom("a.txt", "b.txt", "d/c.txt", "../x/a.txt"),
    );
    const file = fc
      .array(include, { maxLength: 6 })
      .map((all) => all.map((one) => `${one.join(" ")}\n`).join(""));
    holds(
      30,
      fc.property(file, file, file, file, (main, a, b, c) => {
        const beside = { "a.txt": `${a}x\n`, "b.txt": `${b}x\n`, "d/c.txt": `${c}x\n` };
        const { diagnostics } = reading("pip", "r.txt", `${main}-r a.txt\n`, beside);
        expect(diagnostics.length).toBeLessThanOrEqual(101);
      }),
    );
  });
});
