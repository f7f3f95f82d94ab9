import { join, resolve } from "node:path";
import { reachable } from "../build/environment.ts";
import { damaged, isLockAsWritten, readManifest } from "../build/read-manifest.ts";
import { locate } from "../build/verify.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { hashFile, readdir, readFile, stat } from "../host/files.ts";
import { readInput } from "../inputs/read-input.ts";
import type { BaseChoice } from "../plan/base-choice.ts";
import { LOCK_PARTS, type LockFile, readLockFile, wantedAgain } from "../plan/lock-file.ts";
import { condaPlatform } from "../plan/make-plan.ts";
import type { EnvironmentOptions, Input, InputValue } from "../plan/request.ts";
import { generationPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import { someNames } from "../prefix/verification.ts";
import {
  baseOf,
  hooksOf,
  installationFiles,
  optionsOf,
  type Requested,
  type Setting,
} from "./request-setting.ts";
import { keptBase, rememberedOptions } from "./request-update.ts";

/** A lock, with what is known of the environment that it is from. */
export interface FoundLock {
  /** Absolute. */
  path: string;
  text: string;
  lock: LockFile;
  /** Undefined for a lock that lies alone. */
  source?: { root: string; prefix: string; generation: number; manifest: Manifest };
}

const BUILD_ANEW = "Build it from its input files: conda-containerize new, or pip-containerize new.";

const LOCK_HINT =
  "kapseli verify --repair PREFIX makes it anew from the image. To build from a lock that you changed, copy it and name the copy.";

async function readLock(path: string): Promise<{ text: string; lock: LockFile }> {
  const refuse = (what: string, hint: string): KapseliError =>
    new KapseliError(ExitCode.badInput, `${path} ${what}`, { hint });
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw refuse(`cannot be read: ${error.message}`, BUILD_ANEW);
  });
  const lock = readLockFile(text);
  if (!lock) throw refuse("is no lock of an environment: it has neither @EXPLICIT nor # pip", BUILD_ANEW);
  return { text, lock };
}

/** The manifest of a generation, or its copy. */
async function manifestOf(root: string, generation: number): Promise<Manifest> {
  const paths = generationPaths(root, generation);
  return readManifest(paths.manifest).catch(async (error: unknown) => {
    const copy = await readManifest(paths.manifestCopy).catch(() => undefined);
    if (copy?.generation === generation) return copy;
    throw error;
  });
}

/**
 * Finds the lock that a user means.
 *
 * @param from a lock file, or the prefix of an environment, which may be damaged
 * @param generation undefined takes the current one, else the newest whose manifest and lock can be read
 * @throws {KapseliError} `badInput` when there is none.
 */
