import { Decompress } from "fzstd";

/** Compressed bytes given to the decoder at once: 4 of them can become 128 KiB (an RLE block), so few at a time. */
const SLICE = 2 * 1024;

/**
 * The decompressed bytes of a stream of one or more Zstandard frames, in pure JavaScript (Node 20's zlib has no
 * zstd). Memory: one window of the frame, which its writer chose (8 MiB for level 19), and one slice's output.
 * The frames' checksums are not looked at: whoever needs to know that the bytes are right checks a sha256.
 * Throws Error for data that is no Zstandard, is broken or ends early.
 */
export async function* zstdDecoded(
  compressed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  let ready: Uint8Array[] = [];
  const decoder = new Decompress((bytes) => {
    if (bytes.length > 0) ready.push(bytes);
  });
  for await (const chunk of compressed) {
    for (let start = 0; start < chunk.length; start += SLICE) {
      decoder.push(chunk.subarray(start, start + SLICE));
      yield* ready;
      ready = [];
    }
  }
  decoder.push(new Uint8Array(0), true);
  yield* ready;
}
