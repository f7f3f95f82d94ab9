import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What files take. */
export interface Usage {
  /** Sizes of regular files; one with several names counts once. */
  bytes: number;
  /** Files, directories and links; what a quota counts. */
  inodes: number;
}

/** Adds up what is at paths and below them. Links are not followed; what cannot be looked at does not count. */
export async function usageOf(paths: readonly string[]): Promise<Usage> {
  const seen = new Set<string>();
  const usage: Usage = { bytes: 0, inodes: 0 };
  const look = async (path: string): Promise<void> => {
    const info = await lstat(path).catch(() => undefined);
    if (!info) return;
    const inode = `${info.dev}:${info.ino}`;
    if (seen.has(inode)) return;
    seen.add(inode);
    usage.inodes += 1;
    if (info.isFile()) usage.bytes += info.size;
    if (!info.isDirectory()) return;
    for (const name of await readdir(path).catch(() => [])) await look(join(path, name));
  };
  for (const path of paths) await look(path);
  return usage;
}
