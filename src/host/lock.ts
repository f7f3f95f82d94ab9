import { rename, rm } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { asideOf } from "./files.ts";
import { readOwner, writeOwner } from "./owner-record.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./proc-stat.ts";

/** The name of the lock in a prefix. */
export const LOCK_NAME = ".kapseli.lock";

/** Who holds a prefix. */
export interface Holder extends ProcessIdentity {
  user: string;
  /** ISO 8601, UTC. */
  since: string;
}

/** Who holds the lock of a prefix; undefined when nobody does any more. Of another host's process it is not known. */
export async function lockHolder(directory: string): Promise<Holder | undefined> {
  const holder = await readOwner<Holder>(join(directory, LOCK_NAME));
  return holder && isAlive(holder, hostname()) !== "dead" ? holder : undefined;
}

/**
 * Takes the lock of a prefix; a lock whose process is gone (dead, or of another boot) is taken over.
 *
 * @returns a function that gives the lock back.
 * @throws {KapseliError} `hostCannot` naming who holds it.
 */
export async function lockPrefix(directory: string): Promise<() => Promise<void>> {
  const file = join(directory, LOCK_NAME);
  const host = hostname();
  const holder: Holder = { ...ownIdentity(host), user: userInfo().username, since: new Date().toISOString() };
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await writeOwner(file, holder);
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const other = await readOwner<Holder>(file);
    if (other && isAlive(other, host) !== "dead") throw heldError(directory, other, host);
    // Renamed first, and looked at again: of several that find it stale only one gets it, and a fresh lock that came
    // in between is put back. The name is one that nobody who shares the prefix can foresee.
    const stale = asideOf(file);
    await rename(file, stale).catch(() => undefined);
    const renamed = await readOwner<Holder>(stale);
    if (renamed && isAlive(renamed, host) !== "dead") await writeOwner(file, renamed).catch(() => undefined);
    await rm(stale, { force: true });
  }
  throw new KapseliError(ExitCode.hostCannot, `the lock of ${directory} could not be taken`);
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
