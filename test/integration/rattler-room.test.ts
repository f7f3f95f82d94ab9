/** templates/rattler_room.py, with file systems that say what a test wants. */
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RATTLER_SCRIPTS } from "../../src/plan/rattler-scripts.ts";
import { scratch } from "../support/programs.ts";

/** Runs it with so many free bytes and inodes (of `inodes`, 0: no limit), for packages of so many bytes to download. */
const TRY = `
import json, os, sys, types
from pathlib import Path
sys.path.append(sys.argv[1])
import rattler_room
asked = json.loads(sys.argv[2])
os.statvfs = lambda _path: types.SimpleNamespace(
    f_bavail=asked["bytes"] // 4096, f_frsize=4096, f_files=asked.get("of", 10**6), f_favail=asked["inodes"]
)
needs = rattler_room.Needs()
needs.add_packages(Path(sys.argv[1]), asked["packages"])
if asked.get("image"):
    needs.add_image(Path(sys.argv[1], "not", "there", "yet"), sum(asked["packages"]))
needs.check("2 packages")
print("fits")
`;

interface Asked {
  bytes: number;
  inodes: number;
  of?: number;
  packages: number[];
  image?: boolean;
}

async function room(asked: Asked): Promise<string> {
  const directory = await scratch();
  for (const [name, text] of Object.entries(RATTLER_SCRIPTS)) await writeFile(join(directory, name), text);
  const { stdout, stderr } = spawnSync("python3", ["-I", "-c", TRY, directory, JSON.stringify(asked)], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return stdout.replaceAll(directory, "DIR");
}

const PACKAGES = [60_000_000, 40_000_000];

describe("what rattler is to install", () => {
  it("is refused where its least size is more than there is", async () => {
    const said = JSON.parse(
      await room({ bytes: 199_000_000, inodes: 10 ** 6, packages: PACKAGES }),
    ) as object;
    expect(said).toEqual({
      error: { kind: "room", message: "2 packages need at least 200 MB; DIR has 199 MB free" },
    });
  });

  it("is counted together with the image where both are on one file system", async () => {
    const asked = { bytes: 265_000_000, inodes: 10 ** 6, packages: PACKAGES };
    expect(await room(asked)).toBe("fits\n");
    expect(await room({ ...asked, image: true })).toContain("need at least 270 MB; DIR has 265 MB free");
  });

  it("is refused where not even the directories of the packages have inodes", async () => {
    const said = await room({ bytes: 10 ** 10, inodes: 9, packages: PACKAGES });
    expect(said).toContain("need at least 10 files and directories; DIR can take 9 more (inodes)");
    expect(said).not.toContain("fits");
  });

  it("is only warned of where the number of files is an estimate", async () => {
    const [warning = "", ...rest] = (
      await room({ bytes: 10 ** 10, inodes: 9_999, packages: PACKAGES })
    ).split("\n");
    expect(JSON.parse(warning)).toEqual({
      warning:
        "2 packages have about 10000 files, by an estimate from their sizes; DIR can take 9999 more (inodes)",
    });
    expect(rest).toEqual(["fits", ""]);
  });

  it("has inodes enough where the file system counts none", async () =>
    expect(await room({ bytes: 10 ** 10, inodes: 0, of: 0, packages: PACKAGES })).toBe("fits\n"));
});
