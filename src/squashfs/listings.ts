/** Listings of directories in SquashFS 4.0 (Linux, fs/squashfs/squashfs_fs.h): runs of entries, in the order of names. */
import type { ListingIndex } from "./inodes.ts";
import { BLOCK, NotJoinable, placeOf, positionOf } from "./metadata.ts";

export interface Entry {
  /** Its bytes as latin1. */
  name: string;
  /** Of its kind (`kindNumber`). */
  kind: number;
  /** The inode's position in its table. */
  inode: number;
  /** The inode's number. */
  number: number;
}

const HEADER = 12;
const ENTRY = 8;
/** Entries behind one header. */
const RUN = 256;
/** A directory's size counts `.` and `..` so (there are no entries for them). */
export const SIZE_OF_NOTHING = 3;

/**
 * @param at the listing's position in the table
 * @param size of the directory
 * @throws {NotJoinable} where there is none.
 */
export function readListing(table: Buffer, at: number, size: number): Entry[] {
  const entries: Entry[] = [];
  const end = at + size - SIZE_OF_NOTHING;
  if (end > table.length) throw new NotJoinable("a directory is beyond its table");
  for (let head = at; head < end; ) {
    if (head + HEADER > end) throw new NotJoinable("a directory ends too early");
    const count = table.readUInt32LE(head) + 1;
    const block = table.readUInt32LE(head + 4);
    const base = table.readUInt32LE(head + 8);
    head += HEADER;
    for (let index = 0; index < count; index++) {
      if (head + ENTRY > end) throw new NotJoinable("a directory ends too early");
      const length = table.readUInt16LE(head + 6) + 1;
      const name = table.toString("latin1", head + ENTRY, head + ENTRY + length);
      entries.push({
        name,
        kind: table.readUInt16LE(head + 4),
        inode: positionOf(block, table.readUInt16LE(head)),
        number: base + table.readInt16LE(head + 2),
      });
      head += ENTRY + length;
    }
    if (head > end) throw new NotJoinable("a directory ends too early");
  }
  return entries;
}

/** What one header stands for. */
interface Run {
  entries: Entry[];
  block: number;
  position: number;
}

function runBytes({ entries, block }: Run): Buffer {
  const base = entries[0]?.number ?? 0;
  const head = Buffer.alloc(HEADER);
  head.writeUInt32LE(entries.length - 1, 0);
  head.writeUInt32LE(block, 4);
  head.writeUInt32LE(base, 8);
  const parts = entries.map(({ name, kind, inode, number }) => {
    const bytes = Buffer.alloc(ENTRY + name.length);
    bytes.writeUInt16LE(placeOf(inode).offset, 0);
    bytes.writeInt16LE(number - base, 2);
    bytes.writeUInt16LE(kind, 4);
    bytes.writeUInt16LE(name.length - 1, 6);
    bytes.write(name, ENTRY, "latin1");
    return bytes;
  });
  return Buffer.concat([head, ...parts]);
}

/** Names in the order of their bytes, as every reader expects them. */
export function inOrder(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/**
 * @param entries in order
 * @param at the position in the table where it will be
 * @returns the listing and where its further blocks begin, for the inode.
 */
export function listingBytes(
  entries: readonly Entry[],
  at: number,
): { bytes: Buffer; index: ListingIndex[] } {
  const runs: Run[] = [];
  const index: ListingIndex[] = [];
  const blockAt = (position: number): number => Math.floor((at + position) / BLOCK);
  let position = 0;
  let run: Run | undefined;
  for (const entry of entries) {
    const { block } = placeOf(entry.inode);
    const base = run?.entries[0]?.number ?? 0;
    const crosses = run !== undefined && blockAt(position) !== blockAt(run.position);
    const isFar = entry.number - base > 0x7fff || entry.number - base < -0x8000;
    if (run === undefined || crosses || isFar || block !== run.block || run.entries.length === RUN) {
      if (crosses) index.push({ name: entry.name, position, block: placeOf(at + position).block });
      run = { entries: [], block, position };
      runs.push(run);
      position += HEADER;
    }
    run.entries.push(entry);
    position += ENTRY + entry.name.length;
  }
  return { bytes: Buffer.concat(runs.map(runBytes)), index };
}
