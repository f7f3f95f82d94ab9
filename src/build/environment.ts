import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  exists,
  hasCode,
  isWritable,
  lstat,
  physicalPath,
  readdir,
  readFile,
  readlink,
} from "../host/files.ts";
import { type LauncherFacts, readLauncherFacts } from "../prefix/launcher.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import { currentGeneration, generationNumbers } from "./publish.ts";

/** A finished environment, found by a path that a user gave. */
export interface Environment {
  /** Physical path of what was given. */
  prefix: string;
  /** The directory that holds `current`: the prefix, or PREFIX/env. */
  root: string;
  linkedBin: boolean;
  /** The number that `current` names. */
  generation: number;
}

/** An environment whose current generation can be launched. */
export interface LaunchableEnvironment extends Environment {
  launcher: LauncherFacts;
  /** Whether it is at another place than the one it was built for (`launcher.root`). */
  moved: boolean;
}

/**
 * The physical path of what a user named.
 *
 * @throws {KapseliError} `hostCannot` when this user may not look there.
 */
export async function reachable(path: string): Promise<string> {
  try {
    return await physicalPath(path);
  } catch (cause) {
    if (!hasCode(cause, "EACCES", "EPERM", "ELOOP", "ENAMETOOLONG")) throw cause;
    const why = hasCode(cause, "EACCES", "EPERM") ? "no permission to look there" : (cause as Error).message;
    throw new KapseliError(ExitCode.hostCannot, `${path} cannot be reached: ${why}`, {
      hint: "Choose another path, or ask its owner.",
      cause,
    });
  }
}

async function isEnvironment(root: string): Promise<boolean> {
  const current = await lstat(prefixPaths(root).current).catch(() => undefined);
  const generations = await lstat(prefixPaths(root).generations).catch(() => undefined);
  return current?.isSymbolicLink() === true && generations?.isDirectory() === true;
}

/**
 * Finds the environment of a prefix, also of one whose environment is in PREFIX/env.
 *
 * @param path absolute
 * @throws {KapseliError} `badInput` when there is none.
 */
export async function findEnvironment(path: string): Promise<Environment> {
  const given = await reachable(path);
  const refuse = (message: string, hint: string): never => {
    throw new KapseliError(ExitCode.badInput, message, { hint });
  };
  for (const root of [given, join(given, "env")]) {
    if (!(await isEnvironment(root))) continue;
    const linkedBin = root !== given || (await ownsBinBeside(root));
    const generation = await currentGeneration(root);
    if (generation === undefined) {
      const isLost = (await generationNumbers(root)).length === 0;
      return refuse(
        `${root} is damaged: ${prefixPaths(root).current} names no generation${isLost ? ", and there is none" : ""}`,
        isLost
          ? "Nothing is left to mend it from: build the environment again there."
          : `kapseli verify --repair ${root} mends it, or build the environment again there.`,
      );
    }
    const prefix = root === given && linkedBin ? join(given, "..") : given;
    return { prefix, root, linkedBin, generation };
  }
  const entries = await readdir(given).catch((error: unknown): string[] => {
    if (!hasCode(error, "EACCES", "EPERM")) return [];
    return refuse(`${given} cannot be looked into: no permission`, "Ask its owner.");
  });
  if (!(await exists(given))) return refuse(`${given} does not exist`, "Name the prefix of an environment.");
  if (entries.includes(".kapseli")) {
    return refuse(
      `${given} is the inside of this environment's container`,
      "Call its commands directly, or run kapseli outside of the container.",
    );
  }
  if (entries.includes("common.sh")) {
    return refuse(
      `${given} is an environment made by Tykky`,
      `conda-containerize update ${given} (or pip-containerize, as it was made) converts it; what wrap-container or ` +
        "wrap-install made is made anew with another prefix.",
    );
  }
  return refuse(`${given} is not an environment`, "Name the directory that was given as --prefix.");
}

/** Whether `bin` beside an environment's directory is the link to its commands. */
export async function ownsBinBeside(root: string): Promise<boolean> {
  return root.endsWith("/env") && (await readlink(join(root, "..", "bin")).catch(() => "")) === "env/bin";
}

/**
 * Finds an environment whose programs are to be started.
 *
 * @param path absolute
 * @throws {KapseliError} `badInput` when there is none, or a file that a launch needs is missing.
 */
export async function findLaunchable(path: string): Promise<LaunchableEnvironment> {
  const environment = await findEnvironment(path);
  const { launcher: file, image } = generationPaths(environment.root, environment.generation);
  const launcher = readLauncherFacts(await readFile(file, "utf8").catch(() => ""));
  if (!launcher || (launcher.mount !== undefined && !(await exists(image)))) {
    throw new KapseliError(
      ExitCode.badInput,
      `the environment in ${environment.root} is damaged: ${launcher ? image : file} is missing or cannot be read`,
      { hint: `kapseli verify --repair ${environment.root} mends it, or build it again there.` },
    );
  }
  return { ...environment, launcher, moved: launcher.root !== environment.root };
}

/** @throws {KapseliError} `hostCannot` when this user cannot change the environment. */
export async function requireWritable(environment: Environment): Promise<void> {
  for (const directory of [environment.root, prefixPaths(environment.root).bin]) {
    if (!(await exists(directory)) || (await isWritable(directory))) continue;
    throw new KapseliError(ExitCode.hostCannot, `${directory} cannot be written: no permission`, {
      hint: "Ask the owner of the environment to run this command.",
    });
  }
}
