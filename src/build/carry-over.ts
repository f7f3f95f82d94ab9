import { dirname, join } from "node:path";
import { hashFile, lstat, makeDirectories, readdir, readlink, rename, rm, rmdir } from "../host/files.ts";
import { removeTree } from "../host/work-directory.ts";
import { isLibText } from "./in-place.ts";
import { whatIsInBin } from "./publish.ts";

/** What becomes of the files that somebody put into a directory while it was wrapped. */
export interface CarriedOver {
  /** Put into the directory that was given back, at the same place; relative to it, a directory named alone. */
  carried: string[];
  /** Left where they were: the directory given back has others of that name, or they could not be moved. */
  kept: string[];
}

/** Directories that we make and that others put files into: gone through one by one, whatever else is there. */
export const SHARED_DIRECTORIES: readonly string[] = ["bin", "conda-meta", "generations"];

/** Whether we made what is at a name of a directory that was wrapped in place. */
export async function isOurs(wrapped: string, name: string, container: string): Promise<boolean> {
  const path = join(wrapped, name);
  if (/^(bin\/)?\.kapseli[^/]*$/.test(name)) return true;
  if (/^generations\/\d+$/.test(name)) return true;
  if (dirname(name) === "bin") return (await whatIsInBin(path)) === "stub";
  if (dirname(name) !== ".") return false;
  if (name === "lib") return isLibText(path);
  const target = await readlink(path).catch(() => undefined);
  if (target === undefined) return false;
  return name === "current" || name === container || /^current\/(share|env\.sqfs|base\.sif)$/.test(target);
}

/** Whether two files, or two links, hold the same. */
export async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) => lstat(path).catch(() => undefined)));
  if (!a || !b) return false;
  if (a.isSymbolicLink() && b.isSymbolicLink()) return (await readlink(one)) === (await readlink(other));
  if (!a.isFile() || !b.isFile() || a.size !== b.size) return false;
  const [left, right] = await Promise.all([one, other].map(hashFile));
  return left?.sha256 === right?.sha256;
}

/**
 * Moves what we did not make out of a directory that was wrapped in place into the one that is given back for it, and
 * removes what we made. Only what is known to be ours is removed: `wrapped` itself stays with the files that are kept.
 *
 * @param wrapped the directory with our files, moved out of the way
 * @param given the directory that took its place; on the same file system
 * @param given.original what was wrapped, where `given.back` is not that itself: our copies may be of it
 * @param given.container the name of the link to the base, which may be anywhere
 */
export async function carryOver(
  wrapped: string,
  given: { back: string; original: string | undefined; container: string },
): Promise<CarriedOver> {
  const found: CarriedOver = { carried: [], kept: [] };
  const references = [given.back, ...(given.original === undefined ? [] : [given.original])];

  const move = async (name: string): Promise<void> => {
    try {
      await makeDirectories(dirname(join(given.back, name)));
      await rename(join(wrapped, name), join(given.back, name));
      found.carried.push(name);
    } catch {
      found.kept.push(name);
    }
  };
  const look = async (name: string): Promise<void> => {
    const path = join(wrapped, name);
    const info = await lstat(path).catch(() => undefined);
    // A name that is no UTF-8 is not found again by what was read of it.
    if (!info) return void found.kept.push(name);
    if (await isOurs(wrapped, name, given.container)) return info.isDirectory() ? removeTree(path) : rm(path);
    const there = await lstat(join(given.back, name)).catch(() => undefined);
    if (info.isDirectory() && (SHARED_DIRECTORIES.includes(name) || there?.isDirectory())) return walk(name);
    // Of two generations they are a mixture that means nothing elsewhere, and they would make of it a prefix.
    if (dirname(name) === "generations") return void found.kept.push(name);
    for (const reference of references) {
      if (await isSame(path, join(reference, name))) return rm(path);
    }
    if (there) found.kept.push(name);
    else await move(name);
  };
  const walk = async (directory: string): Promise<void> => {
    const names = await readdir(join(wrapped, directory)).catch(() => undefined);
    if (!names) return void found.kept.push(directory);
    for (const name of names.sort()) await look(join(directory, name));
    // Stays where something is kept in it.
    await rmdir(join(wrapped, directory)).catch(() => undefined);
  };
  await walk(".");
  return found;
}
