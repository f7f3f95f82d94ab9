import { readlink, symlink } from "node:fs/promises";
import type { ProcessIdentity } from "./proc-stat.ts";

function isIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== "object" || value === null) return false;
  const { host, boot, pid, start } = value as Record<string, unknown>;
  return [host, boot, start].every((one) => typeof one === "string") && typeof pid === "number";
}

/**
 * Notes whose something is. The note is a symbolic link whose target is JSON: it is there whole or not at all whenever
 * its writer is killed, needs no file aside and no hard links, and never goes through a link that somebody else made.
 *
 * @throws {Error} EEXIST when something has that name, ENOENT when its directory is gone
 */
export function writeOwner(path: string, owner: ProcessIdentity): Promise<void> {
  return symlink(JSON.stringify(owner), path);
}

/** What `writeOwner` noted; undefined where nothing is, or something else. */
export async function readOwner<Owner extends ProcessIdentity>(path: string): Promise<Owner | undefined> {
  try {
    const owner: unknown = JSON.parse(await readlink(path));
    return isIdentity(owner) ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}
