import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  baseEnvironment,
  channelUrl,
  installedBin,
  installTool,
  makeChannel,
  ordinary,
  remove,
  type TestUser,
} from "../test/support/real.ts";
import type { Options } from "./options.ts";
import { runCommand } from "./rounds.ts";

/** What all parts measure with. */
export interface Setting {
  user: TestUser;
  /** Of everything that is started: the user's, with the tool on PATH. */
  env: Readonly<Record<string, string>>;
  /** Executables of the installed tool. */
  bin: string;
  /** The user's own new directory for prefixes and input files. */
  home: string;
  /** The user's own new directory for builds and what they are compared with: each in a directory of a new name. */
  work: string;
  condaFile: string;
  /** Whether that names the local channel, whose packages are known. */
  ownChannel: boolean;
  requirements: string;
  random: () => number;
  say(text: string): void;
}

function ownDirectory(user: TestUser, parent: string): string {
  const directory = mkdtempSync(join(resolve(parent), "kapseli-bench-"));
  chownSync(directory, user.uid, user.gid);
  chmodSync(directory, 0o755);
  return directory;
}

/**
 * Where builds go. What they are compared with must not pay either for what was removed before it: what is new in there
 * lies elsewhere by its name (the tool's own `makeTreeDirectory` says why). Other file systems refuse, and need it not.
 */
function buildDirectory(user: TestUser, parent: string): string {
  const directory = ownDirectory(user, parent);
  spawnSync("chattr", ["+T", directory], { stdio: "ignore" });
  return directory;
}

const PACKAGES = ["pip", "numpy", "tqdm", "click", "cowsay"];

/**
 * Installs the tool and makes the channel where they are not given, and the directories.
 *
 * @returns the setting, and what removes the directories
 */
export function makeSetting(options: Options, random: () => number): { setting: Setting; end: () => void } {
  const user = ordinary();
  const say = (text: string): void => void process.stderr.write(`bench: ${text}\n`);
  if (options.tool === undefined) {
    say("installing the tool from its tarball");
    installTool();
  }
  if (options.condaFile === undefined) {
    say("making the local channel");
    makeChannel();
  }
  const bin = options.tool === undefined ? installedBin() : resolve(options.tool);
  const env = baseEnvironment(user);
  env.PATH = [bin, ...(env.PATH ?? "").split(":").filter((entry) => entry !== installedBin())].join(":");
  // A cache of the user's own that is set apart stays set apart.
  if (process.env.KAPSELI_CACHE) env.KAPSELI_CACHE = process.env.KAPSELI_CACHE;

  if (options.prefixDirectory !== undefined) mkdirSync(options.prefixDirectory, { recursive: true });
  mkdirSync(options.workDirectory, { recursive: true });
  const home = ownDirectory(user, options.prefixDirectory ?? user.home);
  const work = buildDirectory(user, options.workDirectory);
  const input = (name: string, text: string): string => {
    const path = join(home, name);
    writeFileSync(path, text);
    return path;
  };
  const condaFile =
    options.condaFile ??
    input(
      "env.yml",
      `channels: [${channelUrl()}, nodefaults]\ndependencies: [python=3.11, ${PACKAGES.join(", ")}]\n`,
    );
  const requirements =
    options.requirements ??
    input(
      "requirements.txt",
      `${PACKAGES.slice(1)
        .map((name) => (name === "numpy" ? "numpy==2.2.6" : name))
        .join("\n")}\n`,
    );
  const setting: Setting = {
    user,
    env,
    bin,
    home,
    work,
    condaFile: resolve(condaFile),
    ownChannel: options.condaFile === undefined,
    requirements: resolve(requirements),
    random,
    say,
  };
  const end = (): void => {
    remove(home);
    remove(work);
  };
  return { setting, end };
}

/** The tool's own cache, as the user has it. */
export function cacheOf({ env, user }: Setting): string {
  return env.KAPSELI_CACHE ?? join(user.home, ".cache", "kapseli");
}

/** Does something while nothing that the tool compiled before is found. */
export function withoutBytecode<T>(setting: Setting, measure: () => T): T {
  const bytecode = join(cacheOf(setting), "bytecode");
  const aside = `${bytecode}-${randomUUID()}`;
  if (!existsSync(bytecode)) return measure();
  renameSync(bytecode, aside);
  try {
    return measure();
  } finally {
    remove(bytecode);
    renameSync(aside, bytecode);
  }
}

/** The first line that a program prints, as the user. */
export function answer(setting: Setting, argv: readonly [string, ...string[]]): string {
  const { stdout } = runCommand(setting.user, { argv, env: setting.env, cwd: setting.home });
  return stdout.trim().split("\n")[0] ?? "";
}

/** The container runtime as the user has it. */
export function runtime(setting: Setting): string {
  return answer(setting, ["/bin/sh", "-c", "command -v apptainer || command -v singularity"]);
}
