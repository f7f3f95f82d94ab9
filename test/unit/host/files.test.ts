import { link, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  asideOf,
  exists,
  hashFile,
  isWritable,
  linkOrCopy,
  makeDirectories,
  physicalPath,
  removeAsides,
  removeEmptyDirectories,
  replaceLink,
} from "../../../src/host/files.ts";
import { openModes } from "../../../src/host/modes.ts";
import { directoryFacts } from "../../../src/host/prefix-facts.ts";
import { scratch } from "../../support/programs.ts";

describe("files", () => {
  it("are there, also as links that lead nowhere", async () => {
    const at = await scratch();
    await symlink("nowhere", join(at, "link"));
    await writeFile(join(at, "file"), "");
    expect(await exists(join(at, "link"))).toBe(true);
    expect(await exists(join(at, "other"))).toBe(false);
    expect(await exists(join(at, "file", "below"))).toBe(false);
  });

  it("have a sha256 and a size", async () => {
    const file = join(await scratch(), "f");
    await writeFile(file, "abc");
    expect(await hashFile(file)).toEqual({
      sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      size: 3,
    });
  });
});

describe("directories", () => {
  it("that were missing are known, and taken back where they are empty", async () => {
    const at = await scratch();
    const made = await makeDirectories(join(at, "a", "b", "c"));
    expect(made).toEqual([join(at, "a"), join(at, "a", "b"), join(at, "a", "b", "c")]);
    expect(await makeDirectories(join(at, "a", "b"))).toEqual([]);
    await writeFile(join(at, "a", "mine"), "");
    await removeEmptyDirectories(made);
    await removeEmptyDirectories(made);
    expect(await readdir(join(at, "a"))).toEqual(["mine"]);
  });

  it("are writable or not", async () => {
    expect(await isWritable(await scratch())).toBe(true);
    expect(await isWritable("/proc/nothing")).toBe(false);
  });
});

describe("replacing by one rename", () => {
  it("leaves what a later one removes where it was killed; other names stay", async () => {
    const at = await scratch();
    const others = [".kapseli-base", ".kapseli-stub", ".kapseli.lock", "kapseli-1"];
    for (const name of others) await writeFile(join(at, name), "");
    await symlink("nowhere", asideOf(join(at, "current")));
    await writeFile(asideOf(join(at, "img.sqfs")), "");
    await removeAsides(at);
    expect((await readdir(at)).sort()).toEqual(others);
    await removeAsides(join(at, "nothing"));
  });

  it("makes a link, new or over another, and leaves nothing beside it", async () => {
    const at = await scratch();
    for (const target of ["generations/1", "generations/2"]) {
      await replaceLink(join(at, "current"), target);
      expect(await readlink(join(at, "current"))).toBe(target);
    }
    expect(await readdir(at)).toEqual(["current"]);
  });

  it("makes another name of a file, new, over another, or over itself", async () => {
    const at = await scratch();
    await writeFile(join(at, "stub"), "stub");
    await writeFile(join(at, "old"), "old");
    for (const name of ["new", "old", "old"]) await linkOrCopy(join(at, "stub"), join(at, name));
    expect(await readFile(join(at, "old"), "utf8")).toBe("stub");
    expect((await stat(join(at, "stub"))).nlink).toBe(3);
    expect((await readdir(at)).sort()).toEqual(["new", "old", "stub"]);
  });
});

describe("a physical path", () => {
  it("has its links resolved, also where its end is not there yet", async () => {
    const at = await physicalPath(await scratch());
    await mkdir(join(at, "real"));
    await symlink("real", join(at, "link"));
    expect(await physicalPath(join(at, "link"))).toBe(join(at, "real"));
    expect(await physicalPath(join(at, "link", "new", "env"))).toBe(join(at, "real", "new", "env"));
    expect(await physicalPath("/")).toBe("/");
  });
});

describe("opening modes for everybody", () => {
  it("lets all read, and enter or run what the owner may", async () => {
    const at = join(await scratch(), "t");
    await mkdir(join(at, "d"), { recursive: true, mode: 0o700 });
    await writeFile(join(at, "d", "data"), "", { mode: 0o600 });
    await writeFile(join(at, "d", "program"), "", { mode: 0o700 });
    await symlink("/proc/nothing", join(at, "link"));
    await openModes(at);
    const mode = async (path: string) => ((await stat(join(at, path))).mode & 0o777).toString(8);
    expect(await Promise.all(["d", "d/data", "d/program"].map(mode))).toEqual(["755", "644", "755"]);
  });
});

describe("what is known of a prefix", () => {
  it.each<[string, (at: string) => Promise<unknown>, object]>([
    ["nothing there", async () => undefined, {}],
    ["a file", (at) => writeFile(at, ""), { notDirectory: true }],
    ["an empty directory", (at) => mkdir(at), { entries: [] }],
  ])("%s", async (_what, make, facts) => {
    const path = join(await scratch(), "p");
    await make(path);
    expect(await directoryFacts(path)).toEqual({ path, ...facts });
  });

  it("an environment, its generations and where bin leads", async () => {
    const path = await scratch();
    for (const name of ["1", "12", "3.tmp", "0"])
      await mkdir(join(path, "generations", name), { recursive: true });
    await symlink("env/bin", join(path, "bin"));
    const facts = await directoryFacts(path);
    expect(facts.binTarget).toBe("env/bin");
    expect([...(facts.generations ?? [])].sort((a, b) => a - b)).toEqual([1, 12]);
  });

  it("a directory of the user's own with hard links is looked at, not changed", async () => {
    const path = await scratch();
    await writeFile(join(path, "a"), "");
    await link(join(path, "a"), join(path, "b"));
    expect((await directoryFacts(path)).entries?.length).toBe(2);
  });
});
