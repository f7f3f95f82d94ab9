import { ExitCode, type ExitCodeValue, KapseliError } from "../errors.ts";
import { hasCode, statfs } from "../host/files.ts";
import type { StepId } from "../report/events.ts";

/** The exit code of a build that ends at a step; at any other one it is the installation that failed. */
const CODES: Readonly<Partial<Record<StepId, ExitCodeValue>>> = {
  preflight: ExitCode.hostCannot,
  pack: ExitCode.packingFailed,
  launchers: ExitCode.checkOrPublishFailed,
  check: ExitCode.checkOrPublishFailed,
  publish: ExitCode.checkOrPublishFailed,
};

/** Whether a file system has no block or no inode left. */
async function isFull(place: string): Promise<boolean> {
  const { bavail, files, ffree } = await statfs(place).catch(() => ({ bavail: 1, files: 0, ffree: 0 }));
  return bavail === 0 || (files > 0 && ffree === 0);
}

/**
 * What a file system refused to one of our own steps because it is full, said as such; any other error as it is.
 *
 * @param places directories in which the build writes
 */
export async function orNoRoom(error: unknown, step: StepId, places: readonly string[]): Promise<unknown> {
  // Node's recursive mkdir says ENOENT where there is no inode for the directory.
  const isHidden = hasCode(error, "ENOENT") && (error as NodeJS.ErrnoException).syscall === "mkdir";
  const isSo = isHidden
    ? (await Promise.all(places.map(isFull))).includes(true)
    : hasCode(error, "ENOSPC", "EDQUOT");
  if (!isSo) return error;
  const what = hasCode(error, "EDQUOT") ? "the quota is used up" : "there is no space or no inode left";
  const { path } = error as NodeJS.ErrnoException;
  const named = path === undefined ? "" : `: ${path} could not be written`;
  return new KapseliError(CODES[step] ?? ExitCode.installFailed, `${what}${named}`, {
    hint: `Free some, or choose other places. df -h and df -i tell which one is full: ${places.join(" or ")}.`,
    cause: error,
  });
}
