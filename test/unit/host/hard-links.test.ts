import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { canLink, replaceLinksInto } from "../../../src/host/hard-links.ts";
import { scratch } from "../../support/programs.ts";

let directory = "";
let cache = "";
let tree = "";
beforeEach(async () => {
  directory = await scratch();
  cache = join(directory, "cache");
  tree = join(directory, "tree");
  mkdirSync(join(cache, "archive"), { recursive: true });
  mkdirSync(join(tree, "lib", "package"), { recursive: true });
});

describe("replaceLinksInto", () => {
  it("puts the files in the place of links to them, wherever those are, and leaves other links alone", async () => {
    const file = join(cache, "archive", "a file");
    writeFileSync(file, "text");
    chmodSync(file, 0o751);
    const links = [join(tree, "top"), join(tree, "lib", "package", "it's\nodd")];
    for (const link of links) symlinkSync(file, link);
    symlinkSync("package", join(tree, "lib", "relative"));
    symlinkSync("/usr/bin/env", join(tree, "elsewhere"));
    symlinkSync(`${cache}-other/file`, join(tree, "beside"));
    expect(await replaceLinksInto(cache, tree)).toBe(2);
    for (const link of links) {
      expect(lstatSync(link).ino).toBe(statSync(file).ino);
      expect(readFileSync(link, "utf8")).toBe("text");
    }
    expect(lstatSync(join(tree, "lib", "relative")).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(tree, "elsewhere")).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(tree, "beside")).isSymbolicLink()).toBe(true);
  });

  it("fails for a link to what is not there", async () => {
    symlinkSync(join(cache, "gone"), join(tree, "top"));
    await expect(replaceLinksInto(cache, tree)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("canLink", () => {
  it("tries, and leaves nothing", () => {
    expect(canLink(cache, tree)).toBe(true);
    expect(canLink("/proc", tree)).toBe(false);
    expect(canLink(cache, join(directory, "missing"))).toBe(false);
    expect(lstatSync(cache).nlink).toBe(3);
    expect(lstatSync(tree).nlink).toBe(3);
  });
});
