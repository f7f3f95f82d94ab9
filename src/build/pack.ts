import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { chmod, hashFile, mkdir, readdir, rm, syncToDisk, writeFile } from "../host/files.ts";
import { openModes } from "../host/modes.ts";
import { environmentTree } from "../plan/location.ts";
import { applyEnvironment, keepsModes } from "../plan/make-plan.ts";
import type { Plan, Step } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import { generationPaths } from "../prefix/layout.ts";
import type { Commands } from "../prefix/wrapped.ts";
import { isPackedEntry, MARKS } from "../tools/mksquashfs.ts";
import { placeProgram } from "./commands.ts";
import { type BuildContext, runLogged } from "./context.ts";

export interface PackedImage {
  path: string;
  sha256: string;
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
  await mkdir(join(own, "bin"), { recursive: true });
  await writeFile(join(own, plan.id), "");
  for (const name of commands.names) await placeProgram(join(own, "bin"), plan, commands, name);
}

/**
 * Packs the work tree into the generation's image, with the mark by which a launcher knows that it is inside.
 *
 * @throws {KapseliError} `packingFailed` with what mksquashfs said.
 */
export async function pack(
  context: BuildContext,
  plan: Plan,
  step: Step,
  commands: Commands,
): Promise<PackedImage> {
  const { tree, additions } = workPaths(plan.workDirectory);
  const { root, holder, generation } = plan.placement;
  const { image } = generationPaths(holder, generation);
  const source = plan.tree;
  if (source === undefined) throw new RangeError("the plan packs nothing");
  if (source === tree) {
    const environment = environmentTree(plan);
    for (const name of NOT_PACKED) await rm(join(environment, name), { recursive: true, force: true });
    if (!plan.trial.mksquashfsActions && !keepsModes(context.facts)) await openModes(tree);
  }
  if (plan.location.view) await addOwnFiles(source === tree ? tree : additions, plan, commands);
  let total = Number.POSITIVE_INFINITY;
  const counted = countEntries(source).then((count) => {
    total = count;
  });
  // A directory that cannot be read is mksquashfs' to report.
  counted.catch(() => undefined);
  let seen = 0;
  for (const command of step.commands) {
    const env = applyEnvironment(context.facts.environment, plan.environment);
    const packed = await runLogged(
      context,
      { argv: command.argv, env },
      {
        onLine: (line) => {
          if (!isPackedEntry(line)) return context.report({ event: "output", line });
          seen += 1;
          if (seen % 100 === 0) {
            context.report({
              event: "step-progress",
              step: "pack",
              fraction: Math.min(1, seen / total),
              detail: "packing",
            });
          }
        },
        quiet: true,
      },
    );
    if (packed.exitCode !== 0) {
      await rm(image, { force: true });
      const text = `${packed.stdout}\n${packed.stderr}`;
      const full = /No space left|quota/i.test(text);
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
  }
  // mksquashfs makes it 0644, whatever the umask lets others do.
  await chmod(image, 0o666 & ~process.umask());
  const [{ sha256, size }] = await Promise.all([hashFile(image), syncToDisk(image), counted]);
  return { path: image, sha256, size, entries: total };
}
