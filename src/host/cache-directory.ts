import { lstat, mkdir, stat } from "node:fs/promises";
import { ExitCode, KapseliError } from "../errors.ts";

/**
 * Makes the cache directory, for its owner alone, where it is missing. It holds programs that builds run: one in which
 * a stranger can put something is not used, whether it is the stranger's own, led to by a stranger's link, or open to
 * everybody. A site may share one that belongs to root; who else may write to one's own (a group) is its owner's choice.
 *
 * @param path absolute
 * @param uid of this user
 * @throws {KapseliError} `hostCannot` for such a directory; the system's error when it cannot be made.
 */
export async function prepareCache(path: string, uid: number): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const [named, directory] = [await lstat(path), await stat(path)];
  const refuse = (why: string): never => {
    throw new KapseliError(ExitCode.hostCannot, `the cache ${path} is not used: ${why}`, {
      hint: "Programs are run from it. Name a directory of your own in KAPSELI_CACHE, or cache_directory of the configuration.",
    });
  };
  for (const { uid: owner } of [named, directory]) {
    if (owner !== uid && owner !== 0) refuse(`it belongs to another user (${owner})`);
  }
  if ((directory.mode & 0o002) !== 0) refuse("everybody may write to it");
}
