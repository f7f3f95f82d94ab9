/**
 * Makes one image of two: an image and what was changed in it, packed by itself. The data of both stay as they are, one
 * behind the other; so do the first one's inodes and listings, behind which come those of what changed and of the
 * directories that lead there. What nothing leads to any more stays in the image, unused (`survey` says how much).
 */
import { dataStart, entriesOf, FRAGMENT_BYTES, type Image, inodeAt, rootOf } from "./image.ts";
import { type DirectoryInode, type Inode, inodeBytes, kindNumber, storedBytes } from "./inodes.ts";
import { type Entry, inOrder, listingBytes, SIZE_OF_NOTHING } from "./listings.ts";
import { NotJoinable, placeOf, reading } from "./metadata.ts";

/** What becomes of a directory of the second image. Names are their bytes as latin1. */
export interface Change {
  /** What comes from the second image; of a directory all that is below it. */
  taken: ReadonlySet<string>;
  /** Directories of the second image; where the first has one, too, both are joined. */
  directories: ReadonlyMap<string, Change>;
  /** What was in the first and is in neither any more. */
  gone: ReadonlySet<string>;
}

/** Whether two images are packed so alike that data and inodes of one mean the same in the other. */
export function areAlike(one: Image, other: Image): boolean {
  const { superblock: a } = one;
  const { superblock: b } = other;
  return (
    a.compression === b.compression &&
    a.blockSize === b.blockSize &&
    one.options.equals(other.options) &&
    one.ids.equals(other.ids)
  );
}

/** A table that grows. */
class Growing {
  readonly #parts: Buffer[];
  length: number;

  constructor(start: Buffer) {
    this.#parts = [start];
    this.length = start.length;
  }

  /** @returns the position of what is added. */
  add(bytes: Buffer): number {
    const at = this.length;
    this.#parts.push(bytes);
    this.length += bytes.length;
    return at;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Where the second image's parts are in the joined one. */
interface Moved {
  /** What is added to the places of data. */
  data: number;
  fragments: number;
  numbers: number;
}

class Joining {
  readonly #first: Image;
  readonly #second: Image;
  readonly #moved: Moved;
  readonly inodes: Growing;
  readonly directories: Growing;
  /** Positions of inodes that were taken, by their number: some have several names. */
  readonly #taken = new Map<number, number>();

  constructor(first: Image, second: Image, moved: Moved) {
    this.#first = first;
    this.#second = second;
    this.#moved = moved;
    this.inodes = new Growing(first.inodes);
    this.directories = new Growing(first.directories);
  }

  /** An inode of the second image as it is in the joined one. */
  #relocated(inode: Inode, number: number): Inode {
    if (inode.kind !== "file") return { ...inode, number };
    const { data, fragments } = this.#moved;
    const { fragment, blocks, start } = inode;
    return {
      ...inode,
      number,
      start: blocks.length === 0 ? start : start + data,
      fragment: fragment && { ...fragment, index: fragment.index + fragments },
    };
  }

  #addDirectory(inode: DirectoryInode, unordered: readonly Entry[]): number {
    const entries = inOrder(unordered);
    const { bytes, index } = listingBytes(entries, this.directories.length);
    const { block, offset } = placeOf(this.directories.add(bytes));
    const below = entries.filter(({ kind }) => kind === kindNumber("directory")).length;
    const size = bytes.length + SIZE_OF_NOTHING;
    return this.inodes.add(inodeBytes({ ...inode, block, offset, size, links: 2 + below }, index));
  }

