import { dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, lstat, readdir, readlink, realpath, stat } from "../host/files.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import { environmentDirectories, parseTykkyConf, type TykkyConf } from "../prefix/tykky-prefix.ts";
import { ownsBinBeside } from "./environment.ts";
import { currentGeneration, generationNumbers } from "./publish.ts";
import { damaged, readManifest, textOf } from "./read-manifest.ts";

/** An environment of ours. */
export interface OwnEnvironment {
  made: "kapseli";
  /** The directory whose `bin` is on a user's PATH; physical. */
  prefix: string;
  /** The directory that the image covers: the prefix, or PREFIX/env; physical. */
  root: string;
  linkedBin: boolean;
  /** The current generation. */
  generation: number;
  paths: ReturnType<typeof generationPaths>;
  manifest: Manifest;
  /** The place it was built for, from the manifest; another than `root` when it was moved or copied. */
  recordedRoot: string;
  moved: boolean;
  /** The base image that is kept in the generation. */
  container: string | undefined;
}

/** An installation made by Tykky. */
export interface TykkyInstallation {
  made: "tykky";
  prefix: string;
  conf: TykkyConf;
  /** Its image; undefined for wrap-container, which has none. */
  image: string | undefined;
  /** The base container; a link's target where it is shared. */
  container: string;
  /** Where the environment may be in the image, relative to its root, the likeliest first (`environmentIn`). */
  environmentDirectories: string[];
  /** What a pip installation keeps outside its image. */
  venv: { configuration: string; sitePackages: string | undefined } | undefined;
  /** Directories with earlier inputs, oldest first. */
  previousInputs: string[];
}

export type Existing = OwnEnvironment | TykkyInstallation;

/** The words are Tykky's, which scripts look for (tykky-surface.md §2.4). */
function notValid(directory: string, why: string): KapseliError {
  return new KapseliError(
    ExitCode.badInput,
    `Directory ${directory} does not exist or is not a valid installation (${why})`,
    { hint: "Give the directory that was --prefix when the environment was made." },
  );
}

/**
 * Finds out what environment is at a directory.
 *
 * @param directory as the user gave it, made absolute; may be reached through links, moved or copied
 * @throws {KapseliError} `badInput` when there is none, or when it is damaged.
 */
export async function readExisting(directory: string): Promise<Existing> {
  const prefix = await realpath(directory).catch(() => undefined);
  if (prefix === undefined || !(await stat(prefix)).isDirectory()) {
    throw notValid(directory, prefix === undefined ? "there is no such directory" : "it is a file");
  }
  // PREFIX, PREFIX/env of a prefix with other files, or that env itself.
  for (const root of [prefix, join(prefix, "env")]) {
    if ((await generationNumbers(root)).length === 0) continue;
    return readOwn(root, (await ownsBinBeside(root)) ? dirname(root) : undefined);
  }
  const conf = join(prefix, "share", "conf.yaml");
  const content = await textOf(conf);
  if (content !== undefined) return readTykky(prefix, parseTykkyConf(conf, content));
  throw notValid(directory, "it has neither generations nor share/conf.yaml");
}

async function readOwn(root: string, linked: string | undefined): Promise<OwnEnvironment> {
  const { current, generations } = prefixPaths(root);
  const number = await currentGeneration(root);
  if (number === undefined) {
    const target = await readlink(current).catch(() => undefined);
    throw damaged(
      target === undefined
        ? `${current} is missing`
        : `${current} leads to ${target}, which is no generation`,
      `Its generations are in ${generations}; kapseli verify --repair ${root} makes a whole one of them current. Or build it anew.`,
    );
  }
  const paths = generationPaths(root, number);
  const manifest = await readManifest(paths.manifest);
  if (manifest.image && !(await isFile(paths.image))) {
    throw damaged(
      `${paths.image} is missing`,
      `Restore it, or kapseli verify --repair ${root} (goes back to an earlier generation, or builds the same again).`,
    );
  }
  return {
    made: "kapseli",
    prefix: linked ?? root,
    root,
    linkedBin: linked !== undefined,
    generation: number,
    paths,
    manifest,
    recordedRoot: manifest.root,
    moved: manifest.root !== root,
    container: (await isFile(paths.base)) ? paths.base : undefined,
  };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

async function readTykky(prefix: string, conf: TykkyConf): Promise<TykkyInstallation> {
  const hint = "Restore it, or build the environment anew.";
  const image = join(prefix, conf.image);
  if (conf.mode !== "wrapcont" && !(await isFile(image))) throw damaged(`${image} is missing`, hint);
  const container = join(prefix, conf.containerImage);
  const physical = await realpath(container).catch(() => undefined);
  if (physical === undefined) {
    const target = await readlink(container).catch(() => undefined);
    throw damaged(
      target === undefined
        ? `${container} is missing`
        : `${container} leads to ${target}, which is not there`,
      hint,
    );
  }
  const configuration = join(prefix, "pyvenv.cfg");
  return {
    made: "tykky",
    prefix,
    conf,
    image: conf.mode === "wrapcont" ? undefined : image,
    container: physical,
    environmentDirectories: environmentDirectories(conf, await linkTargets(join(prefix, "_bin"))),
    venv: (await exists(configuration))
      ? { configuration, sitePackages: await sitePackages(join(prefix, "lib")) }
      : undefined,
    previousInputs: await numbered(join(prefix, "share", "previous_input")),
  };
}

async function linkTargets(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return Promise.all(names.map((name) => readlink(join(directory, name)).catch(() => "")));
}

/** Where lib/pythonX.Y/site-packages leads, inside. */
async function sitePackages(lib: string): Promise<string | undefined> {
  const pythons = (await readdir(lib).catch(() => [])).filter((name) => /^python\d/.test(name));
  for (const python of pythons) {
    const target = await readlink(join(lib, python, "site-packages")).catch(() => undefined);
    if (target !== undefined) return target;
  }
  return undefined;
}

async function numbered(directory: string): Promise<string[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => /^\d+$/.test(name));
  return names.sort((a, b) => Number(a) - Number(b)).map((name) => join(directory, name));
}

/**
 * The directory of a Tykky installation's environment in its unpacked image, relative to the image's root.
 *
 * @throws {KapseliError} `badInput` when the image has none where one should be.
 */
export async function environmentIn(tree: string, installation: TykkyInstallation): Promise<string> {
  for (const directory of installation.environmentDirectories) {
    const info = await lstat(join(tree, directory)).catch(() => undefined);
    if (info?.isDirectory() && (directory === "" || (await exists(join(tree, directory, "bin"))))) {
      // miniforge may be a link to an older image's miniconda: the environment's own paths have that name.
      const [top, physical] = await Promise.all([realpath(tree), realpath(join(tree, directory))]);
      if (physical === top) return "";
      if (physical.startsWith(`${top}/`)) return physical.slice(top.length + 1);
    }
  }
  const expected = installation.environmentDirectories.join(" or ");
  throw damaged(
    `${installation.image} holds no environment${expected === "" ? "" : ` at ${expected}`}`,
    "env_name in share/conf.yaml has to be the name of the environment in the image.",
  );
}
