import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { access, constants, physicalPath } from "../host/files.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import { applyChanges, type Companion, withCompanions } from "../prefix/run-environment.ts";
import waitChildren from "../templates/wait-children.sh";
import { findLaunchable, type LaunchableEnvironment } from "./environment.ts";
import { knownManifest } from "./read-manifest.ts";

/** A program that the tool is to become. */
export interface Launch {
  argv: readonly [string, ...string[]];
  env: Record<string, string>;
}

export interface LaunchRequest {
  /** Absolute path of the prefix. */
  prefix: string;
  /** Other environments to mount as well, with their absolute paths. */
  companions: readonly { given: string; path: string }[];
  /** Keep the container until its last process has ended. */
  waitChildren: boolean;
  /** The whole environment of the caller. */
  environment: Readonly<Record<string, string>>;
}

/** The variables that activation sets, as the environment's own commands get them. */
async function activated(
  environment: LaunchableEnvironment,
  variables: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const off = variables.CW_NO_CONDA_ACTIVATE !== undefined && variables.CW_FORCE_CONDA_ACTIVATE === undefined;
  if (off) return { ...variables };
  const manifest = await knownManifest(environment.root, environment.generation);
  if (!manifest) {
    throw new KapseliError(
      ExitCode.badInput,
      `${generationPaths(environment.root, environment.generation).manifest} cannot be read, which says what activation sets`,
      {
        hint: "Build the environment again there, or set CW_NO_CONDA_ACTIVATE=1 to run without its activation.",
      },
    );
  }
  return applyChanges(variables, manifest.environment);
}

async function companionsOf(
  environment: LaunchableEnvironment,
  wanted: LaunchRequest["companions"],
): Promise<Companion[]> {
  const { way } = environment.launcher;
  if (wanted.length > 0 && way !== "image") {
    throw new KapseliError(
      ExitCode.hostCannot,
      `--with: the container runtime of this environment cannot bind a second image (it mounts its own by ${way})`,
      { hint: "Build one environment that has the packages of both." },
    );
  }
  const companions: Companion[] = [];
  for (const { given, path } of wanted) {
    const other = await findLaunchable(path);
    // The generation's own path: what runs keeps it when another one is published.
    const image = await physicalPath(generationPaths(other.root, other.generation).image);
    const { mount, view } = other.launcher;
    if (mount === undefined) {
      throw new KapseliError(
        ExitCode.badInput,
        `--with ${given}: it is a wrapped container, which has no image to add`,
        {
          hint: "Only environments and wrapped directories can be mounted beside others.",
        },
      );
    }
    companions.push({ given, image, root: mount, bin: `${mount}/${view ? ".kapseli/bin" : "bin"}` });
  }
  return companions;
}

/** The variables of what is to run: activation's additions to PATH come before the companions'. */
async function variablesOf(
  environment: LaunchableEnvironment,
  request: LaunchRequest,
): Promise<Record<string, string>> {
  const companions = await companionsOf(environment, request.companions);
  return activated(
    environment,
    withCompanions(request.environment, environment.launcher.mount ?? environment.root, companions),
  );
}

/** The launcher of a name, which must be there and executable. */
export async function launcherOf(environment: LaunchableEnvironment, name: string): Promise<string> {
  const path = join(prefixPaths(environment.root).bin, name);
  try {
    await access(path, constants.X_OK);
    return path;
  } catch (cause) {
    throw new KapseliError(
      ExitCode.badInput,
      `the environment in ${environment.root} is damaged: ${path} is missing or cannot be executed`,
      { hint: "Build it again there.", cause },
    );
  }
}

/**
 * How to run a command in the container of an environment, with what its activation sets.
 *
 * @throws {KapseliError} `badInput` when a prefix is no environment, is damaged, or cannot be combined.
 */
export async function launchCommand(
  request: LaunchRequest,
  command: readonly [string, ...string[]],
): Promise<Launch> {
  const environment = await findLaunchable(request.prefix);
  const launcher = await launcherOf(environment, "_debug_exec");
  const env = await variablesOf(environment, request);
  if (!request.waitChildren) return { argv: [launcher, ...command], env };
  return {
    argv: [launcher, "/bin/sh", "-c", waitChildren, "kapseli", waitChildren, ...command],
    // What the runtimes read for their --pid; each reads its own name.
    env: { ...env, APPTAINER_PID: "1", SINGULARITY_PID: "1" },
  };
}

/**
 * How to start a shell in the container of an environment, with what its activation sets.
 *
 * @throws {KapseliError} as `launchCommand`.
 */
export async function launchShell(request: LaunchRequest): Promise<Launch> {
  const environment = await findLaunchable(request.prefix);
  const launcher = await launcherOf(environment, "_debug_shell");
  return { argv: [launcher], env: await variablesOf(environment, request) };
}
