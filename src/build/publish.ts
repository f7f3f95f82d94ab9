import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  copyFile,
  exists,
  linkOrCopy,
  lstat,
  makeDirectories,
  readdir,
  readFile,
  readlink,
  rename,
  replaceLink,
  rm,
  stat,
  utimes,
  writeFile,
} from "../host/files.ts";
import { endServers } from "../host/orphans.ts";
import { isStub, OWN_COMMANDS } from "../prefix/launcher.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import type { Placement } from "../prefix/placement.ts";
import { KEPT_MS } from "../prefix/prune.ts";

/** How many generations are kept at most beyond that time. */
const KEPT_GENERATIONS = 2;

/** A complete generation that is to be the current one. */
export interface Publication {
  placement: Pick<Placement, "prefix" | "root" | "linkedBin" | "generation">;
  /** Undefined: no launchers are wanted. */
  commands: readonly string[] | undefined;
  /** A file with the stub's text, 0755. */
  stub: string;
  /** Names of the links to the image and to the base in the prefix. */
  names: { image: string; container: string };
  /** Whether there is an image. */
  image: boolean;
  /** What the link to the base leads to; undefined on the host base. */
  base: string | undefined;
  /** Files of another tool's installation that this one takes the place of; they are kept aside. */
  converts?: readonly string[];
  now: Date;
  /** Called when the generation is the current one; from then on it stays. */
  onPublished: () => void;
}

/** The number of the generation that `current` names; undefined when there is none. */
export async function currentGeneration(root: string): Promise<number | undefined> {
  const target = await readlink(prefixPaths(root).current).catch(() => "");
  const number = /^generations\/([1-9][0-9]*)\/?$/.exec(target)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** The numbers of the generations that are there, newest first. */
export async function generationNumbers(root: string): Promise<number[]> {
  const names = await readdir(prefixPaths(root).generations).catch(() => []);
  return names
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number)
    .sort((a, b) => b - a);
}

/** What is at a name in bin: a stub of ours, something else, or nothing. */
export async function whatIsInBin(path: string): Promise<"stub" | "foreign" | "nothing"> {
  const info = await lstat(path).catch(() => undefined);
  if (!info) return "nothing";
  if (!info.isFile() || info.size > 65_536) return "foreign";
  return isStub(await readFile(path, "utf8").catch(() => "")) ? "stub" : "foreign";
}

/** Takes stubs out of bin that the current generation does not have; what is not ours stays. */
async function removeGoneNames(bin: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(bin)) {
    if (!names.has(name) && (await whatIsInBin(join(bin, name))) === "stub")
      await rm(join(bin, name), { force: true });
  }
}

/** Refuses to replace what somebody else put into bin under a name that the environment has. */
async function refuseForeignNames(bin: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if ((await whatIsInBin(join(bin, name))) !== "foreign") continue;
    throw new KapseliError(
      ExitCode.checkOrPublishFailed,
      `${join(bin, name)} is in the way: it was not made by Kapseli`,
      { hint: "Move it away and run the same command again." },
    );
  }
}

/** Removes what builds that were killed began: generations without the manifest that is written last. */
export async function removeUnfinished(placement: Pick<Placement, "root">): Promise<void> {
  const current = await currentGeneration(placement.root);
  for (const number of await generationNumbers(placement.root)) {
    const paths = generationPaths(placement.root, number);
    // The one in use was complete; what a purge of old files took of it is no reason to remove it.
    if (number === current || (await exists(paths.manifest))) continue;
    await removeGeneration(paths.directory);
  }
}

/** Removes a generation that never was in use, and what may still serve its image. */
export async function removeGeneration(directory: string): Promise<void> {
  await endServers(directory, process.geteuid?.() ?? 0);
  await rm(directory, { recursive: true, force: true });
}

/** Generations before the current one that are still there. */
export interface OlderGenerations {
  count: number;
  /** Bytes of their images. */
  bytes: number;
}

/**
 * When a generation stopped being the current one, in ms since the epoch.
 *
 * @param newer the generation after it
 */
export async function replacedAt(root: string, number: number, newer: number): Promise<number | undefined> {
  const noted = await stat(generationPaths(root, number).replaced).catch(() => undefined);
  // Without the note: when the next one appeared.
  return (noted ?? (await stat(generationPaths(root, newer).manifest).catch(() => undefined)))?.mtimeMs;
}

/** Removes generations that were replaced long ago. @returns those that stay besides the current one. */
async function prune(root: string, current: number, now: Date): Promise<OlderGenerations> {
  const others = (await generationNumbers(root)).filter((number) => number !== current);
  const kept: OlderGenerations = { count: 0, bytes: 0 };
  // All asked before any is removed: what one was replaced by may go, too.
  const times = await Promise.all(
    others.map((number, index) => replacedAt(root, number, others[index - 1] ?? current)),
  );
  for (const [index, number] of others.entries()) {
    const replaced = times[index];
    const old = replaced !== undefined && now.getTime() - replaced > KEPT_MS;
    if (old && index + 1 >= KEPT_GENERATIONS) {
      await rm(generationPaths(root, number).directory, { recursive: true, force: true });
      continue;
    }
    kept.count += 1;
    kept.bytes += (await stat(generationPaths(root, number).image).catch(() => undefined))?.size ?? 0;
  }
  return kept;
}

