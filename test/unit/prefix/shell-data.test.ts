import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isVariableName, shellAssignments, shellQuote } from "../../../src/prefix/shell-data.ts";

const directory = mkdtempSync(join(tmpdir(), "kapseli-quote-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** What a shell takes each of the words for. */
function readBy(shell: string[], script: string): string[] {
  const [file = "sh", ...args] = shell;
  const ran = spawnSync(file, [...args, "-c", script], { cwd: directory, env: { PATH: process.env.PATH } });
  if (ran.status !== 0) throw new Error(ran.stderr.toString());
  return ran.stdout.toString("utf8").split("\0").slice(0, -1);
}

const ODD = [
  "",
  "plain",
  "two words",
  "it's",
  "'",
  "''''",
  "'\\''",
  "\\",
  "\\'",
  '"double"',
  "$(touch pwned)",
  "`touch pwned`",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell
  "$HOME ${HOME} $$ $!",
  "*",
  "~",
  "!history",
  "a;touch pwned;b",
  "a\nb\n",
  "\t\r\x01\x7f",
  "-n",
  "äö€😀",
  "%s\\n",
  "#comment",
  "&|<>()",
];

/** Random texts of the characters that mean something to a shell, from a fixed seed. */
function randomTexts(count: number): string[] {
  const special = [..."'\"\\$`!*?[]{}()<>|&;#~ \t\n=%^-+aZ0ä"];
  let seed = 20_240_501;
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: next(20) }, () => special[next(special.length)]).join(""),
  );
}

const SHELLS = [["sh"], ["bash"], ["busybox", "sh"]].filter(
  ([file = ""]) => spawnSync("sh", ["-c", `command -v ${file}`]).status === 0,
);

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))(
  "a value quoted for %s",
  (_name, shell) => {
    it.each([
      ["odd ones", ODD],
      ["random ones", randomTexts(400)],
    ])("is that value: %s", (_what, texts) => {
      expect(readBy(shell, `printf '%s\\0' ${texts.map(shellQuote).join(" ")}`)).toEqual(texts);
    });

    it("is that value in an assignment", () => {
      const values = Object.fromEntries(ODD.map((text, index) => [`v${index}`, text]));
      const print = ODD.map((_text, index) => `"$v${index}"`).join(" ");
      expect(readBy(shell, `${shellAssignments(values)}printf '%s\\0' ${print}`)).toEqual(ODD);
    });
  },
);

describe("quoting", () => {
  it("ran nothing", () => expect(readdirSync(directory)).toEqual([]));

  it("refuses a NUL character", () => expect(() => shellQuote("a\0b")).toThrow(RangeError));

  it.each([
    ["A", true],
    ["_a1", true],
    ["1a", false],
    ["a-b", false],
    ["a b", false],
    ["", false],
    ["a\nb", false],
    ["ä", false],
  ])("%j as a variable's name: %s", (name, valid) => expect(isVariableName(name)).toBe(valid));
});
