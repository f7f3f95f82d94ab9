import { dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  copyFile,
  exists,
  lstat,
  makeDirectories,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from "../host/files.ts";
import { LOCK_NAME } from "../host/lock.ts";
import { originalOf } from "../prefix/placement.ts";
import { readExisting } from "./existing.ts";

/** An environment that somebody made without us. */
export interface FoundEnvironment {
  /** Physical path. */
  directory: string;
  tool: "conda" | "pip";
  /** uv made it: there may be no pip in it. */
  uv: boolean;
}

async function kindOf(directory: string): Promise<FoundEnvironment["tool"] | undefined> {
  if (await exists(join(directory, "conda-meta"))) return "conda";
  if ((await exists(join(directory, "pyvenv.cfg"))) && (await exists(join(directory, "bin")))) return "pip";
  return undefined;
}

/** uv writes its version into the configuration of the venvs that it makes. */
async function isMadeByUv(directory: string): Promise<boolean> {
  const configuration = await readFile(join(directory, "pyvenv.cfg"), "utf8").catch(() => "");
  return /^uv\s*=/m.test(configuration);
}

/** Where projects keep their environments: uv's and others' `.venv`, pixi's `.pixi/envs/NAME`. */
async function environmentsOf(project: string): Promise<string[]> {
  const pixi = join(project, ".pixi", "envs");
  const names = await readdir(pixi).catch(() => []);
  const candidates = [join(project, ".venv"), ...names.map((name) => join(pixi, name))];
  const found = await Promise.all(candidates.map(async (path) => ((await kindOf(path)) ? [path] : [])));
  return found.flat();
}

/** The environment's directory of a project that has exactly one; else the directory as it was given. */
export async function environmentOf(path: string): Promise<string> {
  if (await exists(join(path, "generations"))) return path;
  const [only, ...others] = await environmentsOf(path);
  return only !== undefined && others.length === 0 ? only : path;
}

/**
 * Finds the environment at a directory: the directory itself, or the only one that a project in it has.
 *
 * @param path absolute
 * @throws {KapseliError} `badInput` when there is none, or several.
 */
export async function findForeignEnvironment(path: string): Promise<FoundEnvironment> {
  const refuse = (message: string, hint: string): never => {
    throw new KapseliError(ExitCode.badInput, message, { hint });
  };
  const directory = await realpath(path).catch(() => undefined);
  if (directory === undefined || !(await stat(directory)).isDirectory()) {
    return refuse(`The directory ${path} does not exist`, "Name the directory of an environment.");
  }
  if (await exists(join(directory, "current", "launcher.sh"))) {
    const ours = await readExisting(directory);
    const wrapped = ours.made === "kapseli" && ours.manifest.inPlace === true;
    return refuse(
      `${directory} is a prefix already`,
      wrapped ? "kapseli unwrap gives it back as it was." : "Nothing needs to be done.",
    );
  }
  const tool = await kindOf(directory);
  if (tool) {
    const original = originalOf(directory);
    if (!(await exists(original))) return { directory, tool, uv: await isMadeByUv(directory) };
    return refuse(
      `${original} is in the way: the files of an earlier wrapping are kept there`,
      `Remove it with kapseli discard-original ${directory}, or move it away.`,
    );
  }
  const [only, ...others] = await environmentsOf(directory);
  if (only === undefined) {
    return refuse(
      `${directory} holds no environment: no pyvenv.cfg, conda-meta, .venv or .pixi/envs`,
      "Name the directory of a venv or a conda environment. Other software is wrapped with wrap-install DIR -w bin --mask.",
    );
  }
  if (others.length > 0) {
    return refuse(`${directory} holds several environments`, `Name one: ${[only, ...others].join(", ")}`);
  }
  return findForeignEnvironment(only);
}

/** In the place of `lib` outside of the container. */
const LIB_TEXT = `The packages of this environment are in its image (current/env.sqfs), which cannot be written to.
To add to it: pip-containerize or conda-containerize update; to have the files back: kapseli unwrap.
`;

/** Whether a file is the one that stands for `lib`. */
export async function isLibText(path: string): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined);
  return info?.isFile() === true && (await readFile(path, "utf8").catch(() => "")) === LIB_TEXT;
}

/**
 * Copies what is read outside of the container and is no program: scripts to source, and marks by which tools know an
 * environment.
 *
 * @param environment the environment's files
 * @param to where the copies go, at the same names
 * @param commands names in bin that get launchers
 */
export async function copyPlainFiles(
  environment: string,
  to: string,
  commands: readonly string[],
): Promise<void> {
  const names = new Set(commands);
  const copy = async (name: string): Promise<void> => {
    const info = await lstat(join(environment, name)).catch(() => undefined);
    if (!info?.isFile()) return;
    const path = join(to, name);
    await makeDirectories(dirname(path));
    // A shell or an editor may be reading the one that is there.
    const beside = `${path}.kapseli-new`;
    await copyFile(join(environment, name), beside);
    await rename(beside, path);
  };
  for (const name of await readdir(join(environment, "bin")).catch(() => [])) {
    if (!names.has(name)) await copy(join("bin", name));
  }
  await copy("pyvenv.cfg");
  await copy(join("conda-meta", "history"));
  // Installers outside would put packages here that nothing inside sees: they are to fail instead.
  if (!(await exists(join(to, "lib")))) await writeFile(join(to, "lib"), LIB_TEXT);
}

/**
 * Puts a finished prefix in the place of the directory that it was made of; the original stays beside it.
 *
 * @throws {KapseliError} `checkOrPublishFailed` when a rename fails; then the directory is where it was.
 */
export async function takePlace(
  directory: string,
  holder: string,
  commands: readonly string[],
): Promise<void> {
  const original = originalOf(directory);
  try {
    await copyPlainFiles(directory, holder, commands);
    await rename(directory, original);
    try {
      await rename(holder, directory);
      // It was taken beside the directory and has moved with it.
      await rm(join(directory, LOCK_NAME), { force: true });
    } catch (error) {
      await rename(original, directory);
      throw error;
    }
  } catch (error) {
    throw new KapseliError(
      ExitCode.checkOrPublishFailed,
      `${directory} could not be replaced: ${(error as Error).message}`,
      { hint: "You need the right to rename it in the directory above.", cause: error },
    );
  }
}
