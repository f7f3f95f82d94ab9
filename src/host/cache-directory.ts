import { chmod, lstat, readlink, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { hasCode, makeDirectories } from "./files.ts";

const CHOOSE = "Name a directory of your own in KAPSELI_CACHE, or cache_directory of the configuration.";

/** What the system says where a path leads nowhere, or to where this user may not write. */
const REFUSALS = ["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EEXIST", "ELOOP", "ENAMETOOLONG"];

function refusedBy(error: unknown, path: string): KapseliError {
  return new KapseliError(
    ExitCode.hostCannot,
    `the cache ${path} cannot be used: ${(error as Error).message}`,
    { hint: CHOOSE, cause: error },
  );
}

/** That nothing can be made in the cache (it may be there to be read alone), said as such; any other error as it is. */
export function orCacheRefused(error: unknown, path: string): unknown {
  const { path: at } = error as NodeJS.ErrnoException;
  const isBelow = at === path || at?.startsWith(`${path}/`) === true;
  return isBelow && hasCode(error, "EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST")
    ? refusedBy(error, path)
    : error;
}

/**
 * Makes the cache directory, for its owner alone, where it is missing. It holds programs that builds run: one in which
 * a stranger can put something is not used, whether it is the stranger's own, led to by a stranger's link, or open to
 * everybody. A site may share one that belongs to root; who else may write to one's own (a group) is its owner's choice.
 *
 * @param path absolute
 * @param uid of this user
 * @returns the directories that were not there before, outermost first.
 * @throws {KapseliError} `hostCannot` for such a directory, and where none can be made; the system's error when there
 * is no room for it.
 */
export async function prepareCache(path: string, uid: number): Promise<string[]> {
  const refuse = (why: string, reason = "Programs are run from it. "): never => {
    throw new KapseliError(ExitCode.hostCannot, `the cache ${path} is not used: ${why}`, {
      hint: `${reason}${CHOOSE}`,
    });
  };
  try {
    const made = await makeDirectories(path, 0o700).catch((error: unknown) => {
      // What else is there is told below.
      if (hasCode(error, "EEXIST")) return [];
      throw error;
    });
    const named = await lstat(path);
    const directory = await stat(path).catch(async (error: unknown) => {
      if (!named.isSymbolicLink() || !hasCode(error, "ENOENT", "ELOOP")) throw error;
      return refuse(`it is a link to ${await readlink(path)}, which is not there`, "");
    });
    if (!directory.isDirectory()) refuse("it is no directory", "");
    for (const { uid: owner } of [named, directory]) {
      if (owner !== uid && owner !== 0) refuse(`it belongs to another user (${owner})`);
    }
    if ((directory.mode & 0o002) !== 0) refuse("everybody may write to it");
    return made;
  } catch (error) {
    throw hasCode(error, ...REFUSALS) ? refusedBy(error, path) : error;
  }
}

/**
 * Makes sure that nobody else reads the channel indexes that rattler keeps: their files, which it makes for everybody to
 * read, hold the addresses of channels with the credentials in them. In a cache that its owner shares with a group, the
 * group may still.
 *
 * @param cache absolute; it was prepared
 * @param indexes the directory for them, below the cache; made where it is missing
 */
export async function closeIndexes(cache: string, indexes: string, uid: number): Promise<void> {
  const others = ((await stat(cache)).mode & 0o020) === 0 ? 0o077 : 0o007;
  await makeDirectories(dirname(indexes));
  await makeDirectories(indexes, 0o777 & ~others);
  const { mode, uid: owner } = await stat(indexes);
  // Another one's of the group is for him to close.
  if (owner === uid && (mode & others) !== 0) await chmod(indexes, mode & 0o7777 & ~others);
}
