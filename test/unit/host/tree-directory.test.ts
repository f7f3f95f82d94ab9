import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTreeDirectory } from "../../../src/host/tree-directory.ts";

const EXT = 0xef53;
let base: string;

beforeAll(() => {
  base = mkdtempSync("/var/tmp/kapseli-tree-");
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe("a directory for a tree of very many files", () => {
  it("is an empty one of its name, with nothing beside it", async () => {
    const work = join(base, "work");
    mkdirSync(work);
    await makeTreeDirectory(join(work, "tree"));
    expect(readdirSync(work)).toEqual(["tree"]);
    expect(readdirSync(join(work, "tree"))).toEqual([]);
  });

  it("is not made where there is no directory for it", async () => {
    await expect(makeTreeDirectory(join(base, "no", "tree"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("never takes the place of files", async () => {
    const work = join(base, "used");
    mkdirSync(join(work, "tree"), { recursive: true });
    writeFileSync(join(work, "tree", "file"), "");
    await expect(makeTreeDirectory(join(work, "tree"))).rejects.toThrow();
    expect(readdirSync(join(work, "tree"))).toEqual(["file"]);
  });

  it.runIf(statfsSync("/var/tmp").type === EXT)("lies elsewhere on ext4 each time", async () => {
    // Inode numbers are in the order of the groups: each directory of a common parent would follow the one before.
    const inodes: number[] = [];
    for (let count = 0; count < 8; count += 1) {
      const work = join(base, `spread-${count}`);
      mkdirSync(work);
      await makeTreeDirectory(join(work, "tree"));
      expect(execFileSync("lsattr", ["-d", work], { encoding: "utf8" }).split(" ")[0]).toContain("T");
      inodes.push(statSync(join(work, "tree")).ino);
    }
    const near = inodes.filter((inode, at) => at > 0 && Math.abs(inode - (inodes[at - 1] ?? 0)) < 1000);
    expect(near.length).toBeLessThan(4);
  });
});
