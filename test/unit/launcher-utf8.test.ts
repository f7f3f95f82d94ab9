import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8Check } from "../../src/prefix/utf8-patterns.ts";

/** The bytes at which a class of table 3-7 of The Unicode Standard begins or ends, their neighbours, and dash's own. */
const BOUNDARIES = [
  0x01, 0x21, 0x2a, 0x2d, 0x3f, 0x41, 0x5b, 0x5c, 0x5d, 0x5e, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86,
  0x87, 0x88, 0x89, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
  0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff,
];
const HIGH = BOUNDARIES.filter((byte) => byte >= 0x7f);
const FOLLOWING = [0x41, 0x80, 0x85, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2];

/** The same numbers in every run (a linear congruential generator). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

function randomCharacter(next: (below: number) => number): number {
  const bytes = next(4);
  if (bytes === 0) return 1 + next(0x7f);
  if (bytes === 1) return 0x80 + next(0x780);
  const code = 0x800 + next(0xf800);
  if (bytes === 2) return code >= 0xd800 && code < 0xe000 ? 0x20ac : code;
  return 0x10000 + next(0x100000);
}

/** Valid text, and the same with a byte changed, left out, or cut off. */
function randomTexts(count: number): number[][] {
  const next = numbers(20240229);
  return Array.from({ length: count }, () => {
    const characters = Array.from({ length: 1 + next(6) }, () => randomCharacter(next));
    const valid = [...Buffer.from(String.fromCodePoint(...characters))];
    const at = next(valid.length);
    const changed =
      valid.with?.(at, 1 + next(255)) ?? valid.map((byte, index) => (index === at ? 0xff : byte));
    return [valid, changed, [...valid.slice(0, at), ...valid.slice(at + 1)], valid.slice(0, at)];
  }).flat();
}

function cases(): Buffer[] {
  const one = Array.from({ length: 255 }, (_, index) => [index + 1]);
  const two = BOUNDARIES.flatMap((a) => BOUNDARIES.map((b) => [a, b]));
  const three = HIGH.flatMap((a) => HIGH.flatMap((b) => FOLLOWING.map((c) => [a, b, c])));
  const four = [0xe0, 0xed, 0xf0, 0xf1, 0xf4, 0xf5].flatMap((a) =>
    FOLLOWING.flatMap((b) =>
      FOLLOWING.flatMap((c) =>
        [0x41, 0x80, 0xbf].flatMap((d) => [
          [a, b, c, d],
          [0xc3, 0xa9, a, b, c, d],
        ]),
      ),
    ),
  );
  return [...one, ...two, ...three, ...four, ...randomTexts(1500)].map((bytes) => Buffer.from(bytes));
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const SHELLS: Record<string, string[]> = {
  dash: ["dash"],
  bash: ["bash"],
  "bash as sh": ["bash", "--posix"],
  "busybox sh": ["busybox", "sh"],
  ksh: ["ksh"],
};
/** The locale, the variable that names it, what localedef makes it of where the system does not have it. */
const LOCALES: [string, "LC_ALL" | "LANG", string[]?][] = [
  ["C", "LC_ALL"],
  ["C.UTF-8", "LANG"],
  ["en_US.UTF-8", "LC_ALL", ["-i", "en_US", "-f", "UTF-8"]],
  ["de_DE.ISO-8859-1", "LANG", ["-i", "de_DE", "-f", "ISO-8859-1"]],
];

const has = (name: string) => spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;

describe("the launcher's judgement of UTF-8", () => {
  const directory = mkdtempSync(join(tmpdir(), "kapseli-utf8-"));
  const script = join(directory, "judge.sh");
  const texts = cases();
  const expected = texts.map((bytes) => (isUtf8(bytes) ? "v" : "i")).join("");

  beforeAll(() => {
    // All texts go through one process: as arguments, as in the launcher.
    const loop = `for __k_case do
  __k_check_utf8 "$__k_case "
  if [ -n "$__k_invalid" ]; then printf i; else printf v; fi
done
printf '%s' "/\${LC_ALL-unset}"
`;
    writeFileSync(script, Buffer.concat([utf8Check(), Buffer.from(loop)]));
    writeFileSync(
      join(directory, "texts"),
      Buffer.concat(texts.flatMap((bytes) => [bytes, Buffer.from([0])])),
    );
    for (const [name, , source] of LOCALES) {
      if (source && has("localedef")) spawnSync("localedef", [...source, join(directory, name)]);
    }
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("is tried on texts of both kinds", () => {
    expect(texts.length).toBeGreaterThan(10_000);
    expect(expected.match(/v/g)?.length).toBeGreaterThan(3000);
    expect(expected.match(/i/g)?.length).toBeGreaterThan(3000);
  });

  describe.each(Object.entries(SHELLS))("under %s", (_, shell) => {
    it.skipIf(!has(shell[0] as string)).each(LOCALES)(
      "is TextDecoder's in %s (%s)",
      (locale, variable, source) => {
        if (source && !existsSync(join(directory, locale))) return;
        const ran = spawnSync(
          "xargs",
          ["-0", "-a", join(directory, "texts"), "-x", "-n", "1000000", "-s", "2000000", ...shell, script],
          { env: { PATH: process.env.PATH, LOCPATH: directory, [variable]: locale }, encoding: "latin1" },
        );
        expect(ran.stderr).toBe("");
        const [judged = "", after] = ran.stdout.split("/");
        const wrong = texts.flatMap((bytes, index) =>
          judged[index] === expected[index] ? [] : [`${bytes.toString("hex")} is called ${judged[index]}`],
        );
        expect(wrong.slice(0, 20)).toEqual([]);
        expect(after).toBe(variable === "LC_ALL" ? locale : "unset");
      },
    );
  });
});
