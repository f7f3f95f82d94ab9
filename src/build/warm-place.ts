import { dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { access, constants, lstat, makeDirectories, mkdtemp } from "../host/files.ts";
import { bootId } from "../host/proc-stat.ts";
import { nodePlace, temporaryPlaces } from "../prefix/warm-place.ts";

/** A directory for holders. */
export interface WarmPlace {
  directory: string;
  /** What is to go with the last holder, innermost first. */
  removed: string[];
}

type Variables = Readonly<Record<string, string>>;

/** The mode of a directory of this user's; undefined for anything else, links included. */
async function ownMode(path: string): Promise<number | undefined> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() && found.uid === process.geteuid?.() ? found.mode : undefined;
}

async function ownDirectory(path: string | undefined): Promise<boolean> {
  return path !== undefined && (await ownMode(path)) !== undefined;
}

/** Whether only this user can change what is in a directory. */
export async function isPrivate(directory: string): Promise<boolean> {
  const mode = await ownMode(directory);
  return mode !== undefined && (mode & 0o077) === 0;
}

/**
 * The directory for holders that KAPSELI_WARM names to programs: the one that it names already, or a new one.
 *
 * @throws {KapseliError} `hostCannot` when none can be made.
 */
export async function commandPlace(variables: Variables): Promise<WarmPlace> {
  const given = variables.KAPSELI_WARM;
  if (given?.startsWith("/") && (await isPrivate(given))) return { directory: given, removed: [given] };
  const tried = temporaryPlaces(variables);
  for (const place of tried) {
    // A runtime directory of another user's session, taken over by su, is not for this one.
    if (place === variables.XDG_RUNTIME_DIR && !(await ownDirectory(place))) continue;
    const usable = await access(place, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!usable) continue;
    const directory = await mkdtemp(join(place, "kapseli-warm-"));
    return { directory, removed: [directory] };
  }
  throw new KapseliError(ExitCode.hostCannot, `a directory cannot be made in any of ${tried.join(", ")}`, {
    hint: "Set TMPDIR to a directory that you can write to.",
  });
}

/**
 * The directory for holders of all of the user's processes of a job, or of a login session, on this node.
 *
 * @throws {KapseliError} `hostCannot` when there is no place that is this user's alone.
 */
export async function sharedPlace(variables: Variables): Promise<WarmPlace> {
  const place = nodePlace(variables, bootId(), await ownDirectory(variables.XDG_RUNTIME_DIR));
  if (!place) {
    throw new KapseliError(
      ExitCode.hostCannot,
      "warm --node: there is neither a Slurm job nor a runtime directory of your own (XDG_RUNTIME_DIR)",
      { hint: "kapseli warm PREFIX -- COMMAND keeps the environment warm for one command." },
    );
  }
  await makeDirectories(dirname(place.parents[0] ?? place.directory));
  for (const directory of [...place.parents, place.directory]) {
    await makeDirectories(directory, 0o700);
    if (!(await isPrivate(directory))) {
      throw new KapseliError(ExitCode.hostCannot, `${directory} is not a directory that only you can enter`, {
        hint: "Remove it.",
      });
    }
  }
  return { directory: place.directory, removed: [place.directory, ...[...place.parents].reverse()] };
}
