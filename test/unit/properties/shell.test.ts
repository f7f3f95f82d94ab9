import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { readHolderProcess, renderHolderRecord } from "../../../src/prefix/holder-record.ts";
import { readLauncherFacts, renderLauncher } from "../../../src/prefix/launcher.ts";
import { readShellAssignment, shellAssignments, shellQuote } from "../../../src/prefix/shell-data.ts";
import { environmentLine, extraVariableLine } from "../../../src/prefix/variable-lines.ts";
import { parseWrapped, scriptStandIn } from "../../../src/prefix/wrapped.ts";
import { launcherData } from "../../support/launcher-data.ts";
import { holds, SEED, variableName, withoutNul } from "../../support/properties.ts";

const directory = mkdtempSync(join(tmpdir(), "kapseli-shell-"));
afterAll(() => rmSync(directory, { recursive: true }));

const has = (name: string): boolean => spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
const SHELLS = [["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"]].filter(([name = ""]) =>
  has(name),
);

/** What a script prints, NUL-separated, run by a shell from its standard input. */
function printed(
  shell: readonly string[],
  script: string | Buffer,
  env: Record<string, string> = {},
): string[] {
  const [file = "sh", ...args] = shell;
  const ran = spawnSync(file, args, {
    cwd: directory,
    input: script,
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8", ...env },
  });
  if (ran.status !== 0 || ran.stderr.length > 0) throw new Error(`${ran.status}: ${ran.stderr}`);
  return ran.stdout.toString("utf8").split("\0").slice(0, -1);
}

const texts = fc.array(withoutNul(), { minLength: 1, maxLength: 40 });
const variables = fc.dictionary(variableName(), withoutNul(), {
  minKeys: 1,
  maxKeys: 20,
  noNullPrototype: true,
});

describe(`what is written for a shell (seed ${SEED})`, () => {
  it("is tried by more than one", () => expect(SHELLS.length).toBeGreaterThan(1));

  describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))(
    "and read by %s",
    (_name, shell) => {
      it("any text that was quoted is that text", () => {
        holds(
          4,
          fc.property(texts, (words) => {
            expect(printed(shell, `printf '%s\\0' ${words.map(shellQuote).join(" ")}\n`)).toEqual(words);
          }),
        );
      });

      it("assignments give each variable its value", () => {
        holds(
          4,
          fc.property(variables, (values) => {
            const print = Object.keys(values)
              .map((name) => `"$${name}"`)
              .join(" ");
            expect(printed(shell, `${shellAssignments(values)}printf '%s\\0' ${print}\n`)).toEqual(
              Object.values(values),
            );
          }),
        );
      });

      it("recorded changes and a user's variables do what they say, whatever the values", () => {
        const change = fc.constantFrom("set", "prepend", "append", "default");
        holds(
          6,
          fc.property(withoutNul(), fc.option(withoutNul()), change, (value, before, how) => {
            const had = before === null ? {} : { X_1: before };
            const script = `${environmentLine({ name: "X_1", change: how, value })}printf '%s\\0' "$X_1"\n`;
            const joined = (first: string, last: string): string => [first, last].join(":");
            const expected = {
              set: value,
              prepend: before ? joined(value, before) : value,
              append: before ? joined(before, value) : value,
              default: before ?? value,
            }[how];
            expect(printed(shell, script, had)).toEqual([expected]);
          }),
        );
        holds(
          6,
          fc.property(withoutNul(), withoutNul(), (value, other) => {
            // A variable of the caller's is put in once, as it is.
            const plain = value.replaceAll("$", "");
            const line = extraVariableLine({ name: "X_1", value: `${plain}$X_2|`, type: "set" });
            expect(printed(shell, `${line}printf '%s\\0' "$X_1"\n`, { X_2: other })).toEqual([
              `${plain}${other}|`,
            ]);
          }),
        );
      });

      it("a holder's record gives its words and variables", () => {
        holds(
          4,
          fc.property(withoutNul(), variables, withoutNul(), (words, set, end) => {
            const record = renderHolderRecord({
              pid: 4711,
              start: "1",
              boot: "b",
              nsenter: end,
              changesDirectory: false,
              words,
              variables: { set, pathEnd: end, librariesEnd: words },
            });
            expect(readHolderProcess(record)).toEqual({ pid: 4711, start: "1", boot: "b" });
            const names = Object.keys(set)
              .map((name) => `"$${name}"`)
              .join(" ");
            const print = `__k_w_environment\nprintf '%s\\0' "$__k_w_words" "$__k_w_path_end" "$__k_w_nsenter" ${names}\n`;
            expect(printed(shell, record + print)).toEqual([words, end, end, ...Object.values(set)]);
          }),
        );
      });
    },
  );

  it("is read back by ourselves as it was", () => {
    holds(
      40,
      fc.property(variables, (values) => {
        const written = shellAssignments(values);
        for (const [name, value] of Object.entries(values))
          expect(readShellAssignment(written, name)).toBe(value);
      }),
    );
  });

  it("in a launcher: its commands, its place, its mount", () => {
    const name = withoutNul(20).filter((one) => one !== "" && !one.includes("/"));
    holds(
      15,
      fc.property(
        fc.uniqueArray(name, { maxLength: 10 }),
        withoutNul(),
        withoutNul(20),
        (commands, place, id) => {
          const data = launcherData(`/${place}`, {
            commands,
            id: `i${id}`,
            environment: [{ name: "X", change: "set", value: place }],
          });
          expect(readLauncherFacts(renderLauncher(data).toString("latin1"))).toBeDefined();
          const facts = readLauncherFacts(renderLauncher(data).toString("utf8"));
          expect(facts).toMatchObject({ id: `i${id}`, root: `/${place}`, mount: `/${place}`, commands });
        },
      ),
    );
  });

  it("a stand-in runs the program whose path it was made for", () => {
    holds(
      4,
      fc.property(withoutNul(20), (path) => {
        const script = scriptStandIn(`/nowhere/${path}`);
        const [said] = printed(["sh"], script.replace("\nexec ", "\nprintf '%s\\0' "));
        expect(said).toBe(`/nowhere/${path}`);
      }),
    );
  });

  it("and nothing of it was run", () => expect(readdirSync(directory)).toEqual([]));
});

describe(`what a script in the container prints (seed ${SEED})`, () => {
  it("of programs is read as it was listed, whatever their names", () => {
    const entry = fc.record({
      item: withoutNul(10),
      name: withoutNul(10).filter((one) => one !== ""),
      script: fc.boolean(),
    });
    holds(
      60,
      fc.property(fc.array(entry, { maxLength: 10 }), (entries) => {
        const listed = entries.map(
          ({ item, name, script }) => `${item}\0${name}\0/p/${name}\0${script ? "script" : "program"}\0`,
        );
        expect(parseWrapped(listed.join("")).programs).toEqual(
          entries.map(({ item, name, script }) => ({ item, name, path: `/p/${name}`, script })),
        );
      }),
    );
  });
});
