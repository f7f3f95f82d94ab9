import { readFile, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mountOf, parseMountinfo } from "../tools/mountinfo.ts";
import { physicalPath } from "./files.ts";

/** The file system that a directory is on. */
export interface FileSystem {
  /** As the kernel names it; `unknown` where that cannot be told. */
  type: string;
  mountPoint: string;
  /** Programs on it cannot be started. */
  noexec: boolean;
  readOnly: boolean;
  freeBytes: number;
  /** undefined: it does not count them. */
  freeInodes: number | undefined;
}

/**
 * @param path of a directory that is there
 * @throws when it is not.
 */
export async function fileSystemOf(path: string): Promise<FileSystem> {
  const { bavail, bsize, ffree, files } = await statfs(path);
  const mounts = parseMountinfo(await readFile("/proc/self/mountinfo", "utf8").catch(() => ""));
  const mount = mountOf(mounts, await physicalPath(path));
  return {
    type: mount?.type ?? "unknown",
    mountPoint: mount?.mountPoint ?? "/",
    noexec: mount?.options.includes("noexec") ?? false,
    readOnly: mount?.options.includes("ro") ?? false,
    freeBytes: bavail * bsize,
    freeInodes: files > 0 ? ffree : undefined,
  };
}

/**
 * By how many seconds the clock that stamps files in a directory is ahead of this host's: on a file server that may
 * be another one.
 *
 * @returns undefined where no file can be made.
 */
export async function clockAhead(directory: string): Promise<number | undefined> {
  const file = join(directory, `.kapseli-clock-${process.pid}`);
  try {
    await writeFile(file, "", { flag: "wx" });
    const now = Date.now();
    return ((await stat(file)).mtimeMs - now) / 1000;
  } catch {
    return undefined;
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
}
