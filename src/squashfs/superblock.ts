/** The first 96 bytes of a SquashFS 4.0 image (Linux, fs/squashfs/squashfs_fs.h). */

export const SUPERBLOCK_BYTES = 96;
const MAGIC = 0x73717368;
const VERSION = 4;
/** What stands for the place of a table that there is not. */
const NO_TABLE = 0xffff_ffff_ffff_ffffn;

/** The numbers of compressions. */
export const COMPRESSIONS = { gzip: 1, lz4: 5, zstd: 6 } as const;

export const Flag = {
  plainInodes: 0x0001,
  exportable: 0x0080,
  compressionOptions: 0x0400,
} as const;

export interface Superblock {
  inodes: number;
  /** Seconds since 1970. */
  modified: number;
  /** Bytes. */
  blockSize: number;
  fragments: number;
  compression: number;
  blockLog: number;
  flags: number;
  ids: number;
  /** The root directory's inode: the place of its block shifted by 16, and the offset in it. */
  root: bigint;
  /** Bytes of the image, without what fills its last page. */
  size: number;
  /** Places in the image; the first is also where its data end. */
  inodeTable: number;
  directoryTable: number;
  fragmentTable: number;
  idTable: number;
  attributeTable: number | undefined;
}

/** The table for NFS exports is left out: nothing of ours needs it. @returns undefined for what is no SquashFS 4.0 image. */
export function parseSuperblock(bytes: Buffer): Superblock | undefined {
  if (bytes.length < SUPERBLOCK_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  if (bytes.readUInt16LE(28) !== VERSION) return undefined;
  const place = (at: number): number => Number(bytes.readBigUInt64LE(at));
  return {
    inodes: bytes.readUInt32LE(4),
    modified: bytes.readUInt32LE(8),
    blockSize: bytes.readUInt32LE(12),
    fragments: bytes.readUInt32LE(16),
    compression: bytes.readUInt16LE(20),
    blockLog: bytes.readUInt16LE(22),
    flags: bytes.readUInt16LE(24),
    ids: bytes.readUInt16LE(26),
    root: bytes.readBigUInt64LE(32),
    size: place(40),
    idTable: place(48),
    attributeTable: bytes.readBigUInt64LE(56) === NO_TABLE ? undefined : place(56),
    inodeTable: place(64),
    directoryTable: place(72),
    fragmentTable: place(80),
  };
}

export function superblockBytes(superblock: Superblock): Buffer {
  const bytes = Buffer.alloc(SUPERBLOCK_BYTES);
  const place = (value: number | undefined, at: number): void => {
    bytes.writeBigUInt64LE(value === undefined ? NO_TABLE : BigInt(value), at);
  };
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(superblock.inodes, 4);
  bytes.writeUInt32LE(superblock.modified, 8);
  bytes.writeUInt32LE(superblock.blockSize, 12);
  bytes.writeUInt32LE(superblock.fragments, 16);
  bytes.writeUInt16LE(superblock.compression, 20);
  bytes.writeUInt16LE(superblock.blockLog, 22);
  bytes.writeUInt16LE(superblock.flags & ~Flag.exportable, 24);
  bytes.writeUInt16LE(superblock.ids, 26);
  bytes.writeUInt16LE(VERSION, 28);
  bytes.writeBigUInt64LE(superblock.root, 32);
  place(superblock.size, 40);
  place(superblock.idTable, 48);
  place(superblock.attributeTable, 56);
  place(superblock.inodeTable, 64);
  place(superblock.directoryTable, 72);
  place(superblock.fragmentTable, 80);
  place(undefined, 88);
  return bytes;
}
