import { basename, dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, realpath, rename, stat } from "../host/files.ts";
import { lockPrefix } from "../host/lock.ts";
import { findRuntime, findUnsquashfs } from "../host/runtime.ts";
import { removeTree } from "../host/work-directory.ts";
import { originalOf, unwrappedOf } from "../prefix/placement.ts";
import { shellQuote } from "../prefix/shell-data.ts";
import { carryOver } from "./carry-over.ts";
import type { BuildContext } from "./context.ts";
import { type OwnEnvironment, readExisting } from "./existing.ts";
import { environmentOf } from "./in-place.ts";
import { putBack } from "./put-back.ts";
import { unpackImage } from "./unpack.ts";

/** What giving a directory back did. */
export interface Unwrapped {
  directory: string;
  /** Whether it is the original again; else the image was unpacked. */
  original: boolean;
  /** An original that stays beside it, because the environment was changed since. */
  left: string | undefined;
  /** What somebody put into it while it was wrapped, and is in it again; relative, a directory named alone. */
  carried: string[];
  /** What of that has no place in it, because something of that name is there or it cannot be moved. */
  kept: { directory: string; names: string[] } | undefined;
}

/** Whether a directory is one that nobody made a prefix of, neither we nor Tykky. */
async function isUnwrapped(directory: string): Promise<boolean> {
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) return false;
  const names = ["generations", join("env", "generations"), join("share", "conf.yaml")];
  return !(await Promise.all(names.map((name) => exists(join(directory, name))))).includes(true);
}

/** The directory itself, or the only environment of a project, as `kapseli wrap` takes them. */
async function wrappedInPlace(given: string): Promise<OwnEnvironment> {
  const directory = await environmentOf(given);
  if (await isUnwrapped(directory)) {
    const left = originalOf(directory);
    throw new KapseliError(ExitCode.badInput, `${directory} is not wrapped: nothing needs to be given back`, {
      hint: (await exists(left))
        ? `The files of an earlier wrapping are in ${left}; kapseli discard-original ${shellQuote(directory)} removes them.`
        : "It never was, or kapseli unwrap gave it back already.",
    });
  }
  const found = await readExisting(directory);
  if (found.made === "kapseli" && found.manifest.inPlace) return found;
  throw new KapseliError(ExitCode.badInput, `${directory} was not wrapped in place`, {
    hint: "Only what kapseli wrap (or wrap-install --in-place) made of a directory can be given back.",
  });
}

/** A name beside a directory that nothing has. */
async function freeName(wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const path = number === 1 ? wanted : `${wanted}-${number}`;
    if (!(await exists(path))) return path;
  }
}

/** Gives what stayed of a directory that was wrapped a name that is seen. @returns where it is. */
async function showKept(root: string, aside: string): Promise<string> {
  const shown = await freeName(join(dirname(root), `${basename(root)}.kapseli-kept`));
  return rename(aside, shown).then(
    () => shown,
    () => aside,
  );
}

/**
 * Gives a directory back that was wrapped in place: the original where it is there and nothing was changed since, else
 * what the image holds. What others put into it meanwhile comes along.
 *
 * @param directory absolute
 * @throws {KapseliError} `badInput` when it was not wrapped in place, `hostCannot` when another build holds it.
 */
export async function unwrap(
  context: Pick<BuildContext, "report" | "signal" | "facts"> & { runtimePath: string },
  directory: string,
): Promise<Unwrapped> {
  await putBack(directory, context.report);
  const own = await wrappedInPlace(directory);
  const { root } = own;
  const release = await lockPrefix(root);
  // One that is there is of an unwrapping that was stopped, and may hold what is nowhere else.
  const aside = await freeName(unwrappedOf(root));
  const unpacked = join(dirname(root), `.${basename(root)}.kapseli-unpacked`);
  const original = originalOf(root);
  const hasOriginal = await exists(original);
  const giveOriginal = hasOriginal && own.generation === 1 && !own.moved;
  try {
    await removeTree(unpacked);
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
    const left = hasOriginal && !giveOriginal ? original : undefined;
    const container = String(own.manifest.config.container_image?.value ?? "container.sif");
    const { carried, kept } = await carryOver(aside, { back: root, original: left, container });
    // Where nothing is kept, it is at most what a file server holds for programs that still run.
    if (kept.length === 0) await removeTree(aside).catch(() => undefined);
    const rest = kept.length > 0 ? await showKept(root, aside) : undefined;
    return {
      directory: root,
      original: giveOriginal,
      left,
      carried,
      kept: rest === undefined ? undefined : { directory: rest, names: kept },
    };
  } finally {
    await removeTree(unpacked);
    await release();
  }
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
