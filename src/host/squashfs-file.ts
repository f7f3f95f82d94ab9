import { constants } from "node:fs";
import { chmod, copyFile, type FileHandle, open, rm } from "node:fs/promises";
import { dataStart, type Image, imageBytes, parseImage } from "../squashfs/image.ts";
import { dataMoved } from "../squashfs/join.ts";
import { BLOCK, NotJoinable } from "../squashfs/metadata.ts";
import { parseSuperblock, SUPERBLOCK_BYTES, type Superblock } from "../squashfs/superblock.ts";
import { readHead } from "./files.ts";

/** The superblock, what follows it, and the data's beginning. */
const HEAD_BYTES = SUPERBLOCK_BYTES + 2 + BLOCK;
/** Those of a million files; they are in memory several times at once. */
const MAX_TABLES_BYTES = 64 * 1024 ** 2;
/** What images are filled up to, as mksquashfs does: a loop device needs whole sectors. */
const PAGE = 4096;
const CHUNK = 4 * 1024 ** 2;

async function readAt(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, "r");
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** @returns undefined for what is no SquashFS 4.0 image. */
export async function readSuperblock(path: string): Promise<Superblock | undefined> {
  return parseSuperblock(await readHead(path, SUPERBLOCK_BYTES));
}

/**
 * Reads the tables of an image, not its data.
 *
 * @throws {NotJoinable} where they are compressed, too large, or not as they should be.
 */
export function readImage(path: string): Promise<Image> {
  return withFile(path, async (file) => {
    const head = await readAt(file, 0, HEAD_BYTES);
    const superblock = parseSuperblock(head);
    if (!superblock) throw new NotJoinable("it is no SquashFS image");
    const length = superblock.size - superblock.inodeTable;
    if (length < 0 || length > MAX_TABLES_BYTES) throw new NotJoinable("its tables are too large");
    return parseImage(superblock, head, await readAt(file, superblock.inodeTable, length));
  });
}

/** Writes all of it; the system may take a part only. */
async function writeAt(file: FileHandle, bytes: Buffer, start: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, start + done)).bytesWritten;
  }
}

/** A file of its own with the same blocks, where the file system knows that. @returns whether it does. */
async function shareBlocks(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    // It has the modes of the other one, which may be protected.
    await chmod(to, 0o600);
    return true;
  } catch {
    await rm(to, { force: true });
    return false;
  }
}

export interface JoinedImages {
  /** Their paths, and what was read there. */
  first: { path: string; image: Image };
  second: { path: string; image: Image };
  /** The tables (`joinImages`). */
  joined: Image;
  /** Of the new image. What is there goes. */
  path: string;
  signal: AbortSignal;
  /** Called now and then with what is done, between 0 and 1. */
  onProgress: (fraction: number) => void;
}

/**
 * Writes an image with the data of two, one behind the other. Where the file system can share blocks between files, the
 * first one's are not written again.
 *
 * @throws {Error} the system's; what the signal carries when it is aborted.
 */
export async function writeJoined(request: JoinedImages): Promise<void> {
  const { first, second, joined, path, signal, onProgress } = request;
  const dataEnd = joined.superblock.inodeTable;
  const copy = async (from: string, to: FileHandle, start: number, end: number, moved: number) =>
    withFile(from, async (source) => {
      for (let at = start; at < end; at += CHUNK) {
        signal.throwIfAborted();
        const length = Math.min(CHUNK, end - at);
        const bytes = await readAt(source, at, length);
        if (bytes.length < length) throw new NotJoinable("it is cut");
        await writeAt(to, bytes, at + moved);
        onProgress((at + moved) / dataEnd);
      }
    });
  const isShared = await shareBlocks(first.path, path);
  const file = await open(path, isShared ? "r+" : "w");
  try {
    const firstEnd = first.image.superblock.inodeTable;
    if (isShared) await file.truncate(firstEnd);
    else await copy(first.path, file, 0, firstEnd, 0);
    const moved = dataMoved(first.image, second.image);
    await copy(second.path, file, dataStart(second.image), second.image.superblock.inodeTable, moved);
    const { superblock, tables } = imageBytes(joined);
    let end = dataEnd;
    for (const table of tables) {
      await writeAt(file, table, end);
      end += table.length;
    }
    await writeAt(file, superblock, 0);
    await file.truncate(Math.ceil(end / PAGE) * PAGE);
  } finally {
    await file.close();
  }
}
