import { randomUUID } from "node:crypto";
import { constants, copyFile, link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ExitCode, KapseliError } from "../errors.ts";
import { hasNoLinks } from "./files.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./proc-stat.ts";

/** The name of the lock in a prefix. */
export const LOCK_NAME = ".kapseli.lock";

/** Who holds a prefix. */
export interface Holder extends ProcessIdentity {
  user: string;
  /** ISO 8601, UTC. */
  since: string;
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

/** How long a lock that is being copied into place may be cut. */
const HALF_MS = 100;

/** As `readHolder`, of a lock that another one may be copying into place. */
async function readWhole(file: string): Promise<Holder | undefined> {
  const holder = await readHolder(file);
  if (holder) return holder;
  await setTimeout(HALF_MS);
  return readHolder(file);
}

/** Gives a file a second name, or makes a copy of it. @throws {Error} EEXIST when the name is taken */
async function putUnder(aside: string, file: string): Promise<void> {
  try {
    await link(aside, file);
  } catch (error) {
    if (!hasNoLinks(error)) throw error;
    await copyFile(aside, file, constants.COPYFILE_EXCL);
  }
}

/** Who holds the lock of a prefix; undefined when nobody does any more. Of another host's process it is not known. */
export async function lockHolder(directory: string): Promise<Holder | undefined> {
  const holder = await readHolder(join(directory, LOCK_NAME));
  return holder && isAlive(holder, hostname()) !== "dead" ? holder : undefined;
}

/**
 * Takes the lock of a prefix; a lock whose process is gone (dead, or of another boot) is taken over. The lock is
 * written aside and linked into place, so that nobody reads half of it.
 *
 * @returns a function that gives the lock back.
 * @throws {KapseliError} `hostCannot` naming who holds it.
 */
export async function lockPrefix(directory: string): Promise<() => Promise<void>> {
  const file = join(directory, LOCK_NAME);
  const host = hostname();
  const holder: Holder = { ...ownIdentity(host), user: userInfo().username, since: new Date().toISOString() };
  // A name that nobody can foresee: who shares the prefix could have put a link there.
  const aside = `${file}.${randomUUID()}`;
  await writeFile(aside, JSON.stringify(holder), { mode: 0o644, flag: "wx" });
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        await putUnder(aside, file);
        return () => rm(file, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const other = await readWhole(file);
      if (other && isAlive(other, host) !== "dead") throw heldError(directory, other, host);
      // Renamed first, and looked at again: of several that find it stale only one gets it, and a fresh lock that
      // came in between is put back.
      const stale = `${aside}.stale`;
      await rename(file, stale).catch(() => undefined);
      const renamed = await readHolder(stale);
      if (renamed && isAlive(renamed, host) !== "dead") await putUnder(stale, file).catch(() => undefined);
      await rm(stale, { force: true });
    }
    throw new KapseliError(ExitCode.hostCannot, `the lock of ${directory} could not be taken`);
  } finally {
    await rm(aside, { force: true });
  }
}

function heldError(directory: string, other: Holder, host: string): KapseliError {
  const where = other.host === host ? `process ${other.pid}` : `process ${other.pid} on ${other.host}`;
  return new KapseliError(
    ExitCode.hostCannot,
    `another build works on ${directory}: ${where} of ${other.user}, since ${other.since}`,
    {
      hint:
        other.host === host
          ? "Wait for it to end, or choose another prefix."
          : `Wait for it to end. If that host is gone, remove ${join(directory, LOCK_NAME)}.`,
    },
  );
}
