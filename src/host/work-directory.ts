import { randomInt } from "node:crypto";
import { chmod, lstat, readdir, rm, rmdir, statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { isAbsolute, join } from "node:path";
import { dir as temporaryDirectory } from "tmp-promise";
import { ExitCode, KapseliError } from "../errors.ts";
import { hasCode, makeDirectories } from "./files.ts";
import { endOrphans } from "./orphans.ts";
import { readOwner, writeOwner } from "./owner-record.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./proc-stat.ts";
import { run } from "./processes.ts";

/** A directory in which work directories could be made. */
export interface Candidate {
  path: string;
  freeBytes: number;
  /** File system magic (man 2 statfs). */
  type: number;
}

const TMPFS = 0x01021994;
/** Network and parallel file systems on which tens of thousands of small files are slow. */
const REMOTE: ReadonlySet<number> = new Set([
  0x6969 /* NFS */, 0x0bd00bd0 /* Lustre */, 0x47504653 /* GPFS */, 0x19830326 /* BeeGFS */,
  0x65735546 /* FUSE */, 0x00c36400 /* Ceph */,
]);
/** What an ordinary environment needs while it is built. */
const COMFORTABLE_BYTES = 8 * 1024 ** 3;

/**
 * Chooses where to build: local storage with room before memory, memory before remote storage; among equals the
 * first. Pure.
 */
export function chooseWorkBase(candidates: readonly Candidate[]): Candidate | undefined {
  const rank = (candidate: Candidate): number =>
    (candidate.freeBytes >= COMFORTABLE_BYTES ? 0 : 4) +
    (REMOTE.has(candidate.type) ? 2 : candidate.type === TMPFS ? 1 : 0);
  return [...candidates].sort((a, b) => rank(a) - rank(b))[0];
}

/** Where work directories may go when nobody says: the job's own local directory first. */
const USUAL_VARIABLES = ["TMPDIR", "LOCAL_SCRATCH", "SLURM_TMPDIR"];

/** What the runtimes' `--mount` cannot carry, and a launcher that is tried from there would refuse. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNCARRIED = /["\x00-\x1f\x7f]/;

async function candidates(environment: Readonly<Record<string, string>>): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const path of usualWorkBases(environment)) {
    if (UNCARRIED.test(path)) continue;
    try {
      const { bavail, bsize, type } = await statfs(path);
      found.push({ path, freeBytes: bavail * bsize, type });
    } catch {
      // A TMPDIR that does not exist is no candidate.
    }
  }
  return found;
}

export interface WorkDirectory {
  path: string;
  freeBytes: number;
  remove(): Promise<void>;
}

const OWNER = "owner";
const NAME = /^cw-[A-Z0-9]{6}$/;

/** A work directory that was found. */
export interface FoundWorkDirectory {
  path: string;
  /**
   * `empty`: its build was killed as it began, or begins right now. `kept`: nobody's any more, by CW_DEBUG_KEEP_FILES,
   * or another program's of that name.
   */
  state: "alive" | "dead" | "unknown" | "empty" | "kept";
  /** Whose it is, or was. */
  owner: ProcessIdentity | undefined;
}

/** The work directories of one user below a directory; what others own is not looked at. */
export async function findWorkDirectories(base: string, uid: number): Promise<FoundWorkDirectory[]> {
  const found: FoundWorkDirectory[] = [];
  for (const name of (await readdir(base).catch(() => [])).filter((name) => NAME.test(name))) {
    const path = join(base, name);
    try {
      const stat = await lstat(path);
      if (!stat.isDirectory() || stat.uid !== uid) continue;
      const owner = await readOwner(join(path, OWNER));
      const nobodys = (): Promise<"empty" | "kept"> =>
        readdir(path).then((names) => (names.length === 0 ? "empty" : "kept"));
      found.push({ path, owner, state: owner ? isAlive(owner, hostname()) : await nobodys() });
    } catch {
      // One that is just being made, or removed.
    }
  }
  return found;
}

/** Where this user's work directories may be, when nobody says otherwise: each once, as it is named. */
export function usualWorkBases(environment: Readonly<Record<string, string>>): string[] {
  const paths = [...USUAL_VARIABLES.map((name) => environment[name]), "/tmp", "/var/tmp"];
  return [...new Set(paths.flatMap((path) => (path && isAbsolute(path) ? [path] : [])))];
}

/** Whether nobody works in it any more: `removeDead` makes sure of that before it removes anything. */
export const isLeftover = ({ state }: Pick<FoundWorkDirectory, "state">): boolean =>
  state === "dead" || state === "empty";

/** Removes work directories of ours whose process is gone. Those of other users, or unclear ones, stay. */
async function removeLeftovers(base: string, uid: number): Promise<void> {
  for (const found of await findWorkDirectories(base, uid)) {
    if (isLeftover(found)) await removeDead(found.path, uid).catch(() => undefined);
  }
}

/** Whether a directory is gone; one that is empty goes. */
async function isRemovedEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return true;
    if (hasCode(error, "ENOTEMPTY", "EEXIST")) return false;
    throw error;
  }
}

