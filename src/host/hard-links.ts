import {
  copyFileSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { hasCode } from "./files.ts";

/** Whether files of one directory can have a second name in the other: same file system, and same mount of it. */
export function canLink(from: string, to: string): boolean {
  let probe: string | undefined;
  try {
    probe = mkdtempSync(join(from, ".kapseli-"));
    writeFileSync(join(probe, "file"), "");
    linkSync(join(probe, "file"), join(to, ".kapseli-link"));
    unlinkSync(join(to, ".kapseli-link"));
    return true;
  } catch {
    return false;
  } finally {
    if (probe !== undefined) rmSync(probe, { recursive: true, force: true });
  }
}

/** link(2) where it is possible; beyond a file system's number of names for a file, a copy. */
function linkOrCopySync(file: string, path: string): void {
  try {
    linkSync(file, path);
  } catch (error) {
    if (!hasCode(error, "EMLINK", "EXDEV", "EPERM")) throw error;
    copyFileSync(file, path);
  }
}

/**
 * Puts the files themselves in the place of symbolic links that lead into a directory, as hard links. Synchronous calls,
 * a directory at a time: there are ten thousands of files, and each of these calls takes microseconds.
 *
 * @param tree is searched whole; links to directories stay as they are
 * @param target absolute; what links below `tree` begin with when they are meant
 * @returns how many there were
 * @throws {Error} the system's (`ENOENT` …), for the first that cannot be replaced.
 */
export async function replaceLinksInto(target: string, tree: string): Promise<number> {
  let count = 0;
  const directories = [tree];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) directories.push(path);
      else if (entry.isSymbolicLink()) {
        const file = readlinkSync(path);
        if (!file.startsWith(`${target}/`)) continue;
        unlinkSync(path);
        linkOrCopySync(file, path);
        count += 1;
      }
    }
    await turn();
  }
  return count;
}
