import { inflateSync } from "node:zlib";
import { decompress as zstd } from "fzstd";
import { BLOCK, NotJoinable } from "./metadata.ts";
import { COMPRESSIONS } from "./superblock.ts";

/** By the number in the superblock. Those that our images have. */
const DECOMPRESSIONS: Readonly<Record<number, (bytes: Buffer) => Uint8Array>> = {
  [COMPRESSIONS.gzip]: (bytes) => inflateSync(bytes, { maxOutputLength: BLOCK }),
  [COMPRESSIONS.lz4]: lz4,
  [COMPRESSIONS.zstd]: (bytes) => zstd(bytes),
};

/**
 * Decompresses a block of metadata.
 *
 * @param compression its number in the superblock
 * @throws {NotJoinable} where the compression is not known or the block is damaged.
 */
export function decompress(compression: number, bytes: Buffer): Buffer {
  const decompression = DECOMPRESSIONS[compression];
  if (!decompression) throw new NotJoinable("its compression is not one of ours");
  try {
    return Buffer.from(decompression(bytes));
  } catch (error) {
    throw new NotJoinable(`its tables are damaged (${(error as Error).message})`);
  }
}

/** A block of LZ4 (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md); no package decodes it that is kept. */
function lz4(bytes: Buffer): Uint8Array {
  const out = new Uint8Array(BLOCK);
  let [from, to] = [0, 0];
  const next = (): number => {
    const byte = bytes[from++];
    if (byte === undefined) throw new RangeError("it ends too early");
    return byte;
  };
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255; length += more) more = next();
    return length;
  };
  for (;;) {
    const token = next();
    const literals = lengthFrom(token >> 4);
    if (from + literals > bytes.length || to + literals > BLOCK) throw new RangeError("it is too long");
    out.set(bytes.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === bytes.length) return out.subarray(0, to);
    const distance = next() + 256 * next();
    const length = lengthFrom(token & 15) + 4;
    if (distance === 0 || distance > to || to + length > BLOCK) throw new RangeError("it is too long");
    // What is copied may be what was copied just before.
    for (const end = to + length; to < end; to++) out[to] = out[to - distance] ?? 0;
  }
}
