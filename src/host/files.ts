import { createHash, randomUUID } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import {
  access,
  chmod,
  copyFile,
  cp,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  symlink,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { NAMELESS_QUOTA } from "../errors.ts";

export type { Dirent } from "node:fs";
export {
  access,
  chmod,
  constants,
  copyFile,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  symlink,
  unlink,
  utimes,
  writeFile,
};

/** Whether an error is the system's with this code (`ENOENT`, `EEXIST` …). */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  const code = (error as NodeJS.ErrnoException)?.code ?? "";
  return codes.includes(code === NAMELESS_QUOTA ? "EDQUOT" : code);
}

/** Whether an error is the system's. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === "number";
}

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

/** @returns lower-case hexadecimal sha256 of a file, and its size in bytes. */
export async function hashFile(path: string): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return { sha256: hash.digest("hex"), size: (await stat(path)).size };
}

/** The first bytes of a file; fewer where it is shorter. */
export async function readHead(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * Makes a directory with its parents.
 *
 * @param mode of those that are made, less the umask
 * @returns the directories that were not there before, outermost first.
 * @throws {Error} the system's; EEXIST where something else has the name. Node's own recursive mkdir says ENOENT of a
 * quota that is used up, and never ends below /proc.
 */
export async function makeDirectories(path: string, mode = 0o777): Promise<string[]> {
  const missing: string[] = [];
  for (let at = path; !(await exists(at)); at = dirname(at)) missing.unshift(at);
  for (const directory of missing) {
    await mkdir(directory, { mode }).catch(async (error: unknown) => {
      // Another process may have been as quick.
      if (!hasCode(error, "EEXIST") || !(await stat(directory)).isDirectory()) throw error;
    });
  }
  if (missing.length === 0 && !((await stat(path).catch(() => undefined))?.isDirectory() ?? true)) {
    const message = `EEXIST: file already exists, mkdir '${path}'`;
    throw Object.assign(new Error(message), { code: "EEXIST", syscall: "mkdir", path });
  }
  return missing;
}

/** Removes directories that are empty, innermost first; others stay. */
export async function removeEmptyDirectories(outermostFirst: readonly string[]): Promise<void> {
  for (const directory of [...outermostFirst].reverse()) {
    try {
      await rmdir(directory);
    } catch (error) {
      if (!hasCode(error, "ENOTEMPTY", "EEXIST", "ENOENT", "EBUSY")) throw error;
    }
  }
}

/** Makes sure that a file's bytes are on disk before something refers to it. */
export async function syncToDisk(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A name beside `path` that nobody else has, and nobody who shares the directory can foresee. */
export function asideOf(path: string): string {
  return join(dirname(path), `.kapseli-${randomUUID()}`);
}

/**
 * Removes what was being put aside when its process was killed. The caller must be the only one who replaces anything
 * in the directory; what cannot be removed stays.
 */
export async function removeAsides(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (!/^\.kapseli-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name)) continue;
    await rm(join(directory, name), { force: true }).catch(() => undefined);
  }
}

/** Makes `path` a symbolic link to `target` by one rename; at no moment is there none. */
export function replaceLink(path: string, target: string): Promise<void> {
  return replaceBy(path, (temporary) => symlink(target, temporary));
}

/** Whether an error says that a file cannot have a second name there: exFAT and several FUSE file systems have none. */
export function hasNoLinks(error: unknown): boolean {
  return hasCode(error, "EPERM", "EXDEV", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EACCES");
}

/** Makes `path` another name of `file` (a copy where hard links are not possible), replacing what is there by one rename. */
export function linkOrCopy(file: string, path: string): Promise<void> {
  return replaceBy(path, async (temporary) => {
    try {
      await link(file, temporary);
    } catch (error) {
      if (!hasNoLinks(error)) throw error;
      await copyFile(file, temporary, constants.COPYFILE_FICLONE);
    }
  });
}

/** Writes a file aside and renames it over what is there: whoever reads it has the old one or the new one. */
export function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  return replaceBy(path, (temporary) => writeFile(temporary, content));
}

/** Makes something beside `path` and renames it over; when that fails, nothing stays beside it. */
async function replaceBy(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = asideOf(path);
  try {
    await make(temporary);
    await rename(temporary, path);
  } finally {
    // Renaming over another name of the same file does nothing (man 2 rename): the temporary name would stay.
    await rm(temporary, { force: true });
  }
}

/** Whether this user can read a file. */
export async function isReadable(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether this user can make files in a directory. */
export async function isWritable(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The physical path of something that may not exist yet: its nearest existing parent is resolved, the rest kept.
 */
export async function physicalPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR")) throw error;
    const parent = dirname(path);
    return parent === path ? path : join(await physicalPath(parent), basename(path));
  }
}
