import { basename, dirname, join } from "node:path";
import { chmod, copyFile, hashFile, linkOrCopy, lstat, readlink, stat, syncToDisk } from "../host/files.ts";
import { environmentTree } from "../plan/location.ts";
import type { Origin } from "../plan/request.ts";
import type { Manifest } from "../prefix/manifest.ts";
import type { BuildState } from "./state.ts";

/**
 * Conda's Python holds the whole interpreter (some megabytes to 30 MB); where that is in a shared library, the
 * program itself is some kilobytes, and a copy of it gains nothing.
 */
const WORTH_BYTES = 4_000_000;
/** python3 → python3.12, and one more. */
const MOST_LINKS = 2;

/** The file in a directory that a name leads to by links to other names of it; undefined for any other. */
async function fileOf(directory: string, name: string): Promise<string | undefined> {
  let at = name;
  for (let links = 0; links <= MOST_LINKS; links++) {
    const info = await lstat(join(directory, at)).catch(() => undefined);
    if (!info?.isSymbolicLink()) return info?.isFile() ? at : undefined;
    at = await readlink(join(directory, at));
    if (at.includes("/") || at === "..") return undefined;
  }
  return undefined;
}

/** The same file beside the image that is changed, when it is this user's: the generations share it. */
async function ownEarlier(
  origin: Origin | undefined,
  name: string,
  sha256: string,
): Promise<string | undefined> {
  if (!origin) return undefined;
  const path = join(dirname(origin.image), name);
  const info = await lstat(path).catch(() => undefined);
  if (!info?.isFile() || info.uid !== process.geteuid?.()) return undefined;
  return (await hashFile(path)).sha256 === sha256 ? path : undefined;
}

/**
 * Copies a conda environment's interpreter into the generation, from where launchers bind it over the image's: a start
 * reads most of that file, and through the image it is decompressed each time (docs/performance.md).
 *
 * @returns undefined where there is none that is worth it, or the runtime cannot bind over an image.
 */
export async function keepInterpreter({
  plan,
  inputs,
  generation,
}: BuildState): Promise<Manifest["interpreter"]> {
  const { location, trial, tool } = plan;
  const inPlace = inputs.request.inPlace ?? inputs.request.origin?.inPlace;
  if (tool !== "conda" || !trial.bindsOverImage || location.view || inPlace) return undefined;
  const bin = join(environmentTree(plan), "bin");
  const name = await fileOf(bin, "python3");
  if (name === undefined || (await stat(join(bin, name))).size < WORTH_BYTES) return undefined;
  const { sha256 } = await hashFile(join(bin, name));
  const earlier = await ownEarlier(inputs.request.origin, basename(generation.interpreter), sha256);
  if (earlier !== undefined) {
    await linkOrCopy(earlier, generation.interpreter);
  } else {
    await copyFile(join(bin, name), generation.interpreter);
    await chmod(generation.interpreter, 0o777 & ~process.umask());
    await syncToDisk(generation.interpreter);
  }
  const below = location.environment.slice(location.mount.length);
  return { path: `${below}/bin/${name}`.replace(/^\//, ""), sha256 };
}
