import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { chmod, hashFile, mkdir, readdir, rm, syncToDisk, writeFile } from "../host/files.ts";
import { openModes } from "../host/modes.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { Plan, Step } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import { generationPaths } from "../prefix/layout.ts";
import { isPackedEntry } from "../tools/mksquashfs.ts";
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
 * Packs the work tree into the generation's image, with the mark by which a launcher knows that it is inside.
 *
 * @throws {KapseliError} `packingFailed` with what mksquashfs said.
 */
export async function pack(context: BuildContext, plan: Plan, step: Step, id: string): Promise<PackedImage> {
  const { tree } = workPaths(plan.workDirectory);
  const { root, generation } = plan.placement;
  const { image } = generationPaths(root, generation);
  for (const name of NOT_PACKED) await rm(join(tree, name), { recursive: true, force: true });
  await mkdir(join(tree, ".kapseli"), { recursive: true });
  await writeFile(join(tree, ".kapseli", id), "");
  if (!plan.trial.mksquashfsActions) await openModes(tree);

  const [command] = step.commands;
  if (!command) throw new RangeError("the plan's pack step has one command");
  const total = await countEntries(tree);
  let seen = 0;
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
  // mksquashfs makes it 0644, whatever the umask lets others do.
  await chmod(image, 0o666 & ~process.umask());
  const [{ sha256, size }] = await Promise.all([hashFile(image), syncToDisk(image)]);
  return { path: image, sha256, size, entries: total };
}
