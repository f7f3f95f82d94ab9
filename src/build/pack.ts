import { join } from "node:path";
import { chmod, hashFile, makeDirectories, readdir, rm, stat, syncToDisk, writeFile } from "../host/files.ts";
import { openModes } from "../host/modes.ts";
import { environmentTree, packsWorkTree } from "../plan/location.ts";
import { opensModes } from "../plan/make-plan.ts";
import type { Plan, Step } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import { generationPaths } from "../prefix/layout.ts";
import type { Commands } from "../prefix/wrapped.ts";
import { MARKS } from "../tools/mksquashfs.ts";
import { placeProgram } from "./commands.ts";
import type { BuildContext } from "./context.ts";
import { packChanges } from "./pack-changes.ts";
import { runMksquashfs } from "./run-mksquashfs.ts";

export interface PackedImage {
  path: string;
  /** Its sha256, once all of it is on disk; the steps that follow need not wait for that. */
  sealed: Promise<string>;
  /** Bytes of the image. */
  size: number;
  /** Files, directories and links in it. */
  entries: number;
}

/** Caches and leftovers of installers that must not be in an image. */
const NOT_PACKED = ["pkgs", ".cache"];

async function countEntries(directory: string): Promise<number> {
  let count = 1;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    count += entry.isDirectory() ? await countEntries(join(directory, entry.name)) : 1;
  }
  return count;
}

/**
 * Where the prefix shows a view, its image holds the mark by which a launcher knows that it is inside and links to the
 * programs, for a container of another environment that has only the image. Without a view mksquashfs makes the mark.
 */
async function addOwnFiles(directory: string, plan: Plan, commands: Commands): Promise<void> {
  const own = join(directory, MARKS);
  await rm(own, { recursive: true, force: true });
  await makeDirectories(join(own, "bin"));
  await writeFile(join(own, plan.id), "");
  for (const name of commands.names) await placeProgram(join(own, "bin"), plan, commands, name);
}

/** Packs all of the tree. @returns how many entries it has. */
async function packWhole(context: BuildContext, plan: Plan, step: Step, source: string): Promise<number> {
  const isOwn = packsWorkTree(plan);
  const { root, holder, generation } = plan.placement;
  if (isOwn && opensModes(plan.trial, context.facts)) await openModes(source);
  let total = Number.POSITIVE_INFINITY;
  // Only progress needs it; a directory that cannot be read is mksquashfs' to report.
  countEntries(source).then(
    (count) => {
      total = count;
    },
    () => undefined,
  );
  const onEntries = (entries: number): void => {
    const fraction = Math.min(1, entries / total);
    context.report({ event: "step-progress", step: "pack", fraction, detail: "packing" });
  };
  const { image } = generationPaths(holder, generation);
  const room = { place: root, remedy: "Free some space or quota, or choose another prefix." };
  return runMksquashfs(context, plan, source, { commands: step.commands, image, room, isOwn, onEntries });
}

/**
 * Packs the work tree into the generation's image, with the mark by which a launcher knows that it is inside.
 *
 * @param before the image that an update changes below the plan's overlay: only what it changed is packed, where that
 * can be joined to it
 * @throws {KapseliError} `packingFailed` with what mksquashfs said; `badInput` for a directory with files that this user
 * may not read.
 */
export async function pack(
  context: BuildContext,
  plan: Plan,
  step: Step,
  commands: Commands,
  before?: string,
): Promise<PackedImage> {
  const { additions } = workPaths(plan.workDirectory);
  const { image } = generationPaths(plan.placement.holder, plan.placement.generation);
  const source = plan.tree;
  if (source === undefined) throw new RangeError("the plan packs nothing");
  if (packsWorkTree(plan)) {
    const environment = environmentTree(plan);
    for (const name of NOT_PACKED) await rm(join(environment, name), { recursive: true, force: true });
  }
  if (plan.location.view) await addOwnFiles(packsWorkTree(plan) ? source : additions, plan, commands);
  const joined = before === undefined ? undefined : await packChanges(context, plan, step, source, before);
  const entries = joined ?? (await packWhole(context, plan, step, source));
  // mksquashfs makes it 0644, whatever the umask lets others do.
  await chmod(image, 0o666 & ~process.umask());
  const sealed = Promise.all([hashFile(image), syncToDisk(image)]).then(([{ sha256 }]) => sha256);
  // Where a step fails before anybody waits for it, the image goes anyway.
  sealed.catch(() => undefined);
  return { path: image, sealed, size: (await stat(image)).size, entries };
}
