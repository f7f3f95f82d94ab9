import { expect, it } from "vitest";
import { type FileInode, inodeBytes, readInode } from "../../src/squashfs/inodes.ts";

const FILE: FileInode = {
  kind: "file",
  mode: 0o644,
  owner: 0,
  group: 0,
  modified: 1_700_000_000,
  number: 3,
  links: 1,
  size: 200_000,
  sparse: 0,
  start: 5000,
  blocks: [100_000],
  fragment: { index: 2, offset: 17 },
};
const BLOCK_SIZE = 131_072;
/** Where the number of the kind is; above 7 it is the larger form. */
const kindOf = (bytes: Buffer): number => bytes.readUInt16LE(0);

it.each<[string, Partial<FileInode>, number]>([
  ["a small file", {}, 2],
  ["data at the last place that 32 bits can say", { start: 0xffff_ffff }, 2],
  ["data beyond 4 GiB", { start: 0x1_0000_0000 + 12 }, 9],
  [
    "a file of more than 4 GiB",
    { size: 0x1_0000_0000 + 5, blocks: Array(32_768).fill(7), fragment: { index: 0, offset: 0 } },
    9,
  ],
  ["several names", { links: 2 }, 9],
  ["holes", { sparse: 131_072, blocks: [0] }, 9],
  ["no fragment", { size: 131_072, fragment: undefined }, 2],
])("%s is read as it was written", (_what, change, kind) => {
  const inode = { ...FILE, ...change };
  const bytes = inodeBytes(inode);
  expect(kindOf(bytes)).toBe(kind);
  expect(readInode(bytes, 0, BLOCK_SIZE)).toEqual(inode);
});
