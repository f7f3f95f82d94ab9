import { basename, dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, realpath, rename } from "../host/files.ts";
import { lockPrefix } from "../host/lock.ts";
import { findRuntime, findUnsquashfs } from "../host/runtime.ts";
import { removeTree } from "../host/work-directory.ts";
import { originalOf } from "../prefix/placement.ts";
import type { BuildContext } from "./context.ts";
import { type OwnEnvironment, readExisting } from "./existing.ts";
import { environmentOf } from "./in-place.ts";
import { unpackImage } from "./unpack.ts";

/** What giving a directory back did. */
export interface Unwrapped {
  directory: string;
  /** Whether it is the original again; else the image was unpacked. */
  original: boolean;
  /** An original that stays beside it, because the environment was changed since. */
  left: string | undefined;
}

/** The directory itself, or the only environment of a project, as `kapseli wrap` takes them. */
async function wrappedInPlace(given: string): Promise<OwnEnvironment> {
  const directory = await environmentOf(given);
  const found = await readExisting(directory);
  if (found.made === "kapseli" && found.manifest.inPlace) return found;
  throw new KapseliError(ExitCode.badInput, `${directory} was not wrapped in place`, {
    hint: "Only what kapseli wrap (or wrap-install --in-place) made of a directory can be given back.",
  });
}

/**
 * Gives a directory back that was wrapped in place: the original where it is there and nothing was changed since, else
 * what the image holds.
 *
 * @param directory absolute
 * @throws {KapseliError} `badInput` when it was not wrapped in place, `hostCannot` when another build holds it.
 */
export async function unwrap(
  context: Pick<BuildContext, "report" | "signal" | "facts"> & { runtimePath: string },
  directory: string,
): Promise<Unwrapped> {
  const own = await wrappedInPlace(directory);
  const { root } = own;
  const release = await lockPrefix(root);
  const aside = join(dirname(root), `.${basename(root)}.kapseli-unwrapped`);
  const unpacked = join(dirname(root), `.${basename(root)}.kapseli-unpacked`);
  const original = originalOf(root);
  const hasOriginal = await exists(original);
  const giveOriginal = hasOriginal && own.generation === 1 && !own.moved;
  try {
    await Promise.all([aside, unpacked].map(removeTree));
    if (!giveOriginal) {
      if (own.moved) {
        throw new KapseliError(ExitCode.badInput, `${root} was moved since it was wrapped`, {
          hint: `Run kapseli relocate ${root} first.`,
        });
      }
      const { facts, runtimePath, signal } = context;
      const runtime = await findRuntime(runtimePath, facts.environment, signal);
      const unsquashfs = findUnsquashfs(runtime, facts.environment);
      await unpackImage(context, {
        unsquashfs,
        image: own.paths.image,
        tree: unpacked,
        processors: facts.processors,
      });
    }
    await rename(root, aside);
    try {
      await rename(giveOriginal ? original : unpacked, root);
    } catch (error) {
      await rename(aside, root);
      throw error;
    }
    await removeTree(aside);
  } finally {
    await removeTree(unpacked);
    await release();
  }
  return {
    directory: root,
    original: giveOriginal,
    left: hasOriginal && !giveOriginal ? original : undefined,
  };
}

/**
 * Removes the original that is kept beside a directory that was wrapped in place.
 *
 * @returns the path that was removed; undefined when there was none.
 * @throws {KapseliError} `badInput` when the directory is not there.
 */
export async function discardOriginal(directory: string): Promise<string | undefined> {
  // Also where it was given back since; not where it is all there is.
  const root = await realpath(await environmentOf(directory)).catch(() => undefined);
  if (root === undefined) {
    throw new KapseliError(ExitCode.badInput, `The directory ${directory} does not exist`, {
      hint: "Name what was given to kapseli wrap.",
    });
  }
  const original = originalOf(root);
  if (!(await exists(original))) return undefined;
  await removeTree(original);
  return original;
}
