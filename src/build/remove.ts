import { dirname, join, resolve } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  exists,
  lstat,
  physicalPath,
  readdir,
  readlink,
  replaceLink,
  rm,
  rmdir,
  stat,
  unlink,
} from "../host/files.ts";
import { type Holder, LOCK_NAME, lockHolder, lockPrefix } from "../host/lock.ts";
import { usageOf } from "../host/usage.ts";
import { type UserProcess, usersOf } from "../host/users-of.ts";
import { removeTree } from "../host/work-directory.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import { originalOf } from "../prefix/placement.ts";
import { currentSeen, manifestSeen } from "../prefix/state.ts";
import type { ContentOf } from "../report/objects.ts";
import { printable } from "../report/table.ts";
import { isOurs, isSame, SHARED_DIRECTORIES } from "./carry-over.ts";
import { requireWritable } from "./environment.ts";
import { type FoundPrefix, requireOwn, seeEnvironment } from "./see.ts";

/** An environment that is to be removed, as it was found. */
export interface Removal {
  found: FoundPrefix & { made: "kapseli" };
  /**
   * What goes, relative to the root: files, links and whole directories. `current` is the first, without which no
   * command starts; generations are the last, by which it is known again when this is stopped in between.
   */
  ours: string[];
  /** What stays because we did not make it, relative to the root; of a directory the name alone. */
  left: string[];
  /** The links by which it was named, each with what it leads to next; absolute, the named one first. */
  links: string[];
  usage: { size: number; inodes: number };
  /** The files of a directory that was wrapped in place, which are kept beside it. */
  original: string | undefined;
  generations: number[];
  users: UserProcess[];
  lock: Holder | undefined;
}

export type Removed = ContentOf<"remove">["environments"][number];

/** What a venv has besides programs, which was copied out of the image when a directory was wrapped in place. */
const COPIES = /^(?:pyvenv\.cfg|conda-meta\/history|bin\/(?:de)?activate[^/]*)$/i;

/** Whether a file in a directory that was wrapped in place is a copy of ours. */
async function isCopy(root: string, name: string, original: string | undefined): Promise<boolean> {
  if (original !== undefined) return isSame(join(root, name), join(original, name));
  const info = await lstat(join(root, name)).catch(() => undefined);
  return COPIES.test(name) && info?.isFile() === true;
}

/** Sorts what is in a prefix into what is ours and what is not. */
async function sortFiles(
  root: string,
  manifest: Manifest | undefined,
  original: string | undefined,
): Promise<Pick<Removal, "ours" | "left">> {
  const ours: string[] = [];
  const left: string[] = [];
  const container = String(manifest?.config.container_image?.value ?? "container.sif");
  const inPlace = manifest?.inPlace === true;
  const look = async (name: string): Promise<void> => {
    if (name === LOCK_NAME) return;
    // The installation of another tool that was converted, for whoever wants it back.
    if (name === join("generations", "0")) return void left.push(name);
    if (/^generations\/\.kapseli[^/]*$/.test(name) || (await isOurs(root, name, container))) {
      return void ours.push(name);
    }
    const info = await lstat(join(root, name)).catch(() => undefined);
    if (info?.isDirectory() && SHARED_DIRECTORIES.includes(name)) return walk(name);
    if (inPlace && (await isCopy(root, name, original))) return void ours.push(name);
    left.push(name);
  };
  const walk = async (directory: string): Promise<void> => {
    const names = await readdir(join(root, directory)).catch(() => undefined);
    if (!names) return void left.push(directory);
    for (const name of names.sort()) await look(join(directory, name));
  };
  await walk(".");
  const rank = (name: string): number => (name === "current" ? 0 : name.startsWith("generations/") ? 2 : 1);
  return { ours: ours.sort((a, b) => rank(a) - rank(b)), left };
}

/** The links by which a path names a directory: the path itself, what that leads to if it is one again, and so on. */
async function linksOf(path: string): Promise<string[]> {
  const links: string[] = [];
  for (let at = path; links.length < 40; ) {
    const target = await readlink(at).catch(() => undefined);
    if (target === undefined) break;
    links.push(at);
    at = resolve(await physicalPath(dirname(at)), target);
  }
  return links;
}

/**
 * After an environment is removed, the link by which it was named goes, too, where nothing is left at its end.
 *
 * @returns the link that is removed, and those that lead nowhere now.
 */
