import { chmod, lstat, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { asideOf } from "./files.ts";

/** Files up to this size are read at once; larger ones only when they hold what is searched. */
const AT_ONCE = 16 * 1024 * 1024;
/** What Node reads into one buffer at most (`fs.readFile`, ERR_FS_FILE_TOO_LARGE). */
const MOST = 2 * 1024 ** 3 - 1;

/** What a file that holds a text is. */
export type Held = { bytes: Buffer } | "too large";

/** Searches a large file piece by piece. */
async function holds(path: string, needle: Buffer): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(AT_ONCE);
    const overlap = needle.length - 1;
    for (let kept = 0; ; ) {
      const { bytesRead } = await file.read(buffer, kept, buffer.length - kept, null);
      if (bytesRead === 0) return false;
      const filled = kept + bytesRead;
      if (buffer.subarray(0, filled).includes(needle)) return true;
      kept = Math.min(overlap, filled);
      buffer.copyWithin(0, filled - kept, filled);
    }
  } finally {
    await file.close();
  }
}

/**
 * Reads a file that holds some bytes.
 *
 * @returns undefined when it does not hold them; its bytes, or `too large` for a file of 2 GiB and more that does.
 */
export async function readIfHolding(path: string, needle: Buffer): Promise<Held | undefined> {
  const { size, mode } = await lstat(path);
  if (size < needle.length) return undefined;
  // Its owner may be kept from reading it, as the owner may not keep it.
  if ((mode & 0o400) === 0) await chmod(path, (mode & 0o7777) | 0o400);
  if (size > AT_ONCE && !(await holds(path, needle))) return undefined;
  if (size > MOST) return "too large";
  const bytes = await readFile(path);
  return bytes.includes(needle) ? { bytes } : undefined;
}

/**
 * Gives a file new content and keeps its mode. It becomes a file of its own: other names of the old one (hard links
 * into a package cache, for instance) keep what they had. Its directory must be writable (`OpenedDirectories`).
 */
export async function rewriteFile(path: string, bytes: Uint8Array): Promise<void> {
  const { mode } = await lstat(path);
  const aside = asideOf(path);
  try {
    await writeFile(aside, bytes, { flag: "wx", mode: 0o600 });
    await chmod(aside, mode & 0o7777);
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Directories of our own that packages left without write permission, opened for a while. */
export class OpenedDirectories {
  private readonly modes = new Map<string, Promise<number>>();

  /** Makes a directory writable; it stays so until `close`, whoever else asked for it. */
  async open(directory: string): Promise<void> {
    const before = this.modes.get(directory);
    if (before) return void (await before);
    const opening = lstat(directory).then(async ({ mode }) => {
      if ((mode & 0o300) !== 0o300) await chmod(directory, (mode & 0o7777) | 0o300);
      return mode & 0o7777;
    });
    this.modes.set(directory, opening);
    await opening;
  }

  /** Gives every directory back the mode that it had. */
  async close(): Promise<void> {
    for (const [directory, opening] of this.modes) {
      const mode = await opening.catch(() => undefined);
      if (mode !== undefined && (mode & 0o300) !== 0o300) await chmod(directory, mode);
    }
    this.modes.clear();
  }
}
