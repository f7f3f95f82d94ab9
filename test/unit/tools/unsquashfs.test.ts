import { describe, expect, it } from "vitest";
import { entriesToWrite, parseUnpacking, unpackArgv } from "../../../src/tools/unsquashfs.ts";

describe("the words for unsquashfs", () => {
  it("are known to 4.3, and name the processors and the destination", () => {
    const argv = unpackArgv({
      unsquashfs: "/usr/bin/unsquashfs",
      image: "/p/env.sqfs",
      destination: "/w/tree",
      processors: 2,
    });
    expect(argv.join(" ")).toBe(
      "/usr/bin/unsquashfs -force -no-progress -info -no-xattrs -processors 2 -dest /w/tree /p/env.sqfs",
    );
  });

  it("what it prints says how much there is", () => {
    expect(entriesToWrite("2942 inodes (3001 blocks) to write")).toBe(2942);
    expect(entriesToWrite("created 2937 files")).toBeUndefined();
  });
});

describe("how an unpacking went", () => {
  it.each([
    ["it ended with 0 and said nothing wrong", 0, "created 3 files\ncreated 1 directories\n", { ok: true }],
    [
      "root may not give files away there",
      2,
      "set_attributes: failed to change uid and gids on /w/x, because Operation not permitted",
      { ok: true },
    ],
    [
      "an old one ended with 0 and had no room",
      0,
      "write_file: failed to create file /w/x, because No space left on device",
      { problem: "no space" },
    ],
    [
      "a new one had no room",
      1,
      "Write on output file failed because No space left on device\nFATAL ERROR: writer: failed to write file /w/x\n",
      { problem: "no space" },
    ],
    [
      "the end of the image is missing",
      1,
      "Read on filesystem failed because EOF\nread_id_table: failed to read id index table\nFATAL ERROR: File system corruption detected\n",
      { problem: "damaged" },
    ],
    [
      "the image has other bytes",
      1,
      "zstd uncompress failed with error code 20\nFATAL ERROR: writer: failed to read/uncompress file t/x\n",
      { problem: "damaged" },
    ],
    [
      "it is no image",
      1,
      "FATAL ERROR: Can't find a valid SQUASHFS superblock on /p/x\n",
      { problem: "no image" },
    ],
    [
      "it is no image, says an old one",
      1,
      "Can't find a SQUASHFS superblock on /p/x\n",
      { problem: "no image" },
    ],
    [
      "it does not know zstd",
      1,
      "Filesystem uses zstd compression, this is unsupported by this version\nDecompressors available:\n\tgzip\n",
      { problem: "compression", compression: "zstd" },
    ],
    [
      "4.3 has not heard of zstd",
      1,
      "Filesystem uses unknown compression, this is unsupported by this version\n",
      { problem: "compression", compression: "unknown" },
    ],
    ["it was killed", 137, "", { problem: "other" }],
  ])("%s", (_name, exitCode, output, expected) => {
    expect(parseUnpacking(exitCode, output)).toMatchObject(expected);
  });
});
