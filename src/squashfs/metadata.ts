/**
 * Metadata as SquashFS 4.0 keeps it: in blocks of 8 KiB, each behind its size. Of blocks that are not compressed, the
 * position of a byte within all of them together says which block it is in and where. Format: Linux,
 * fs/squashfs/squashfs_fs.h and Documentation/filesystems/squashfs.rst. Numbers are little-endian.
 */

export const BLOCK = 8192;
const HEADER = 2;
const IS_PLAIN = 0x8000;

/** Images that cannot be made one: their metadata need a decompressor, or do not hold together. */
export class NotJoinable extends Error {}

/** What is read beyond a table's end is no error of ours. @throws {NotJoinable} in place of a RangeError. */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new NotJoinable("its tables are not as they should be");
  }
}

interface Block {
  /** As it is in the image. */
  stored: Buffer;
  isPlain: boolean;
}

function blockAt(bytes: Buffer, at: number): Block {
  if (at < 0 || at + HEADER > bytes.length) throw new NotJoinable("its tables end too early");
  const header = bytes.readUInt16LE(at);
  const start = at + HEADER;
  const size = header & ~IS_PLAIN;
  if (size > BLOCK || start + size > bytes.length) throw new NotJoinable("its tables end too early");
  return { stored: bytes.subarray(start, start + size), isPlain: (header & IS_PLAIN) !== 0 };
}

/**
 * What the blocks of a table hold together.
 *
 * @throws {NotJoinable} where one of them is compressed, and a block that is not the last is not full: no position would be right then.
 */
export function readBlocks(bytes: Buffer, start: number, end: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = start; at < end; ) {
    const { stored, isPlain } = blockAt(bytes, at);
    if (!isPlain) throw new NotJoinable("its inodes are compressed");
    parts.push(stored);
    at += HEADER + stored.length;
    if (at > end || (at < end && stored.length !== BLOCK)) {
      throw new NotJoinable("its tables are not as they should be");
    }
  }
  return Buffer.concat(parts);
}

/**
 * A table that is found by an index of its blocks' places.
 *
 * @param index of the index in `bytes`
 * @param size bytes of the table
 * @param base what the places count from, as an offset in `bytes`
 * @param decompress of a block that is compressed
 * @throws {NotJoinable}
 */
export function readIndexed(
  bytes: Buffer,
  index: number,
  size: number,
  base: number,
  decompress: (stored: Buffer) => Buffer,
): Buffer {
  const parts: Buffer[] = [];
  for (let block = 0; block * BLOCK < size; block++) {
    const at = index + 8 * block;
    if (at < 0 || at + 8 > bytes.length) throw new NotJoinable("its tables end too early");
    const { stored, isPlain } = blockAt(bytes, Number(bytes.readBigUInt64LE(at)) - base);
    parts.push(isPlain ? stored : decompress(stored));
  }
  const table = Buffer.concat(parts);
  if (table.length !== size) throw new NotJoinable("its tables are not as they should be");
  return table;
}

/** The blocks that hold a table, none of them compressed. */
export function toBlocks(table: Buffer): Buffer {
  const count = Math.ceil(table.length / BLOCK);
  const bytes = Buffer.allocUnsafe(table.length + HEADER * count);
  for (let block = 0; block < count; block++) {
    const part = table.subarray(block * BLOCK, (block + 1) * BLOCK);
    const at = block * (BLOCK + HEADER);
    bytes.writeUInt16LE(part.length | IS_PLAIN, at);
    part.copy(bytes, at + HEADER);
  }
  return bytes;
}

/**
 * A table's blocks and the index of their places.
 *
 * @param start where the blocks will be in the image
 * @returns `index`: where the index will be in the image
 */
export function toIndexed(table: Buffer, start: number): { bytes: Buffer; index: number } {
  const blocks = toBlocks(table);
  const places = Buffer.alloc(8 * Math.ceil(table.length / BLOCK));
  for (let block = 0; 8 * block < places.length; block++) {
    places.writeBigUInt64LE(BigInt(start + block * (BLOCK + HEADER)), 8 * block);
  }
  return { bytes: Buffer.concat([blocks, places]), index: start + blocks.length };
}

/** Where a position in a table is: the place of the block's header among the blocks, and the offset in what it holds. */
export function placeOf(position: number): { block: number; offset: number } {
  return { block: Math.floor(position / BLOCK) * (BLOCK + HEADER), offset: position % BLOCK };
}

/** The opposite of `placeOf`. @throws {NotJoinable} for a place where no block begins. */
export function positionOf(block: number, offset: number): number {
  if (block % (BLOCK + HEADER) !== 0) throw new NotJoinable("its tables are not as they should be");
  return (block / (BLOCK + HEADER)) * BLOCK + offset;
}
