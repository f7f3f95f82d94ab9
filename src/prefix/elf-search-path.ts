import { type Move, relocatePath } from "./relocation.ts";

/** Values of the ELF format (elf.h, man 5 elf). */
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NULL = 0;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

const u64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

/** The program headers of a 64-bit little-endian ELF file; none of any other file. */
function segmentsOf(bytes: Buffer): Segment[] {
  if (bytes.length < 64 || bytes.toString("latin1", 0, 6) !== "\x7fELF\x02\x01") return [];
  const [start, size, count] = [u64(bytes, 0x20), bytes.readUInt16LE(0x36), bytes.readUInt16LE(0x38)];
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: bytes.readUInt32LE(at),
      offset: u64(bytes, at + 8),
      address: u64(bytes, at + 16),
      size: u64(bytes, at + 32),
    };
  });
}

/** The entries of the dynamic section: where each one's value is, and what it is. */
function dynamicEntries(
  bytes: Buffer,
  segments: readonly Segment[],
): { tag: number; at: number; value: number }[] {
  const section = segments.find(({ type }) => type === PT_DYNAMIC);
  const entries = [];
  for (let at = section?.offset ?? 0, end = at + (section?.size ?? 0); at < end; at += 16) {
    const tag = u64(bytes, at);
    if (tag === DT_NULL) break;
    entries.push({ tag, at: at + 8, value: u64(bytes, at + 8) });
  }
  return entries;
}

/**
 * A program or library in whose search path for libraries (DT_RPATH, DT_RUNPATH) the old place is replaced by the
 * new one, as compilers write it into what pip or a hook compiles. Only where the new path is not longer: nothing in
 * the file may move. The new text ends where the old one did, because linkers let other strings be the ends of it.
 *
 * @returns undefined when there is no such path, no room, or the file is not of a form that is understood.
 */
export function relocateSearchPath(bytes: Buffer, move: Move): Buffer | undefined {
  try {
    const segments = segmentsOf(bytes);
    const entries = dynamicEntries(bytes, segments);
    const address = entries.find(({ tag }) => tag === DT_STRTAB)?.value;
    const holder = segments.find(
      (one) =>
        one.type === PT_LOAD &&
        address !== undefined &&
        one.address <= address &&
        address < one.address + one.size,
    );
    if (address === undefined || holder === undefined) return undefined;
    const strings = holder.offset + address - holder.address;
    const result = Buffer.from(bytes);
    /** The same string may serve both entries. */
    const shifts = new Map<number, number>();
    for (const { tag, at, value } of entries) {
      if (tag !== DT_RPATH && tag !== DT_RUNPATH) continue;
      const shift = shifts.get(value) ?? replaceAtEnd(result, strings + value, move);
      if (shift === undefined) continue;
      shifts.set(value, shift);
      result.writeBigUInt64LE(BigInt(value + shift), at);
    }
    return shifts.size > 0 ? result : undefined;
  } catch (error) {
    // Offsets that lead out of the file: it is damaged, or no ELF file after all.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** @returns by how many bytes the string begins later; undefined when nothing was replaced. */
function replaceAtEnd(bytes: Buffer, start: number, move: Move): number | undefined {
  // As one character a byte: a path need not be UTF-8.
  const [from, to] = [Buffer.from(move.from).toString("latin1"), Buffer.from(move.to).toString("latin1")];
  const end = bytes.indexOf(0, start);
  if (end === -1) return undefined;
  const before = bytes.toString("latin1", start, end).split(":");
  const after = before.map((path) => relocatePath(path, { from, to }));
  const fresh = Buffer.from(after.join(":"), "latin1");
  const shift = end - start - fresh.length;
  if (shift < 0 || after.join(":") === before.join(":")) return undefined;
  bytes.fill(0, start, start + shift);
  fresh.copy(bytes, start + shift);
  return shift;
}
