import { describe, expect, it } from "vitest";
import { lockedPackages, pinnedHashes, withHashes } from "../../../src/prefix/environment-lock.ts";

const [A, B] = ["a", "b"].map((digit) => `--hash=sha256:${digit.repeat(64)}`);
/** As uv prints it. */
const COMPILED = `cow-say==6.1 \\
    ${A} \\
    ${B}
plain==2.0
other==1.0+cu121 \\
    ${B}
`;
const CONDA = "@EXPLICIT\nhttps://x/linux-64/cow-say-6.1-0.conda\n";

describe("hashes of pinned packages", () => {
  it("are those on the lines of each, as uv prints them and as a lock has them", () => {
    const expected = new Map([
      ["cow-say==6.1", `${A} ${B}`],
      ["other==1.0+cu121", B],
    ]);
    expect(pinnedHashes(COMPILED)).toEqual(expected);
    const lock = `${CONDA}# pip\nCow.say==6.1 ${A} ${B}\nlocal @ file:///x ${A}\nother==1.0+cu121 ${B}\n`;
    expect(pinnedHashes(lock)).toEqual(expected);
  });

  it.each([
    ["the same version, however the name is written", "Cow_Say==6.1", `Cow_Say==6.1 ${A} ${B}`],
    ["another version", "cow-say==6.2", "cow-say==6.2"],
    ["one that has a hash", `cow-say==6.1 ${B}`, `cow-say==6.1 ${B}`],
    ["one from an address", "cow-say @ file:///cow-say", "cow-say @ file:///cow-say"],
    ["one of which nothing is known", "plain==2.0", "plain==2.0"],
  ])("complete a lock: %s", (_what, line, expected) => {
    const lock = (one: string) => `# platform: linux-64\n${CONDA}# pip\n${one}\nnext==1\n`;
    expect(withHashes(lock(line), pinnedHashes(COMPILED))).toBe(lock(expected));
  });

  it("leave a lock without packages of pip as it is", () => {
    expect(withHashes(CONDA, pinnedHashes(COMPILED))).toBe(CONDA);
  });

  it("of several files tell nothing of the one that is installed", () => {
    const [one, two] = lockedPackages(`# pip\na==1 ${A}\nb==1 ${A} ${B}\n`);
    expect(one?.hash?.value).toBe("a".repeat(64));
    expect(two).toEqual({ source: "pip", name: "b", version: "1" });
  });
});
