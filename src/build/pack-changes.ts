import { ExitCode, KapseliError } from "../errors.ts";
import { hasCode, isSystemError, rm } from "../host/files.ts";
import { changesIn } from "../host/overlay-changes.ts";
import { readImage, writeJoined } from "../host/squashfs-file.ts";
import type { Plan, Step } from "../plan/plan.ts";
import { isTooMuchUnused } from "../plan/unpacking.ts";
import { workPaths } from "../plan/work-paths.ts";
import { generationPaths } from "../prefix/layout.ts";
import { areAlike, type Change, joinImages, survey } from "../squashfs/join.ts";
import { NotJoinable } from "../squashfs/metadata.ts";
import { MARKS } from "../tools/mksquashfs.ts";
import type { BuildContext } from "./context.ts";
import { runMksquashfs } from "./run-mksquashfs.ts";

/** What is ours is new in each image; without a view mksquashfs alone makes it. */
function withMark({ taken, directories, gone }: Change): Change {
  const others = [...directories].filter(([name]) => name !== MARKS);
  return { taken: new Set([...taken, MARKS]), directories: new Map(others), gone };
}

/** What the system refused, but for want of room, which is said where all steps say it. */
function couldNotWrite(error: unknown, image: string): unknown {
  if (!isSystemError(error) || hasCode(error, "ENOSPC", "EDQUOT")) return error;
  return new KapseliError(ExitCode.packingFailed, `${image} could not be written`, {
    lines: [error.message],
    hint: "The line above is the system's own.",
    cause: error,
  });
}

/**
 * Makes the generation's image of the one before and what was changed below the overlay, which alone is packed.
 *
 * @param shown the overlay's tree
 * @param before the image that it is over
 * @returns how many entries it has; undefined where all of the tree has to be packed.
 * @throws {KapseliError} `packingFailed` with what mksquashfs or the system said.
 */
export async function packChanges(
  context: BuildContext,
  plan: Plan,
  step: Step,
  shown: string,
  before: string,
): Promise<number | undefined> {
  const { upper, changes } = workPaths(plan.workDirectory);
  const { image } = generationPaths(plan.placement.holder, plan.placement.generation);
  if (!step.changes) return undefined;
  try {
    const first = await readImage(before);
    const change = withMark(await changesIn(first, upper, shown));
    const room = {
      place: plan.workDirectory,
      remedy: "Choose a directory with more room with --tmpdir or CW_BUILD_TMPDIR.",
    };
    const packing = { commands: [step.changes], image: changes, room, isOwn: true };
    await runMksquashfs(context, plan, upper, packing);
    const second = await readImage(changes);
    if (!areAlike(first, second)) throw new NotJoinable("it is packed in another way than today");
    const joined = joinImages(first, second, change);
    const { entries, unused } = survey(joined);
    if (isTooMuchUnused(unused, joined.superblock.inodeTable))
      throw new NotJoinable("too much of it is of no use any more");
    const request = {
      first: { path: before, image: first },
      second: { path: changes, image: second },
      joined,
      path: image,
      signal: context.signal,
      onProgress: (fraction: number) => context.report({ event: "step-progress", step: "pack", fraction }),
    };
    await writeJoined(request).catch((error: unknown) => {
      throw couldNotWrite(error, image);
    });
    return entries;
  } catch (error) {
    if (!(error instanceof NotJoinable)) throw error;
    await rm(changes, { force: true });
    context.report({ event: "debug", message: `all of the tree is packed: ${before}: ${error.message}` });
    return undefined;
  }
}
