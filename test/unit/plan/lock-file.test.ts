import { describe, expect, it } from "vitest";
import { lockSummary, readLockFile, wantedAgain } from "../../../src/plan/lock-file.ts";

const MD5 = "c9981925be19d1db6cbd1c6d9b786ace";
const CONDA = `https://example.org/c/linux-64/python-3.11.2-0.conda#${MD5}`;
const SHA = "0".repeat(64);
const A = `a==1 --hash=sha256:${SHA} --hash=sha256:${"1".repeat(64)}`;

describe("a lock", () => {
  it.each([
    ["sha256", `#sha256:${SHA}`, 1],
    ["md5, as older ones have it", `#${MD5}`, 1],
    ["no hash", "", 0],
  ])("has a part for conda, with %s, and one for pip", (_what, hash, condaHashed) => {
    const conda = `https://example.org/c/linux-64/python-3.11.2-0.conda${hash}`;
    const six = `six==1.17 --hash=sha256:${SHA}`;
    expect(readLockFile(`# platform: linux-64\n@EXPLICIT\n${conda}\n# pip\n${six}\n`)).toEqual({
      platform: "linux-64",
      conda: `@EXPLICIT\n${conda}\n`,
      pip: { hashed: [six], unhashed: [], seeds: [] },
      counts: { conda: 1, condaHashed, pip: 1, pipHashed: 1 },
    });
  });

  it.each([
    ["all have hashes", [A], [A], []],
    ["none has", ["a==1", "pip==23.0"], [], ["pip==23.0", "a==1"]],
    ["what came with the venv has none", ["pip==23.0", "setuptools==66", A], [A], []],
    ["another one has none", ["b @ file:///src/b", "pip==23.0", A], [A], ["b @ file:///src/b"]],
  ])("of which %s: those with hashes are apart from the others", (_what, lines, hashed, unhashed) => {
    const lock = readLockFile(`# pip\n${lines.join("\n")}\n`);
    if (!lock?.pip) throw new Error("it is a lock");
    expect(lock.conda).toBeUndefined();
    expect(wantedAgain(lock.pip, false)).toEqual({ hashed, unhashed });
  });

  it("of an environment of uv's, which begins without pip: that is installed as the others", () => {
    const { pip } = readLockFile(`# pip\n${A}\npip==23.0\n`) ?? {};
    expect(pip && wantedAgain(pip, true)).toEqual({ hashed: [A], unhashed: ["pip==23.0"] });
  });

  it.each([
    ["nothing", ""],
    ["a requirements file", "numpy==1.0\n"],
    ["an environment file", "dependencies:\n  - python\n# pip\nsix==1\n"],
    ["only comments", "# platform: linux-64\n@EXPLICIT\n# pip\n"],
  ])("is not %s", (_what, text) => expect(readLockFile(text)).toBeUndefined());

  it("is told in words", () => {
    const lock = readLockFile(`# platform: linux-64\n@EXPLICIT\n${CONDA}\n# pip\na==1\nb==2\n`);
    if (!lock) throw new Error("it is a lock");
    expect(lockSummary(lock)).toBe(
      "1 conda package (each with a hash) and 2 pip packages (without hashes) for linux-64",
    );
  });
});