/** Ends what a build that was killed left running, and removes its work directory. One that is in use by now stays. */
export async function removeDead(path: string, uid: number): Promise<void> {
  if (await isRemovedEmpty(path)) return;
  const owner = await readOwner(join(path, OWNER));
  if (!owner || isAlive(owner, hostname()) !== "dead") return;
  await endOrphans(path, uid);
  await removeOwned(path);
}

/** Makes a work directory one that no later build takes for a leftover (CW_DEBUG_KEEP_FILES). */
export async function keepWorkDirectory(path: string): Promise<void> {
  await rm(join(path, OWNER), { force: true });
}

/** Removes a tree even where packages left directories without write permission. */
export async function removeTree(path: string): Promise<void> {
  await removeTrees([path]);
}

async function removeTrees(paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return;
  // rm does in one process of its own what would keep our own busy for tens of thousands of files.
  const removed = await run({ argv: ["/bin/rm", "-rf", "--", ...paths], env: {} });
  if (removed.exitCode === 0) return;
  const open = async (directory: string): Promise<void> => {
    await chmod(directory, 0o700).catch(() => undefined);
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) await open(join(directory, entry.name));
    }
  };
  for (const path of paths) {
    if ((await lstat(path).catch(() => undefined))?.isDirectory()) await open(path);
    await rm(path, { recursive: true, force: true });
  }
}

/** Removes a directory that says whose it is; when this is cut short, what is left of it still says so. */
async function removeOwned(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  await removeTrees(names.filter((name) => name !== OWNER).map((name) => join(path, name)));
  await rm(join(path, OWNER), { force: true }).catch(() => undefined);
  // What came in meanwhile, or cannot be entered.
  if (!(await isRemovedEmpty(path))) await removeTree(path);
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/** Each fails only where another build, beginning at the same moment, takes the empty directory for one that was left. */
const ATTEMPTS = 5;

/** Makes a directory below `base` that is this process's from its first entry on. */
async function makeOwned(base: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const name = `cw-${Array.from({ length: 6 }, () => LETTERS[randomInt(LETTERS.length)]).join("")}`;
    const { path } = await temporaryDirectory({ tmpdir: base, name, mode: 0o700, keep: true });
    try {
      await writeOwner(join(path, OWNER), ownIdentity(hostname()));
      return path;
    } catch (error) {
      await rmdir(path).catch(() => undefined);
      if (attempt === ATTEMPTS || !hasCode(error, "ENOENT")) throw error;
    }
  }
}

/**
 * Works in a directory of this process's own, mode 0700, in one that is kept: what is put into a cache is made ready
 * there and renamed; what is left of it goes. Those that killed processes left are removed.
 *
 * @returns what `work` returns
 */
export async function inOwnDirectory<T>(base: string, work: (own: string) => Promise<T>): Promise<T> {
  await removeLeftovers(base, process.geteuid?.() ?? 0);
  const own = await makeOwned(base);
  try {
    return await work(own);
  } finally {
    await removeOwned(own);
  }
}

/**
 * Makes a work directory `cw-` + 6 of [A-Z0-9], mode 0700.
 *
 * @param given the directory asked for by --tmpdir, CW_BUILD_TMPDIR or the configuration; made when missing
 * @throws {KapseliError} `hostCannot` when it cannot be made there, `badInput` when `given` is not absolute or
 * no runtime can carry it.
 */
export async function makeWorkDirectory(
  given: string | undefined,
  environment: Readonly<Record<string, string>>,
  uid: number,
): Promise<WorkDirectory> {
  if (given !== undefined && !isAbsolute(given)) {
    throw new KapseliError(ExitCode.badInput, `the build directory ${given}: path is not absolute`, {
      hint: "Give CW_BUILD_TMPDIR (or build_tmpdir_base) a path that begins with /.",
    });
  }
  if (given !== undefined && UNCARRIED.test(given)) {
    throw new KapseliError(
      ExitCode.badInput,
      `the build directory ${JSON.stringify(given)}: its path holds a double quote or a control character, which the container runtime cannot carry`,
      { hint: "Name another one with --tmpdir or CW_BUILD_TMPDIR." },
    );
  }
  const base = given ?? chooseWorkBase(await candidates(environment))?.path ?? "/tmp";
  try {
    // Not by a recursive mkdir: below /proc Node's never ends.
    await makeDirectories(base);
    await removeLeftovers(base, uid);
    const path = await makeOwned(base);
    const { bavail, bsize } = await statfs(path);
    return { path, freeBytes: bavail * bsize, remove: () => removeOwned(path) };
  } catch (error) {
    throw new KapseliError(
      ExitCode.hostCannot,
      `Could not create build directory in ${base}: ${(error as Error).message}`,
      {
        hint: "Choose a directory you can write to with --tmpdir or CW_BUILD_TMPDIR.",
        cause: error,
      },
    );
  }
}
