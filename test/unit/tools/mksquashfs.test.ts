import { describe, expect, it } from "vitest";
import { isPackedEntry, type PackOptions, packArgv, unreadPath } from "../../../src/tools/mksquashfs.ts";

const argv = (over: Partial<PackOptions> = {}) =>
  packArgv({
    mksquashfs: "/usr/bin/mksquashfs",
    source: "/w/tree",
    image: "/p/env.sqfs",
    compression: "zstd",
    processors: 4,
    owner: { uid: 1000, gid: 100 },
    actions: true,
    ...over,
  });

describe("mksquashfs' words", () => {
  it("pack with zstd level 3, blocks of 128 KiB, the builder's owner and everybody's reading", () => {
    expect(argv()).toEqual([
      "/usr/bin/mksquashfs",
      "/w/tree",
      "/p/env.sqfs",
      "-noappend",
      "-b",
      "131072",
      "-comp",
      "zstd",
      "-Xcompression-level",
      "3",
      "-noI",
      "-no-exports",
      "-no-progress",
      "-info",
      "-force-uid",
      "1000",
      "-force-gid",
      "100",
      "-no-xattrs",
      "-processors",
      "4",
      "-mem",
      "512M",
      "-action",
      "chmod(a+rX)@true",
    ]);
  });

  it.each(["lz4", "gzip"] as const)("have no level for %s", (compression) =>
    expect(argv({ compression })).not.toContain("-Xcompression-level"),
  );

  it("leave the compression to a site that chooses one: mksquashfs refuses two", () => {
    const words = argv({ further: ["-noappend", "-comp", "gzip"] });
    expect(words.filter((word) => word === "-comp")).toHaveLength(1);
    expect(words).not.toContain("-Xcompression-level");
    expect(words.slice(-2)).toEqual(["-comp", "gzip"]);
  });

  it("make the mark, and leave out what the source has of its name", () => {
    const words = argv({ mark: "5d8e", further: ["-b", "1M"] });
    expect(words.slice(words.indexOf("-p"))).toEqual([
      ...["-p", ".kapseli d 755 1000 100", "-p", ".kapseli/5d8e d 755 1000 100"],
      ...["-b", "1M", "-e", ".kapseli"],
    ]);
  });

  it("have no action where mksquashfs knows none", () => {
    expect(argv({ actions: false })).not.toContain("-action");
    expect(argv({ actions: false, level: "fast" })).not.toContain("-action");
  });

  it("leave the interpreter as it is where reading fast is what counts, but not against a site's own words", () => {
    const actions = (over: Partial<PackOptions>): string[] =>
      argv(over).filter((_, index, words) => words[index - 1] === "-action");
    expect(actions({ level: "fast", compression: "lz4" })).toEqual([
      "chmod(a+rX)@true",
      expect.stringMatching(/^uncompressed@.*python3/),
    ]);
    expect(actions({ level: "default" })).toEqual(["chmod(a+rX)@true"]);
    expect(actions({ level: "fast", further: ["-comp", "xz"] })).toEqual(["chmod(a+rX)@true"]);
  });
});

/** mksquashfs 4.5.1 -info of a tree with a file, two links, a fifo and a directory. */
const INFO = `Parallel mksquashfs: Using 2 processors
Creating 4.0 filesystem on t.sqfs, block size 131072.
file /big, uncompressed size 300000 bytes 
directory /d inode 0x2c
file /empty, uncompressed size 0 bytes 
file /f, uncompressed size 3 bytes 
file /h, uncompressed size 3 bytes LINK
symbolic link /l inode 0xa4
fifo /p inode 0xbd
directory / inode 0xd1

Exportable Squashfs 4.0 filesystem, zstd compressed, data block size 131072
	compressed data, compressed metadata, compressed fragments,
	no xattrs, compressed ids
	duplicates are removed
Filesystem size 293.36 Kbytes (0.29 Mbytes)
Number of inodes 7
Number of files 3`;

describe("mksquashfs' progress", () => {
  it("is one line for each entry", () => {
    expect(INFO.split("\n").filter(isPackedEntry)).toHaveLength(8);
  });
});

describe("what mksquashfs could not read", () => {
  it.each([
    ["Failed to read file /d/a b, creating empty file", "/d/a b"],
    ["Could not open /d/closed, skipping...", "/d/closed"],
    ["file /d/Could not open it, skipping..., uncompressed size 3 bytes", undefined],
    ["Exportable Squashfs 4.0 filesystem, zstd compressed, data block size 131072", undefined],
  ])("%s", (line, path) => expect(unreadPath(line)).toBe(path));
});
