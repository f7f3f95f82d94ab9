import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import unbzip2Stream from "unbzip2-stream";
import { openPromise } from "yauzl";
import { ExitCode, KapseliError } from "../errors.ts";
import { zstdDecoded } from "../tools/zstd.ts";

export interface MemberRequest {
  /** Absolute path of a conda package: `.tar.bz2` or `.conda`. */
  archive: string;
  /** The name of a regular file in it, as `bin/micromamba`. */
  member: string;
  /** Absolute path of the file to make; replaced if it is there. Its directory exists. */
  destination: string;
  /** Permission bits of the file made. */
  mode: number;
  signal: AbortSignal;
}

export interface Extracted {
  /** sha256 of the file made, in lower-case hexadecimal. */
  sha256: string;
  /** Its size in bytes. */
  size: number;
}

/** The tar stream in a `.tar.bz2`. Memory: what the decoder waits for, about one compressed block, and what it gives. */
async function* bzip2Tar(archive: string): AsyncGenerator<Uint8Array, void, void> {
  // A stream of Node's first kind, which does all its work inside `write` and `end` and closes as soon as it has ended:
  // piped or wrapped, the end of a small archive is lost.
  const decoder = unbzip2Stream();
  let ready: Uint8Array[] = [];
  let failure: Error | undefined;
  decoder.on("data", (bytes: Uint8Array) => ready.push(bytes));
  decoder.on("error", (error: Error) => {
    failure ??= error;
  });
  for await (const chunk of createReadStream(archive) as AsyncIterable<Buffer>) {
    decoder.write(chunk);
    if (failure !== undefined) throw failure;
    yield* ready;
    ready = [];
  }
  decoder.end();
  if (failure !== undefined) throw failure;
  yield* ready;
}

/**
 * The tar stream of the payload in a `.conda`: an uncompressed zip with `metadata.json`, `info-….tar.zst` and
 * `pkg-….tar.zst` (https://docs.conda.io/projects/conda/en/stable/user-guide/concepts/packages.html).
 */
async function* condaTar(archive: string): AsyncGenerator<Uint8Array, void, void> {
  const zip = await openPromise(archive, { autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      if (!/^pkg-[^/]*\.tar\.zst$/.test(entry.fileName)) continue;
      const packed = await zip.openReadStreamPromise(entry);
      try {
        yield* zstdDecoded(packed);
      } finally {
        packed.destroy();
      }
      return;
    }
    throw new Error("there is no pkg-….tar.zst in it");
  } finally {
    zip.close();
  }
}

async function writeAll(from: AsyncIterable<Uint8Array>, to: FileHandle): Promise<Extracted> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const bytes of from) {
    hash.update(bytes);
    await to.writeFile(bytes);
    size += bytes.length;
  }
  return { sha256: hash.digest("hex"), size };
}

/** Writes the member's content to `to`; undefined when the archive ends without it. */
async function copyMember(
  tar: AsyncGenerator<Uint8Array, void, void>,
  request: MemberRequest,
  to: FileHandle,
): Promise<Extracted | undefined> {
  const entries = extract();
  // A failure of the pump ends the entries with the same error, and leaving the entries ends the pump.
  const pump = pipeline(tar, entries, { signal: request.signal }).catch(() => undefined);
  try {
    for await (const entry of entries) {
      if (entry.header.name.replace(/^(?:\.\/)+/, "") === request.member) {
        if (entry.header.type !== "file" && entry.header.type !== "contiguous-file")
          throw new Error(`${request.member} in it is no regular file but a ${entry.header.type}`);
        return await writeAll(entry as AsyncIterable<Uint8Array>, to);
      }
      entry.resume();
    }
    return undefined;
  } finally {
    entries.destroy();
    await pump;
  }
}

/**
 * Extracts one regular file out of a conda package to a file of its own, through a temporary file (0600) beside the
 * destination, which is renamed when it is complete. Memory is bounded: nothing is held whole. What the archive
 * should be is not checked here: compare its sha256 before. Throws KapseliError (installFailed) when the format is not
 * known, the archive is broken or ends early, or the member is missing or no regular file; `signal.reason` when
 * aborted; and leaves no file then.
 */
export async function extractMember(request: MemberRequest): Promise<Extracted> {
  const { archive, member, destination, mode, signal } = request;
  signal.throwIfAborted();
  const tarOf = archive.endsWith(".tar.bz2") ? bzip2Tar : archive.endsWith(".conda") ? condaTar : undefined;
  if (tarOf === undefined) {
    throw new KapseliError(ExitCode.installFailed, `${basename(archive)} is no conda package.`, {
      hint: "A conda package is a .conda or a .tar.bz2 file.",
    });
  }
  const temporary = `${destination}.${randomUUID()}.part`;
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, "wx", 0o600);
    const extracted = await copyMember(tarOf(archive), request, file);
    if (extracted === undefined) {
      throw new KapseliError(ExitCode.installFailed, `There is no ${member} in ${basename(archive)}.`, {
        hint: "The package is not laid out as expected: take another channel, or another engine.",
      });
    }
    await file.chmod(mode);
    await file.close();
    await rename(temporary, destination);
    return extracted;
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true });
    signal.throwIfAborted();
    if (error instanceof KapseliError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KapseliError(ExitCode.installFailed, `${basename(archive)} cannot be unpacked: ${reason}.`, {
      hint: "The package is broken, or the disk is full: look at the reason, then try again.",
      cause: error,
    });
  }
}