async function removeLinks(links: readonly string[]): Promise<Pick<Removed, "links" | "dangling">> {
  const [named] = links;
  // The directory is still there, with files that are not ours.
  if (named === undefined || (await stat(named).catch(() => undefined))) return { links: [], dangling: [] };
  const isRemoved = await unlink(named).then(
    () => true,
    () => false,
  );
  const removed = isRemoved ? [named] : [];
  return { links: removed, dangling: links.filter((link) => !removed.includes(link)) };
}

const directoriesOf = (root: string, generations: readonly number[]): string[] =>
  generations.map((number) => generationPaths(root, number).directory);

/**
 * Looks at an environment that is to be removed; changes nothing.
 *
 * @param path absolute
 * @throws {KapseliError} `badInput` when there is none of ours, `hostCannot` when this user may not change it.
 */
export async function examineRemoval(path: string): Promise<Removal> {
  const found = await requireOwn(path);
  const { root } = found;
  await requireWritable({ ...found, generation: 0 });
  const seen = await seeEnvironment(root);
  const current = currentSeen(seen);
  const manifest = current && manifestSeen(current);
  const beside = originalOf(root);
  const original = manifest?.inPlace && (await exists(beside)) ? beside : undefined;
  const generations = seen.generations.map(({ number }) => number);
  const files = await sortFiles(root, manifest, original);
  const usage = await usageOf(files.ours.map((name) => join(root, name)));
  return {
    found,
    ...files,
    links: await linksOf(path),
    usage: { size: usage.bytes, inodes: usage.inodes },
    original,
    generations,
    users: usersOf(directoriesOf(root, generations)),
    lock: await lockHolder(root),
  };
}

/** Says who uses an environment. */
export function inUse(root: string, users: readonly UserProcess[]): KapseliError {
  // Anybody can call a process whatever they like.
  const shown = users
    .slice(0, 10)
    .map(({ pid, command }) => printable(`${pid} ${command.slice(0, 200)}`).trim());
  const more = users.length > 10 ? [`and ${users.length - 10} more`] : [];
  return new KapseliError(ExitCode.hostCannot, `${root} is in use on this host`, {
    lines: [...shown, ...more],
    hint: "End these processes first. --force removes it all the same, and they lose their files.",
  });
}

async function removeFiles(
  { found, ours }: Removal,
  force: boolean,
  generations: readonly number[],
): Promise<void> {
  const { root, prefix, linkedBin } = found;
  const { current } = prefixPaths(root);
  const target = await readlink(current).catch(() => undefined);
  // Without it no command starts any more; one that has started meanwhile is seen then.
  await rm(current, { force: true });
  const users = force ? [] : usersOf(directoriesOf(root, generations));
  if (users.length > 0) {
    if (target !== undefined) await replaceLink(current, target);
    throw inUse(root, users);
  }
  for (const name of ours) {
    const path = join(root, name);
    const info = await lstat(path).catch(() => undefined);
    // What a link leads to is not ours.
    await (info?.isDirectory() ? removeTree(path) : rm(path, { force: true }));
  }
  for (const directory of SHARED_DIRECTORIES) await rmdir(join(root, directory)).catch(() => undefined);
  if (linkedBin && (await readlink(join(prefix, "bin")).catch(() => "")) === "env/bin") {
    await rm(join(prefix, "bin"), { force: true });
  }
}

/**
 * Removes an environment: what is ours, and the directory itself where it is empty then, with the link by which it was
 * named.
 *
 * @param force also while it is in use, or another build holds it
 * @throws {KapseliError} `hostCannot` when it is in use, or cannot be removed.
 */
export async function removeEnvironment(removal: Removal, force: boolean): Promise<Removed> {
  const { found, left, usage, original, generations } = removal;
  const { root, prefix } = found;
  if (force) await rm(join(root, LOCK_NAME), { force: true });
  const release = await lockPrefix(root);
  try {
    await removeFiles(removal, force, generations);
  } catch (error) {
    if (error instanceof KapseliError) throw error;
    throw new KapseliError(ExitCode.hostCannot, `${root} could not be removed: ${(error as Error).message}`, {
      hint: "Check your rights there, then run the same command again.",
      cause: error,
    });
  } finally {
    await release();
  }
  await rmdir(root).catch(() => undefined);
  const links = await removeLinks(removal.links);
  return { prefix, root, ...usage, left, original: original ?? null, ...links };
}
