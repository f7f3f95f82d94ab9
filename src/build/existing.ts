import { basename, dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, hasCode, lstat, readdir, readFile, readlink, realpath, stat } from "../host/files.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import { MANIFEST_SCHEMA, Manifest } from "../prefix/manifest.ts";
import { environmentDirectories, parseTykkyConf, type TykkyConf } from "../prefix/tykky-prefix.ts";

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

function damaged(what: string, hint: string, where?: string): KapseliError {
  return new KapseliError(ExitCode.badInput, `the installation is damaged: ${what}`, {
    hint,
    ...(where === undefined ? {} : { where }),
  });
}

/** A file's text, or undefined when there is none. @throws {KapseliError} `badInput` when it cannot be read. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw new KapseliError(ExitCode.badInput, `${path} cannot be read: ${(error as Error).message}`, {
      hint: "Ask the owner of the installation for the right to read it.",
      cause: error,
    });
  }
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
    if (await isOurs(root)) return readOwn(root, await linkedPrefix(root));
  }
  const conf = join(prefix, "share", "conf.yaml");
  const content = await textOf(conf);
  if (content !== undefined) return readTykky(prefix, parseTykkyConf(conf, content));
  throw notValid(directory, "it has neither generations nor share/conf.yaml");
}

async function isOurs(root: string): Promise<boolean> {
  const { generations } = prefixPaths(root);
  const info = await lstat(generations).catch(() => undefined);
  if (!info?.isDirectory()) return false;
  return (await readdir(generations)).some((name) => /^[1-9][0-9]*$/.test(name));
}

/** The prefix whose `bin` leads to `root`/bin, when that is not in `root` itself. */
async function linkedPrefix(root: string): Promise<string | undefined> {
  if (basename(root) !== "env") return undefined;
  const target = await readlink(join(dirname(root), "bin")).catch(() => undefined);
  return target === "env/bin" ? dirname(root) : undefined;
}

async function readOwn(root: string, linked: string | undefined): Promise<OwnEnvironment> {
  const { current, generations } = prefixPaths(root);
  const target = await readlink(current).catch(() => undefined);
  const number = Number(/^generations\/([1-9][0-9]*)$/.exec(target ?? "")?.[1]);
  if (!Number.isSafeInteger(number)) {
    throw damaged(
      target === undefined
        ? `${current} is missing`
        : `${current} leads to ${target}, which is no generation`,
      `Its generations are in ${generations}; link current to one of them (ln -sfn generations/N current), or build it anew.`,
    );
  }
  const paths = generationPaths(root, number);
  const manifest = await readManifest(paths.manifest);
  if (!(await isFile(paths.image))) {
    throw damaged(
      `${paths.image} is missing`,
      "Restore it, go back to an earlier generation, or build it anew.",
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

const MANIFEST_HINT = "Go back to an earlier generation, or build the environment anew.";

/**
 * Reads a generation's manifest.
 *
 * @throws {KapseliError} `badInput` when it is missing, unreadable, or of a form that only a newer Kapseli knows.
 */
export async function readManifest(path: string): Promise<Manifest> {
  const content = await textOf(path);
  if (content === undefined) throw damaged(`${path} is missing`, MANIFEST_HINT);
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw damaged(`the manifest is not valid JSON (${(error as Error).message})`, MANIFEST_HINT, path);
  }
  const { schema, kapseli } = (typeof json === "object" && json !== null ? json : {}) as Record<
    string,
    unknown
  >;
  if (typeof schema === "number" && schema > MANIFEST_SCHEMA) {
    throw new KapseliError(
      ExitCode.badInput,
      `the environment was made by a newer Kapseli (${String(kapseli)}): this one cannot read its manifest`,
      { where: path, hint: "Use that version, or a newer one." },
    );
  }
  const parsed = Manifest.safeParse(json);
  if (parsed.success) return parsed.data;
  const [first, ...others] = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new KapseliError(ExitCode.badInput, `the installation is damaged: the manifest's ${first}`, {
    where: path,
    others,
    hint: MANIFEST_HINT,
  });
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
