import { dirname, join, resolve } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { hasCode, readdir, readlink, realpath } from "../host/files.ts";
import { fileSystemGate } from "../host/mounts.ts";
import type { ContentOf, ListedEnvironment } from "../report/objects.ts";
import { listed } from "./identify.ts";
import { type FoundPrefix, prefixAt } from "./see.ts";

/** How far below a directory environments are looked for. */
export const DEFAULT_DEPTH = 3;
/** How many directories are looked into below one that was named. */
const MOST_DIRECTORIES = 20_000;
/** Directories that are looked into at once: a parallel file system answers each slowly. */
const AT_ONCE = 16;

/** A search in progress. */
interface Search {
  gate: ReturnType<typeof fileSystemGate>;
  /** By root. */
  found: Map<string, { prefix: FoundPrefix; name: string | undefined }>;
  notSearched: { path: string; why: string }[];
}

const newSearch = (): Search => ({ gate: fileSystemGate(), found: new Map(), notSearched: [] });

function note(search: Search, prefix: FoundPrefix, name?: string): void {
  const there = search.found.get(prefix.root);
  if (!there) search.found.set(prefix.root, { prefix, name });
}

/** Whether a directory can be looked into without hanging; where not, that is noted. */
async function isOpen(search: Search, directory: string): Promise<boolean> {
  const shut = await search.gate(directory);
  if (shut === "silent") {
    search.notSearched.push({ path: directory, why: "its file system does not answer" });
  }
  return shut === undefined;
}

/** Looks into one directory. @returns the directories in it in which there may be environments. */
async function visit(search: Search, directory: string): Promise<string[]> {
  if (!(await isOpen(search, directory))) return [];
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (hasCode(error, "EACCES", "EPERM")) {
      search.notSearched.push({ path: directory, why: "no permission" });
    } else if (!hasCode(error, "ENOENT", "ENOTDIR")) {
      search.notSearched.push({ path: directory, why: (error as Error).message });
    }
    return [];
  });
  const prefix = await prefixAt(
    directory,
    entries.map(({ name }) => name),
  );
  if (prefix) note(search, prefix);
  if (prefix?.root === directory) return [];
  // Links are not followed: what they lead to is found where it is, and they may lead in circles.
  return entries
    .filter((entry) => entry.isDirectory() && join(directory, entry.name) !== prefix?.root)
    .map(({ name }) => join(directory, name));
}

async function walk(search: Search, start: string, depth: number): Promise<void> {
  let level = [start];
  let looked = 0;
  for (let below = 0; below <= depth && level.length > 0; below++) {
    const next: string[] = [];
    for (let at = 0; at < level.length; at += AT_ONCE) {
      if (looked >= MOST_DIRECTORIES) {
        const why = `it holds too many directories: only ${MOST_DIRECTORIES} were looked into`;
        search.notSearched.push({ path: start, why });
        return;
      }
      const some = level.slice(at, at + AT_ONCE);
      looked += some.length;
      next.push(...(await Promise.all(some.map((directory) => visit(search, directory)))).flat());
    }
    level = next;
  }
}

/** What a name in a directory of TYKKY_PATH leads to; a link is one of the ways to give an environment a name. */
async function leadsTo(search: Search, path: string): Promise<string | undefined> {
  const target = await readlink(path).catch(() => undefined);
  if (target !== undefined && !(await isOpen(search, resolve(dirname(path), target)))) return undefined;
  return realpath(path).catch(() => undefined);
}

async function lookUpNames(search: Search, directory: string): Promise<void> {
  if (!(await isOpen(search, directory))) return;
  const names = await readdir(directory).catch((error: unknown) => {
    if (hasCode(error, "EACCES", "EPERM")) {
      search.notSearched.push({ path: directory, why: "no permission" });
    }
    return [];
  });
  for (const name of names.sort()) {
    const physical = await leadsTo(search, join(directory, name));
    const prefix = physical === undefined ? undefined : await prefixAt(physical);
    if (prefix) note(search, prefix, name);
  }
}

async function result(search: Search): Promise<ContentOf<"list">> {
  const environments: ListedEnvironment[] = [];
  for (const { prefix, name } of search.found.values()) environments.push(await listed(prefix, name));
  environments.sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  return { environments, notSearched: search.notSearched };
}

/**
 * The environments at directories and below them.
 *
 * @param directories absolute
 * @param depth how many levels below each
 * @throws {KapseliError} `badInput` for a directory that is not there.
 */
export async function listBelow(directories: readonly string[], depth: number): Promise<ContentOf<"list">> {
  const search = newSearch();
  for (const directory of directories) {
    if (!(await isOpen(search, directory))) continue;
    const physical = await realpath(directory).catch((error: unknown) => {
      if (hasCode(error, "EACCES", "EPERM")) return undefined;
      throw new KapseliError(ExitCode.badInput, `The directory ${directory} does not exist`, {
        hint: "Name a directory below which environments are.",
        cause: error,
      });
    });
    if (physical === undefined) search.notSearched.push({ path: directory, why: "no permission" });
    else await walk(search, physical, depth);
  }
  return result(search);
}

/**
 * The environments that have names, as `tykky activate` takes them: those in the directories of TYKKY_PATH.
 *
 * @param variables the caller's environment
 */
export async function listNamed(
  variables: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Promise<ContentOf<"list"> & { directories: string[] }> {
  const { TYKKY_PATH, HOME } = variables;
  const given = TYKKY_PATH ?? (HOME ? join(HOME, ".tykky") : "");
  const directories = [...new Set(given.split(":").filter((entry) => entry !== ""))];
  const search = newSearch();
  for (const directory of directories) await lookUpNames(search, resolve(cwd, directory));
  return { ...(await result(search)), directories };
}
