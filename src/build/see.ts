import { basename, dirname, join } from "node:path";
import { access, constants, lstat, readdir, readFile, readlink, stat } from "../host/files.ts";
import { type LauncherFacts, OWN_COMMANDS, readLauncherFacts } from "../prefix/launcher.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import { currentSeen, manifestSeen, type SeenEnvironment, type SeenGeneration } from "../prefix/state.ts";
import { findEnvironment, ownsBinBeside, reachable } from "./environment.ts";
import { currentGeneration, generationNumbers } from "./publish.ts";
import { tryManifest } from "./read-manifest.ts";

/** A directory that is an environment, whatever state it is in. */
export type FoundPrefix =
  | {
      made: "kapseli";
      /** The directory whose `bin` is on a user's PATH. */
      prefix: string;
      /** The directory that holds `generations`: the prefix, or PREFIX/env. */
      root: string;
      linkedBin: boolean;
    }
  | { made: "tykky"; prefix: string; root: string };

/** Whether a directory has generations of ours, or a link to one that is gone. */
async function isOwn(directory: string): Promise<boolean> {
  const { generations, current } = prefixPaths(directory);
  const there = await lstat(generations).catch(() => undefined);
  if (!there?.isDirectory()) return false;
  if (/^generations\/[1-9]\d*\/?$/.test(await readlink(current).catch(() => ""))) return true;
  for (const number of await generationNumbers(directory)) {
    const { launcher, manifest } = generationPaths(directory, number);
    for (const path of [launcher, manifest]) {
      if (await lstat(path).catch(() => undefined)) return true;
    }
  }
  return false;
}

/**
 * What environment is at a directory, also a damaged one.
 *
 * @param directory a physical path
 * @param names what is in it, where that is known
 */
export async function prefixAt(
  directory: string,
  names?: readonly string[],
): Promise<FoundPrefix | undefined> {
  const entries = names ?? (await readdir(directory).catch(() => []));
  if (entries.includes("generations") && (await isOwn(directory))) {
    const linkedBin = await ownsBinBeside(directory);
    return {
      made: "kapseli",
      prefix: linkedBin ? dirname(directory) : directory,
      root: directory,
      linkedBin,
    };
  }
  const nested = join(directory, "env");
  if (entries.includes("env") && (await ownsBinBeside(nested)) && (await isOwn(nested))) {
    return { made: "kapseli", prefix: directory, root: nested, linkedBin: true };
  }
  const ofTykky = ["bin", "common.sh"].every((name) => entries.includes(name));
  return ofTykky && ["_bin", "share"].some((name) => entries.includes(name))
    ? { made: "tykky", prefix: directory, root: directory }
    : undefined;
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** What is to be seen of a generation without reading its image. */
export async function seeGeneration(
  root: string,
  number: number,
): Promise<SeenGeneration & { launcher: LauncherFacts | undefined }> {
  const paths = generationPaths(root, number);
  const launcher = readLauncherFacts(await readFile(paths.launcher, "utf8").catch(() => ""));
  const image = await stat(paths.image).catch(() => undefined);
  const missing: string[] = [];
  if (!launcher) missing.push(basename(paths.launcher));
  else {
    const base = launcher.base.startsWith("/") ? launcher.base : join(paths.directory, launcher.base);
    if (!(await isReadable(base))) missing.push(launcher.base);
    if (launcher.view && !(await isReadable(join(paths.view, "bin")))) missing.push(basename(paths.view));
  }
  if (launcher?.mount !== undefined && !(image?.isFile() && (await isReadable(paths.image)))) {
    missing.push(basename(paths.image));
  }
  const read = await tryManifest(paths.manifest);
  return {
    number,
    missing,
    imageSize: image?.size,
    manifest: "manifest" in read ? read.manifest : { problem: read.problem },
    builtFor: launcher && { root: launcher.root, anywhere: launcher.view },
    commands: launcher?.commands ?? [],
    launcher,
  };
}

/** The first of the directories that a launch goes through which this user may not look into. */
async function closedDirectory(root: string, number: number | undefined): Promise<string | undefined> {
  const { generations } = prefixPaths(root);
  const current = number === undefined ? [] : [generationPaths(root, number).directory];
  for (const directory of [generations, ...current]) {
    const mode = constants.R_OK | constants.X_OK;
    const code = await access(directory, mode).catch((error: NodeJS.ErrnoException) => error.code);
    if (code === "EACCES" || code === "EPERM") return directory;
  }
  return undefined;
}

/** What is to be seen of an environment, whatever state it is in. */
export async function seeEnvironment(root: string): Promise<SeenEnvironment> {
  const { current, bin } = prefixPaths(root);
  const target = await readlink(current).catch(() => undefined);
  const number = await currentGeneration(root);
  const generations = [];
  const closed = await closedDirectory(root, number);
  for (const one of await generationNumbers(root)) generations.push(await seeGeneration(root, one));
  const seen = {
    root,
    current: target === undefined ? undefined : { target, number },
    generations,
    withoutLauncher: [],
    ...(closed === undefined ? {} : { closed }),
  };
  const now = currentSeen(seen);
  if (!now?.builtFor || manifestSeen(now)?.config.create_wrappers?.value === false) return seen;
  const there = new Set(await readdir(bin).catch(() => []));
  return { ...seen, withoutLauncher: [...now.commands, ...OWN_COMMANDS].filter((name) => !there.has(name)) };
}

/**
 * The environment at a path that a user gave, whatever state it is in.
 *
 * @param path absolute
 * @throws {KapseliError} `badInput` when there is none, `hostCannot` when the path cannot be reached.
 */
export async function requirePrefix(path: string): Promise<FoundPrefix> {
  const found = await prefixAt(await reachable(path));
  if (found) return found;
  // It says why.
  const { prefix, root, linkedBin } = await findEnvironment(path);
  return { made: "kapseli", prefix, root, linkedBin };
}

/**
 * As `requirePrefix`, of ours only.
 *
 * @throws {KapseliError} `badInput` also for what Tykky made.
 */
export async function requireOwn(path: string): Promise<FoundPrefix & { made: "kapseli" }> {
  const found = await requirePrefix(path);
  if (found.made === "kapseli") return found;
  const { prefix, root, linkedBin } = await findEnvironment(path);
  return { made: "kapseli", prefix, root, linkedBin };
}
