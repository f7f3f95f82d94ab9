import { ExitCode, type ExitCodeValue, KapseliError } from "../errors.ts";
import { hasCode } from "../host/files.ts";
import type { StepId } from "../report/events.ts";

/** The exit code of a build that ends at a step; at any other one it is the installation that failed. */
const CODES: Readonly<Partial<Record<StepId, ExitCodeValue>>> = {
  preflight: ExitCode.hostCannot,
  pack: ExitCode.packingFailed,
  launchers: ExitCode.checkOrPublishFailed,
  check: ExitCode.checkOrPublishFailed,
  publish: ExitCode.checkOrPublishFailed,
};

/**
 * What a file system refused to one of our own steps because it is full, said as such; any other error as it is.
 *
 * @param places directories in which the build writes
 */
export async function orNoRoom(error: unknown, step: StepId, places: readonly string[]): Promise<unknown> {
  const isSo = hasCode(error, "ENOSPC", "EDQUOT");
  if (!isSo) return error;
  const what = hasCode(error, "EDQUOT") ? "the quota is used up" : "there is no space or no inode left";
  const { path } = error as NodeJS.ErrnoException;
  const named = path === undefined ? "" : `: ${path} could not be written`;
  return new KapseliError(CODES[step] ?? ExitCode.installFailed, `${what}${named}`, {
    hint: `Free some, or choose other places. df -h and df -i tell which one is full: ${places.join(" or ")}.`,
    cause: error,
  });
}
