/** Inodes of SquashFS 4.0 (Linux, fs/squashfs/squashfs_fs.h). */
import { NotJoinable } from "./metadata.ts";

/** No fragment, no attributes. */
const NONE = 0xffff_ffff;
const BASIC_MAX = 0xffff_ffff;

interface Common {
  /** Without the kind. */
  mode: number;
  /** Indices in the table of ids. */
  owner: number;
  group: number;
  /** Seconds since 1970. */
  modified: number;
  number: number;
  links: number;
}

export interface DirectoryInode extends Common {
  kind: "directory";
  /** Place of the listing: of its block's header among those of the table of directories, and the offset in it. */
  block: number;
  offset: number;
  /** Bytes of the listing, and three. */
  size: number;
  /** The parent's inode number. */
  parent: number;
}

export interface FileInode extends Common {
  kind: "file";
  /** Bytes of the file. */
  size: number;
  /** Bytes of it that are holes. */
  sparse: number;
  /** Place of its first block in the image. */
  start: number;
  /** Of each block: its bytes, with a bit that says that it is not compressed. */
  blocks: readonly number[];
  /** The fragment that holds its end, and where in it. */
  fragment: { index: number; offset: number } | undefined;
}

export interface LinkInode extends Common {
  kind: "link";
  target: Buffer;
}

export interface OtherInode extends Common {
  kind: "block device" | "character device" | "fifo" | "socket";
  /** Absent of a fifo and a socket. */
  device?: number;
}

export type Inode = DirectoryInode | FileInode | LinkInode | OtherInode;

/** By their numbers; an inode with more than usual has its kind's number and 7. */
const KINDS = ["directory", "file", "link", "block device", "character device", "fifo", "socket"] as const;
const EXTENDED = 7;

/** The number by which a listing says what an entry is. */
export function kindNumber(kind: Inode["kind"]): number {
  return KINDS.indexOf(kind) + 1;
}

/** Bytes that a block takes in the image, from its entry in an inode or in the table of fragments. */
export function storedBytes(entry: number): number {
  return entry & 0xff_ffff;
}

/**
 * @param at the inode's position in the table
 * @param blockSize of the image
 * @throws {NotJoinable} where there is none; {RangeError} where it is beyond the table.
 */
export function readInode(table: Buffer, at: number, blockSize: number): Inode {
  const u16 = (offset: number): number => table.readUInt16LE(at + offset);
  const u32 = (offset: number): number => table.readUInt32LE(at + offset);
  const u64 = (offset: number): number => Number(table.readBigUInt64LE(at + offset));
  const type = u16(0);
  const isExtended = type > EXTENDED;
  const kind = KINDS[type - 1 - (isExtended ? EXTENDED : 0)];
  const common = { mode: u16(2), owner: u16(4), group: u16(6), modified: u32(8), number: u32(12) };
  switch (kind) {
    case undefined:
      throw new NotJoinable("an inode has no kind");
    case "directory":
      return isExtended
        ? { ...common, kind, links: u32(16), size: u32(20), block: u32(24), parent: u32(28), offset: u16(34) }
        : {
            ...common,
            kind,
            block: u32(16),
            links: u32(20),
            size: u16(24),
            offset: u16(26),
            parent: u32(28),
          };
    case "file": {
      const size = isExtended ? u64(24) : u32(28);
      const index = u32(isExtended ? 44 : 20);
      const first = isExtended ? 56 : 32;
      const count = index === NONE ? Math.ceil(size / blockSize) : Math.floor(size / blockSize);
      if (at + first + 4 * count > table.length) throw new RangeError("an inode is beyond its table");
      const blocks: number[] = [];
      for (let block = 0; block < count; block++) blocks.push(u32(first + 4 * block));
      const { mode, owner, group, modified, number } = common;
      // Named one by one: there are many of these, and V8 takes 20 times as long where some are spread.
      return {
        mode,
        owner,
        group,
        modified,
        number,
        kind,
        size,
        start: isExtended ? u64(16) : u32(16),
        sparse: isExtended ? u64(32) : 0,
        links: isExtended ? u32(40) : 1,
        fragment: index === NONE ? undefined : { index, offset: u32(isExtended ? 48 : 24) },
        blocks,
      };
    }
    case "link": {
      const length = u32(20);
      if (at + 24 + length > table.length) throw new RangeError("an inode is beyond its table");
      return { ...common, kind, links: u32(16), target: table.subarray(at + 24, at + 24 + length) };
    }
    case "block device":
    case "character device":
      return { ...common, kind, links: u32(16), device: u32(20) };
    default:
      return { ...common, kind, links: u32(16) };
  }
}

/** Where a block of a listing begins, for finding a name without reading all of it. */
export interface ListingIndex {
  /** The first name there. */
  name: string;
  /** Bytes of the listing before it. */
  position: number;
  /** Place of its block's header among those of the table of directories. */
  block: number;
}

/** @param index of a directory's listing. */
export function inodeBytes(inode: Inode, index: readonly ListingIndex[] = []): Buffer {
  switch (inode.kind) {
    case "directory":
      return directoryBytes(inode, index);
    case "file":
      return fileBytes(inode);
    case "link":
      return Buffer.concat([fields(inode, false, [inode.links, inode.target.length]), inode.target]);
    default:
      return fields(inode, false, [inode.links, ...(inode.device === undefined ? [] : [inode.device])]);
  }
}

/** What all inodes begin with, and numbers of 32 bits. */
function fields(inode: Inode, isExtended: boolean, numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(16 + 4 * numbers.length);
  bytes.writeUInt16LE(kindNumber(inode.kind) + (isExtended ? EXTENDED : 0), 0);
  bytes.writeUInt16LE(inode.mode, 2);
  bytes.writeUInt16LE(inode.owner, 4);
  bytes.writeUInt16LE(inode.group, 6);
  bytes.writeUInt32LE(inode.modified, 8);
  bytes.writeUInt32LE(inode.number, 12);
  for (const [place, number] of numbers.entries()) bytes.writeUInt32LE(number, 16 + 4 * place);
  return bytes;
}

/** Two numbers of 16 bits in the place of one of 32. */
const pair = (first: number, second: number): number => first + second * 0x1_0000;
const halves = (value: number): [number, number] => [
  value % 0x1_0000_0000,
  Math.floor(value / 0x1_0000_0000),
];

function directoryBytes(inode: DirectoryInode, index: readonly ListingIndex[]): Buffer {
  const { block, offset, size, parent, links } = inode;
  if (index.length === 0 && size <= 0xffff) {
    return fields(inode, false, [block, links, pair(size, offset), parent]);
  }
  const own = fields(inode, true, [links, size, block, parent, pair(index.length, offset), NONE]);
  const entries = index.map(({ name, position, block: place }) => {
    const bytes = Buffer.alloc(12 + name.length);
    bytes.writeUInt32LE(position, 0);
    bytes.writeUInt32LE(place, 4);
    bytes.writeUInt32LE(name.length - 1, 8);
    bytes.write(name, 12, "latin1");
    return bytes;
  });
  return Buffer.concat([own, ...entries]);
}

function fileBytes(inode: FileInode): Buffer {
  const { size, start, sparse, links, fragment, blocks } = inode;
  const end = [fragment?.index ?? NONE, fragment?.offset ?? 0];
  if (links === 1 && sparse === 0 && Math.max(size, start) <= BASIC_MAX) {
    return fields(inode, false, [start, ...end, size, ...blocks]);
  }
  const numbers = [...halves(start), ...halves(size), ...halves(sparse), links, ...end, NONE, ...blocks];
  return fields(inode, true, numbers);
}
