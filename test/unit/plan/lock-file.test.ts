import { describe, expect, it } from "vitest";
import { lockSummary, readLockFile } from "../../../src/plan/lock-file.ts";

const MD5 = "c9981925be19d1db6cbd1c6d9b786ace";
const CONDA = `https://example.org/c/linux-64/python-3.11.2-0.conda#${MD5}`;
const SHA = "0".repeat(64);

describe("a lock", () => {
  it("has a part for conda and one for pip, each as its installer takes it", () => {
    const lock = readLockFile(
      `# platform: linux-64\n@EXPLICIT\n${CONDA}\n# pip\nsix==1.17 --hash=sha256:${SHA}\n`,
    );
    expect(lock).toEqual({
      platform: "linux-64",
      conda: `@EXPLICIT\n${CONDA}\n`,
      pip: `six==1.17 --hash=sha256:${SHA}\n`,
      counts: { conda: 1, condaHashed: 1, pip: 1, pipHashed: 1 },
      hashesLeftOut: false,
    });
  });

  it.each([
    ["all have hashes", `a==1 --hash=sha256:${SHA}\n`, `a==1 --hash=sha256:${SHA}\n`, false],
    ["none has", "a==1\npip==23.0\n", "a==1\npip==23.0\n", false],
    [
      "what came with the venv has none: the others keep theirs",
      `pip==23.0\nsetuptools==66\na==1 --hash=sha256:${SHA}\n`,
      `a==1 --hash=sha256:${SHA}\n`,
      false,
    ],
    [
      "another one has none, and pip wants all or none",
      `b @ file:///src/b\na==1 --hash=sha256:${SHA}\n`,
      "b @ file:///src/b\na==1\n",
      true,
    ],
  ])("of which %s", (_what, lines, pip, hashesLeftOut) => {
    expect(readLockFile(`# pip\n${lines}`)).toMatchObject({ pip, hashesLeftOut, conda: undefined });
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
