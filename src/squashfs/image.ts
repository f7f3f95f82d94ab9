/** The tables of a SquashFS 4.0 image whose inodes and directories are not compressed (mksquashfs -noI). */
import { decompress } from "./decompress.ts";
import { type Inode, readInode } from "./inodes.ts";
import { type Entry, readListing } from "./listings.ts";
import {
  NotJoinable,
  positionOf,
  readBlocks,
  readIndexed,
  reading,
  toBlocks,
  toIndexed,
} from "./metadata.ts";
import { Flag, SUPERBLOCK_BYTES, type Superblock, superblockBytes } from "./superblock.ts";

export interface Image {
  superblock: Superblock;
  /** What its compression is set to, as it follows the superblock; empty where that is usual. */
  options: Buffer;
  /** What the blocks of its tables hold together. */
  inodes: Buffer;
  directories: Buffer;
  /** 16 bytes each: place (64 bits), stored size (32), nothing (32). */
  fragments: Buffer;
  /** 4 bytes each. */
  ids: Buffer;
}

export const FRAGMENT_BYTES = 16;

/** Where the data of files begin. */
export function dataStart({ options }: Pick<Image, "options">): number {
  return SUPERBLOCK_BYTES + options.length;
}

/**
 * @param head the first bytes of the image, at least the superblock and a block of metadata
 * @param tables from the table of inodes to the end
 * @throws {NotJoinable} where they are compressed, or not as they should be.
 */
export function parseImage(superblock: Superblock, head: Buffer, tables: Buffer): Image {
  return reading(() => parse(superblock, head, tables));
}

function parse(superblock: Superblock, head: Buffer, tables: Buffer): Image {
  const { inodeTable, directoryTable, fragmentTable, idTable, attributeTable } = superblock;
  if (attributeTable !== undefined) throw new NotJoinable("it has extended attributes");
  const within = (place: number): number => place - inodeTable;
  const indexed = (index: number, size: number): Buffer =>
    readIndexed(tables, within(index), size, inodeTable, (stored) =>
      decompress(superblock.compression, stored),
    );
  const fragments = indexed(fragmentTable, superblock.fragments * FRAGMENT_BYTES);
  const end =
    fragments.length === 0
      ? within(fragmentTable)
      : within(Number(tables.readBigUInt64LE(within(fragmentTable))));
  const hasOptions = (superblock.flags & Flag.compressionOptions) !== 0;
  const optionsSize = hasOptions ? 2 + (head.readUInt16LE(SUPERBLOCK_BYTES) & 0x7fff) : 0;
  return {
    superblock,
    options: head.subarray(SUPERBLOCK_BYTES, SUPERBLOCK_BYTES + optionsSize),
    inodes: readBlocks(tables, 0, within(directoryTable)),
    directories: readBlocks(tables, within(directoryTable), end),
    fragments,
    ids: indexed(idTable, 4 * superblock.ids),
  };
}

/** The position of the root directory's inode. */
export function rootOf({ superblock: { root } }: Pick<Image, "superblock">): number {
  return positionOf(Number(root >> 16n), Number(root & 0xffffn));
}

/** @throws {NotJoinable} where there is none. */
export function inodeAt({ inodes, superblock }: Image, position: number): Inode {
  return reading(() => readInode(inodes, position, superblock.blockSize));
}

/** The entries of a directory, whose inode this is. @throws {NotJoinable} where they are not there. */
export function entriesOf({ directories }: Image, inode: Extract<Inode, { kind: "directory" }>): Entry[] {
  return reading(() => readListing(directories, positionOf(inode.block, inode.offset), inode.size));
}

/** The tables of an image as they follow its data one by one, and its superblock, which says where they are. */
export function imageBytes(image: Image): { superblock: Buffer; tables: Buffer[] } {
  const inodes = toBlocks(image.inodes);
  const directories = toBlocks(image.directories);
  const directoryTable = image.superblock.inodeTable + inodes.length;
  const fragments = toIndexed(image.fragments, directoryTable + directories.length);
  const end = directoryTable + directories.length + fragments.bytes.length;
  const ids = toIndexed(image.ids, end);
  const superblock = superblockBytes({
    ...image.superblock,
    size: end + ids.bytes.length,
    directoryTable,
    fragmentTable: fragments.index,
    idTable: ids.index,
  });
  return { superblock, tables: [inodes, directories, fragments.bytes, ids.bytes] };
}