export async function findLock(from: string, generation?: number): Promise<FoundLock> {
  const given = resolve(from);
  if ((await stat(given).catch(() => undefined))?.isFile()) {
    if (generation === undefined) return { path: given, ...(await readLock(given)) };
    throw new KapseliError(ExitCode.usage, `${from} is a file, which has no generations`, {
      hint: "Leave --generation out, or name the prefix of an environment.",
    });
  }
  const { given: prefix, root } = await locate(given);
  const { generationNumbers, currentGeneration } = await import("../build/publish.ts");
  const numbers = await generationNumbers(root);
  const current = await currentGeneration(root);
  if (generation !== undefined && !numbers.includes(generation)) {
    throw new KapseliError(ExitCode.badInput, `${root} has no generation ${generation}`, {
      hint: `kapseli generations ${root} lists what is there.`,
    });
  }
  const order = generation === undefined ? [current ?? 0, ...numbers] : [generation];
  let failure: unknown;
  for (const number of [...new Set(order)].filter((one) => numbers.includes(one))) {
    try {
      const manifest = await manifestOf(root, number);
      if (manifest.tool !== "conda" && manifest.tool !== "pip") throw notInstalled(root, manifest);
      const path = generationPaths(root, number).lock;
      const found = await readLock(path);
      if (!isLockAsWritten(found.text, manifest)) {
        throw damaged("the lock was changed since it was written", LOCK_HINT, path);
      }
      return { path, ...found, source: { root, prefix, generation: number, manifest } };
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function notInstalled(root: string, { tool }: Manifest): KapseliError {
  return new KapseliError(ExitCode.badInput, `nothing was installed into ${root}: it has no lock`, {
    hint: `It was made by wrap-${tool === "directory" ? "install" : "container"}: run that command again.`,
  });
}

function inputOf({ path }: FoundLock, tool: "conda" | "pip", text: string, { facts }: Setting): Input {
  const bytes = Buffer.from(text, "utf8");
  const name = LOCK_PARTS[tool];
  const read = readInput(tool, name, bytes, {
    readBeside: () => undefined,
    // A package from a file is looked for by the installer, where the lock says.
    existsBeside: () => true,
    env: facts.environment,
    platform: condaPlatform(facts.architecture),
  });
  const errors = read.diagnostics.filter(({ severity }) => severity === "error");
  const [first, ...others] = errors;
  if (first || read.value === undefined) {
    throw new KapseliError(ExitCode.badInput, first?.message ?? `${path} holds nothing`, {
      where: path,
      others: others.map(({ message }) => message),
      hint: first?.hint ?? BUILD_ANEW,
    });
  }
  return { path: join(path, "..", name), regular: false, bytes, content: read as InputValue, included: [] };
}

const textOf = ({ hashed, unhashed }: NonNullable<Input["locked"]>): string =>
  [...hashed, ...unhashed].map((line) => `${line}\n`).join("");

/** The base that an environment had: its own copy while that is whole, else from where it came. */
async function baseFor({ wanted, config }: Setting, source: FoundLock["source"]): Promise<BaseChoice> {
  if (wanted.base !== undefined) return baseOf(wanted.base, config);
  if (!source) return baseOf(config.container_src.value, config);
  const { base } = source.manifest;
  if (base.kind === "host") return { kind: "host" };
  const kept = keptBase(source.manifest, generationPaths(source.root, source.generation));
  if (base.shared || kept.kind !== "kept") return kept;
  const sum = await hashFile(kept.path).then(
    ({ sha256 }) => `sha256:${sha256}`,
    () => undefined,
  );
  return sum !== undefined && (base.digest === undefined || sum === base.digest)
    ? kept
    : baseOf(base.source, config);
}

/** What cannot be done again from a lock is said. */
function sayLimits({ report }: Setting, { lock, path, source }: FoundLock): void {
  const warn = (message: string): void => report({ event: "warning", message });
  if (lock.pip && lock.pip.unhashed.length > 0) {
    const names = lock.pip.unhashed.map((line) => line.replace(/(?:==| @ ).*/, ""));
    warn(`${path}: what comes for these packages is not checked, they have no hash: ${someNames(names)}`);
  }
  const { config } = source?.manifest ?? {};
  const ran = ["pre_install", "post_install"].filter((key) => {
    const value = config?.[key]?.value;
    return Array.isArray(value) && value.length > 0;
  });
  if (ran.length > 0) {
    warn(
      `${source?.root} was built with scripts (${someNames(ran)}), which are not kept: give them again with --pre-install, --post-install, or what they did is missing`,
    );
  }
}

/**
 * The same packages again, from a lock.
 *
 * @param from a lock file, or an environment, which then says how it was installed and is run
 * @throws {KapseliError} `badInput` when there is no lock; `usage` when a lock file is given and no prefix.
 */
export async function rebuilt(setting: Setting, from: string, generation?: number): Promise<Requested> {
  const { wanted, config } = setting;
  const found = await findLock(from, generation);
  const { lock, source } = found;
  if (!source && wanted.prefix === undefined) {
    throw new KapseliError(ExitCode.usage, `${from} is a lock file: where is it to be built?`, {
      hint: "Name a directory with --prefix.",
    });
  }
  sayLimits(setting, found);
  const tool = source ? (source.manifest.tool === "pip" ? "pip" : "conda") : lock.conda ? "conda" : "pip";
  const before = source && rememberedOptions(source.manifest);
  const mount = source?.manifest.location.mount ?? "/environment";
  const today = await optionsOf(setting, {
    own: before?.own ?? { wrapperPaths: [], extra: [], libraries: [] },
    removed: [],
    mount,
  });
  const options: EnvironmentOptions = before ? { ...today, ...before, own: today.own } : today;
  const locked = lock.pip && wantedAgain(lock.pip, tool === "pip" && options.uv);
  const requirements = locked && { ...inputOf(found, "pip", textOf(locked), setting), locked };
  const conda = lock.conda === undefined ? undefined : inputOf(found, "conda", lock.conda, setting);
  const main = tool === "pip" ? requirements : conda;
  if (main === undefined) {
    throw new KapseliError(ExitCode.badInput, `${found.path} names no ${tool} package`, { hint: BUILD_ANEW });
  }
  const inputs = source ? generationPaths(source.root, source.generation).inputs : undefined;
  const earlier = inputs === undefined ? [] : await readdir(inputs).catch(() => []);
  return {
    request: {
      tool,
      prefix:
        wanted.prefix === undefined && source
          ? source.prefix
          : await reachable(resolve(config.installation_prefix.value)),
      input: main,
      ...(tool === "conda" && requirements ? { requirements } : {}),
      options,
      hooks: await hooksOf(config),
      files: await installationFiles(config),
      portable: wanted.portable || source?.manifest.location.view === true,
      earlierInputs: earlier
        .filter((name) => /^\d+$/.test(name))
        .sort((a, b) => Number(a) - Number(b))
        .map((name) => `${inputs}/${name}`),
    },
    base: await baseFor(setting, source),
    given: setting.layers.own.wrapper_paths.value,
  };
}
