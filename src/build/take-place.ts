import { randomInt } from "node:crypto";
import { dirname, join } from "node:path";
import type { Config } from "../config/keys.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  exists,
  hasCode,
  isWritable,
  makeDirectories,
  removeAsides,
  removeEmptyDirectories,
} from "../host/files.ts";
import { lockPrefix } from "../host/lock.ts";
import { directoryFacts } from "../host/prefix-facts.ts";
import type { Undo } from "../host/undo.ts";
import { type Location, newLocation, updatedLocation } from "../plan/location.ts";
import type { BuildRequest } from "../plan/request.ts";
import {
  checkPrefixPath,
  type DirectoryFacts,
  type Placement,
  placeConversion,
  placeEnvironment,
  placeInPlace,
} from "../prefix/placement.ts";

/** Decides where in the prefix the environment goes, from what is there now. */
export async function placementOf(request: BuildRequest): Promise<Placement> {
  if (request.inPlace) return placeInPlace(request.inPlace.directory);
  const facts = await lookedAt(request.prefix);
  const converts = request.origin?.converts;
  const placement = converts
    ? placeConversion(facts, converts.files)
    : placeEnvironment(facts, await lookedAt(join(request.prefix, "env"), request.prefix));
  checkPrefixPath(placement.root, request.tool === "conda" ? "conda" : "pip");
  await refuseInsideEnvironment(placement.root);
  return placement;
}

/** @throws {KapseliError} `hostCannot`, about `prefix`, for a directory that may not be looked into. */
async function lookedAt(path: string, prefix = path): Promise<DirectoryFacts> {
  try {
    return await directoryFacts(path);
  } catch (error) {
    throw notWritable(prefix, error);
  }
}

/** An image covers everything below its prefix, and generations are removed with all that is in them. */
async function refuseInsideEnvironment(root: string): Promise<void> {
  for (let parent = dirname(root); parent !== dirname(parent); parent = dirname(parent)) {
    if (!(await exists(join(parent, "current", "launcher.sh")))) continue;
    throw new KapseliError(ExitCode.hostCannot, `the prefix ${root} lies inside the environment ${parent}`, {
      hint: `To build that one again give --prefix ${parent}; else choose a directory outside of it.`,
    });
  }
}

/**
 * Makes the directories of the prefix that are missing and takes its lock.
 *
 * @throws {KapseliError} `hostCannot` when it cannot be written, or another build holds it.
 */
export async function takePrefix(placement: Placement, undo: Undo): Promise<void> {
  try {
    const made = await makeDirectories(placement.holder);
    undo.add(() => removeEmptyDirectories(made));
  } catch (error) {
    throw notWritable(placement.root, error);
  }
  for (const directory of new Set([placement.prefix, placement.root, placement.holder])) {
    if (!(await isWritable(directory))) throw notWritable(directory);
  }
  try {
    undo.add(await lockPrefix(placement.holder));
  } catch (error) {
    throw error instanceof KapseliError ? error : notWritable(placement.root, error);
  }
  for (const directory of [placement.root, join(placement.root, "bin")]) await removeAsides(directory);
}

function notWritable(path: string, cause?: unknown): KapseliError {
  const reason = hasCode(cause, "ENOSPC", "EDQUOT")
    ? "there is no space left"
    : hasCode(cause, "ENOTDIR")
      ? "a part of its path is a file"
      : "no permission to write and search there";
  return new KapseliError(ExitCode.hostCannot, `the prefix ${path} cannot be written: ${reason}`, {
    hint: "Choose another directory with --prefix.",
    cause,
  });
}

/** Where the image goes inside. */
export function locationOf(request: BuildRequest, placement: Placement, config: Config): Location {
  if (request.origin) return updatedLocation(request.origin.location, placement);
  const { tool, wrap } = request;
  const portable = config.installation_path.value;
  const location = newLocation({
    placement,
    installationPath: tool === "container" ? "" : (portable ?? ""),
    suffix: config.composable.value || portable === undefined ? randomSuffix() : "",
    view: tool === "directory" || request.portable,
    ...(wrap?.masked ? { masked: wrap.directory } : {}),
  });
  return tool === "container" ? { ...location, view: true } : location;
}

/** Seven letters and digits, as Tykky appends them to its install path. */
function randomSuffix(): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length: 7 }, () => letters[randomInt(letters.length)]).join("");
}
