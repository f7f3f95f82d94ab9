import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { chmod, hashFile, makeDirectories, readdir, rm, stat, syncToDisk, writeFile } from "../host/files.ts";
import { openModes } from "../host/modes.ts";
import { environmentTree, packsWorkTree } from "../plan/location.ts";
import { applyEnvironment, keepsModes } from "../plan/make-plan.ts";
import type { Plan, PlannedCommand, Step } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import { generationPaths } from "../prefix/layout.ts";
import type { Commands } from "../prefix/wrapped.ts";
import { isPackedEntry, MARKS, unreadPath } from "../tools/mksquashfs.ts";
import { placeProgram } from "./commands.ts";
import { type BuildContext, runLogged } from "./context.ts";

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

/**
 * Runs mksquashfs once.
 *
 * @returns files and directories that it could not read.
 * @throws {KapseliError} `packingFailed` with what it said; the image is gone then.
 */
async function runPacking(
  context: BuildContext,
  plan: Plan,
  command: PlannedCommand,
  onEntry: () => void,
): Promise<string[]> {
  const { root, holder, generation } = plan.placement;
  const unread: string[] = [];
  const env = applyEnvironment(context.facts.environment, plan.environment);
  const onLine = (line: string): void => {
    if (isPackedEntry(line)) {
      onEntry();
      return;
    }
    const path = unreadPath(line);
    if (path !== undefined) unread.push(path);
    context.report({ event: "output", line });
  };
  const packed = await runLogged(context, { argv: command.argv, env }, { onLine, quiet: true });
  if (packed.exitCode === 0) return unread;
  await rm(generationPaths(holder, generation).image, { force: true });
  const full = /No space left|quota/i.test(`${packed.stdout}\n${packed.stderr}`);
  const lines = packed.stderr.trim().split("\n").slice(-8);
  throw new KapseliError(
    ExitCode.packingFailed,
    full ? `there is no space left in ${root}` : "mksquashfs failed",
    {
      lines,
      hint: full ? "Free some space or quota, or choose another prefix." : "The lines above are its own.",
    },
  );
}

/** mksquashfs itself would go on with empty files in their place. */
function unreadable(source: string, paths: readonly string[]): KapseliError {
  const [first, ...others] = paths;
  const many = others.length > 0 ? ` and ${others.length} more` : "";
  return new KapseliError(ExitCode.badInput, `you may not read ${first}${many} in ${source}`, {
    lines: paths.slice(0, 8),
    hint: "Give yourself the right to (chmod -R u+rX), ask whom they belong to, or take them out.",
  });
}

/**
 * Packs the work tree into the generation's image, with the mark by which a launcher knows that it is inside.
 *
 * @throws {KapseliError} `packingFailed` with what mksquashfs said; `badInput` for a directory with files that this user
 * may not read.
 */
export async function pack(
  context: BuildContext,
  plan: Plan,
  step: Step,
  commands: Commands,
): Promise<PackedImage> {
  const { additions } = workPaths(plan.workDirectory);
  const { holder, generation } = plan.placement;
  const { image } = generationPaths(holder, generation);
  const source = plan.tree;
  if (source === undefined) throw new RangeError("the plan packs nothing");
  if (packsWorkTree(plan)) {
    const environment = environmentTree(plan);
    for (const name of NOT_PACKED) await rm(join(environment, name), { recursive: true, force: true });
    if (!plan.trial.mksquashfsActions && !keepsModes(context.facts)) await openModes(source);
  }
  if (plan.location.view) await addOwnFiles(packsWorkTree(plan) ? source : additions, plan, commands);
  let total = Number.POSITIVE_INFINITY;
  // Only progress needs it; a directory that cannot be read is mksquashfs' to report.
  countEntries(source).then(
    (count) => {
      total = count;
    },
    () => undefined,
  );
  let entries = 0;
  const onEntry = (): void => {
    entries += 1;
    if (entries % 100 !== 0) return;
    const fraction = Math.min(1, entries / total);
    context.report({ event: "step-progress", step: "pack", fraction, detail: "packing" });
  };
  const once = async (): Promise<string[]> => {
    entries = 0;
    const unread: string[] = [];
    for (const command of step.commands) unread.push(...(await runPacking(context, plan, command, onEntry)));
    return unread;
  };
  let unread = await once();
  if (unread.length > 0 && packsWorkTree(plan)) {
    // A package may well have files that not even their owner may read.
    for (const path of unread) await openModes(path).catch(() => undefined);
    unread = await once();
  }
  if (unread.length > 0) {
    await rm(image, { force: true });
    throw unreadable(source, unread);
  }
  // mksquashfs makes it 0644, whatever the umask lets others do.
  await chmod(image, 0o666 & ~process.umask());
  const sealed = Promise.all([hashFile(image), syncToDisk(image)]).then(([{ sha256 }]) => sha256);
  // Where a step fails before anybody waits for it, the image goes anyway.
  sealed.catch(() => undefined);
  return { path: image, sealed, size: (await stat(image)).size, entries };
}