/** Notes in a generation that it is not the current one any more. */
async function noteReplaced(root: string, number: number, now: Date): Promise<void> {
  const { directory, replaced } = generationPaths(root, number);
  if (!(await exists(directory))) return;
  await writeFile(replaced, "");
  await utimes(replaced, now, now);
}

/**
 * Publishes a complete generation: the new names are linked into bin, `current` is renamed over, the names that are
 * gone are unlinked. Before the rename the prefix answers as it did, after it as the new one.
 *
 * @throws {KapseliError} `checkOrPublishFailed` when the prefix cannot be written.
 */
export async function publish(publication: Publication): Promise<OlderGenerations> {
  return await makeCurrent(publication, () =>
    prune(publication.placement.root, publication.placement.generation, publication.now),
  );
}

/**
 * Makes a complete generation the current one, as `publish` does, and removes no other.
 *
 * @param last what is done at the end; a failure of it is one of the prefix, too.
 * @throws {KapseliError} `checkOrPublishFailed` when the prefix cannot be written.
 */
export async function makeCurrent<T>(publication: Publication, last: () => Promise<T>): Promise<T> {
  const { placement, commands, stub, converts } = publication;
  const replaced = await currentGeneration(placement.root);
  const paths = prefixPaths(placement.root);
  const names = new Set<string>(commands ? [...commands, ...OWN_COMMANDS] : []);
  // Of a prefix that has no bin yet the names appear at once, and never before what they lead to.
  const isFirst = names.size > 0 && !converts && !(await exists(paths.bin));
  const bin = converts || isFirst ? join(placement.root, ".kapseli-bin") : paths.bin;
  const before = (await exists(bin)) ? await readdir(bin) : undefined;
  const failed = (error: unknown): KapseliError =>
    new KapseliError(
      ExitCode.checkOrPublishFailed,
      `Failed to move to install dir: ${(error as Error).message}`,
      {
        hint: `Check the space and your rights in ${placement.root}, then run the same command again.`,
        cause: error,
      },
    );
  try {
    await refuseForeignNames(bin, [...names]);
    if (names.size > 0) await linkNames(bin, [...names], stub);
    if (converts) await makeDirectories(paths.converted);
    await replaceLink(paths.current, join("generations", String(placement.generation)));
  } catch (error) {
    if (before === undefined) await rm(bin, { recursive: true, force: true });
    else await removeGoneNames(bin, new Set(before)).catch(() => undefined);
    throw error instanceof KapseliError ? error : failed(error);
  }
  publication.onPublished();
  try {
    if (isFirst) await rename(bin, paths.bin);
    if (converts) await keepConverted(paths, bin, converts);
    if (names.size > 0) await removeGoneNames(paths.bin, names);
    await linkKnownNames(placement.root, publication);
    if (placement.linkedBin && !(await exists(join(placement.prefix, "bin")))) {
      await replaceLink(join(placement.prefix, "bin"), "env/bin");
    }
    if (replaced !== undefined && replaced !== placement.generation) {
      await noteReplaced(placement.root, replaced, publication.now);
    }
    await rm(generationPaths(placement.root, placement.generation).replaced, { force: true });
    return await last();
  } catch (error) {
    throw failed(error);
  }
}

/** Puts the files of another tool's installation aside, whole; its bin goes when ours takes its place. */
async function keepConverted(
  paths: ReturnType<typeof prefixPaths>,
  ownBin: string,
  files: readonly string[],
): Promise<void> {
  const move = async (name: string): Promise<void> => {
    const from = join(paths.root, name);
    if (await lstat(from).catch(() => undefined)) await rename(from, join(paths.converted, name));
  };
  await move("bin");
  await rename(ownBin, paths.bin);
  for (const name of files.filter((name) => name !== "bin")) await move(name);
}

/** Links under the names by which scripts know an installation's image, base and records. */
async function linkKnownNames(root: string, publication: Publication): Promise<void> {
  const { names, image, base } = publication;
  const wanted = new Map<string, string>([["share", "current/share"]]);
  if (image) wanted.set(names.image, "current/env.sqfs");
  if (base !== undefined) wanted.set(names.container, base);
  for (const [name, target] of wanted) {
    const there = await lstat(join(root, name)).catch(() => undefined);
    if (!there || there.isSymbolicLink()) await replaceLink(join(root, name), target);
  }
  // A base or an image that is not there any more.
  for (const name of [names.image, names.container].filter((name) => !wanted.has(name))) {
    const there = await lstat(join(root, name)).catch(() => undefined);
    if (there?.isSymbolicLink()) await rm(join(root, name), { force: true });
  }
}

/** Puts the stub under every name: one inode, where hard links are possible. */
async function linkNames(bin: string, names: readonly string[], stub: string): Promise<void> {
  const [first, ...others] = names;
  if (first === undefined) throw new RangeError("an environment has commands");
  await makeDirectories(bin);
  const firstPath = join(bin, first);
  const same =
    (await exists(firstPath)) && (await readFile(firstPath, "utf8")) === (await readFile(stub, "utf8"));
  if (!same) {
    // A copy, so that the name in the prefix shares no inode with the work directory.
    const copy = join(bin, ".kapseli-stub");
    await copyFile(stub, copy);
    await rename(copy, firstPath);
  }
  const { ino } = await stat(firstPath);
  for (const name of others) {
    const path = join(bin, name);
    const there = await stat(path).catch(() => undefined);
    if (there?.ino !== ino) await linkOrCopy(firstPath, path);
  }
}