  /** Takes something of the second image with all that is below it. */
  #take(entry: Entry, parent: number): Entry {
    const inode = inodeAt(this.#second, entry.inode);
    const number = entry.number + this.#moved.numbers;
    if (inode.kind === "directory") {
      const entries = entriesOf(this.#second, inode).map((below) => this.#take(below, number));
      return { ...entry, number, inode: this.#addDirectory({ ...inode, number, parent }, entries) };
    }
    const position = this.#taken.get(number) ?? this.inodes.add(inodeBytes(this.#relocated(inode, number)));
    this.#taken.set(number, position);
    return { ...entry, number, inode: position };
  }

  /**
   * Joins two directories, of which the first need not be there; the joined one keeps the first one's number.
   *
   * @param one, other their entries in the directories above, which are of directories
   * @param parent the number of the directory above
   */
  join(one: Entry | undefined, other: Entry, change: Change, parent: number): Entry {
    const { taken, directories, gone } = change;
    const own = directoryAt(this.#second, other.inode);
    const number = one?.number ?? other.number + this.#moved.numbers;
    const its = new Map(entriesOf(this.#second, own).map((entry) => [entry.name, entry]));
    const inOther = (name: string): Entry => {
      const entry = its.get(name);
      if (!entry) throw new NotJoinable(`what was changed lacks ${JSON.stringify(name)}`);
      return entry;
    };
    const before = one ? entriesOf(this.#first, directoryAt(this.#first, one.inode)) : [];
    const firsts = new Map(before.map((entry) => [entry.name, entry]));
    const entries = [...firsts.values()].filter(
      ({ name }) => !taken.has(name) && !gone.has(name) && !directories.has(name),
    );
    for (const name of taken) entries.push(this.#take(inOther(name), number));
    for (const [name, below] of directories) {
      const first = firsts.get(name);
      const directory = first?.kind === kindNumber("directory") ? first : undefined;
      entries.push(this.join(directory, inOther(name), below, number));
    }
    return { ...other, number, inode: this.#addDirectory({ ...own, number, parent }, entries) };
  }
}

/** @throws {NotJoinable} where something else is there. */
export function directoryAt(image: Image, position: number): DirectoryInode {
  const inode = inodeAt(image, position);
  if (inode.kind !== "directory") throw new NotJoinable("a directory is none");
  return inode;
}

function joinFragments(first: Buffer, second: Buffer, moved: number): Buffer {
  const fragments = Buffer.concat([first, second]);
  for (let at = first.length; at < fragments.length; at += FRAGMENT_BYTES) {
    fragments.writeBigUInt64LE(fragments.readBigUInt64LE(at) + BigInt(moved), at);
  }
  return fragments;
}

/** A place in the table of inodes as the superblock has it. */
function reference(position: number): bigint {
  const { block, offset } = placeOf(position);
  return (BigInt(block) << 16n) | BigInt(offset);
}

/** The root directory, as an entry of one above it would be. */
function rootEntry(image: Image): Entry {
  const inode = rootOf(image);
  return { name: "", kind: kindNumber("directory"), inode, number: inodeAt(image, inode).number };
}

/** How far the second image's data move when they follow the first one's. */
export function dataMoved(first: Image, second: Image): number {
  return first.superblock.inodeTable - dataStart(second);
}

/**
 * The tables of an image whose data are the first one's, then the second one's.
 *
 * @param first its inode numbers are kept
 * @param second packed alike (`areAlike`)
 * @param change of the root directory
 * @returns of the places in its superblock only that of the inodes, where the data end, is right yet (`imageBytes`).
 * @throws {NotJoinable} where one of them does not hold together, or the second lacks what the change names.
 */
export function joinImages(first: Image, second: Image, change: Change): Image {
  return reading(() => join(first, second, change));
}

function join(first: Image, second: Image, change: Change): Image {
  const data = dataMoved(first, second);
  const fragments = first.superblock.fragments;
  const numbers = first.superblock.inodes;
  const joining = new Joining(first, second, { data, fragments, numbers });
  const [one, other] = [rootEntry(first), rootEntry(second)];
  const root = joining.join(one, other, change, directoryAt(first, one.inode).parent);
  return {
    superblock: {
      ...first.superblock,
      inodes: numbers + second.superblock.inodes,
      modified: second.superblock.modified,
      fragments: fragments + second.superblock.fragments,
      root: reference(root.inode),
      inodeTable: second.superblock.inodeTable + data,
    },
    options: first.options,
    inodes: joining.inodes.bytes,
    directories: joining.directories.bytes,
    fragments: joinFragments(first.fragments, second.fragments, data),
    ids: first.ids,
  };
}

export interface Survey {
  /** Files, directories and links, by all of their names. */
  entries: number;
  /** Bytes of data that no file uses, and of listings that are no directory's any more. */
  unused: number;
}

/**
 * Goes through all that an image holds.
 *
 * @throws {NotJoinable} where something does not lead where it should.
 */
export function survey(image: Image): Survey {
  const dataEnd = image.superblock.inodeTable;
  const seen = new Set<number>();
  const fragments = new Set<number>();
  let [entries, unused] = [1, dataEnd - dataStart(image) + image.directories.length];
  const count = (start: number, bytes: number): void => {
    if (start + bytes > dataEnd) throw new NotJoinable("a file is beyond the data");
    unused -= bytes;
  };
  const waiting = [directoryAt(image, rootOf(image))];
  let directories = 0;
  for (let directory = waiting.pop(); directory; directory = waiting.pop()) {
    directories += 1;
    if (directories > image.superblock.inodes) throw new NotJoinable("its directories lead in circles");
    unused -= directory.size - SIZE_OF_NOTHING;
    for (const entry of entriesOf(image, directory)) {
      entries += 1;
      const inode = inodeAt(image, entry.inode);
      if (kindNumber(inode.kind) !== entry.kind || inode.number !== entry.number) {
        throw new NotJoinable(`${JSON.stringify(entry.name)} is something else`);
      }
      if (inode.kind === "directory") waiting.push(inode);
      if (inode.kind !== "file") continue;
      if (inode.fragment) fragments.add(inode.fragment.index);
      const bytes = inode.blocks.reduce((sum, block) => sum + storedBytes(block), 0);
      // One of zeros alone begins where the next one does.
      if (bytes === 0 || seen.has(inode.start)) continue;
      seen.add(inode.start);
      count(inode.start, bytes);
    }
  }
  for (const index of fragments) {
    const at = index * FRAGMENT_BYTES;
    if (at + FRAGMENT_BYTES > image.fragments.length) throw new NotJoinable("a file's end is in no fragment");
    count(Number(image.fragments.readBigUInt64LE(at)), storedBytes(image.fragments.readUInt32LE(at + 8)));
  }
  return { entries, unused };
}
