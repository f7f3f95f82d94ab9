import { join } from "node:path";
import {
  chmod,
  copyFile,
  cp,
  linkOrCopy,
  makeDirectories,
  mkdir,
  symlink,
  writeFile,
} from "../host/files.ts";
import { environmentTree } from "../plan/location.ts";
import type { Plan } from "../plan/plan.ts";
import { isEnvironment } from "../plan/request.ts";
import { hiddenTopLevel } from "../plan/visibility.ts";
import { type LauncherData, OWN_COMMANDS, renderLauncher, renderStub } from "../prefix/launcher.ts";
import type { Commands } from "../prefix/wrapped.ts";
import { MARKS } from "../tools/mksquashfs.ts";
import { placeProgram } from "./commands.ts";
import { keepInterpreter } from "./interpreter.ts";
import { type BuildState, made, type Staged } from "./state.ts";

/** How a launcher refers to its base. */
function baseOf(plan: Plan): string {
  if (plan.base.kind === "image") return plan.base.shared ? plan.base.path : "base.sif";
  return plan.trial.skeleton === "image" ? "root.sqfs" : "root";
}

/** The base's part of the generation. */
async function placeBase(state: BuildState): Promise<void> {
  const { plan, generation, work, inputs } = state;
  const { base } = plan;
  if (base.kind === "host") {
    if (plan.trial.skeleton === "directory") {
      await cp(work.skeleton, generation.skeleton, { recursive: true, verbatimSymlinks: true });
    } else {
      await copyFile(join(plan.workDirectory, "trial", "skeleton.sqfs"), generation.skeletonImage);
    }
  } else if (!base.shared) {
    // What the cache and earlier generations hold is never written to again and may share its inode; a user's own
    // file may change.
    const ours = [inputs.config.cache_directory.value, join(plan.placement.holder, "generations")];
    if (ours.some((directory) => base.path.startsWith(`${directory}/`))) {
      await linkOrCopy(base.path, generation.base);
    } else {
      await copyFile(base.path, generation.base);
    }
  }
}

/**
 * What the prefix shows inside where the image is mounted elsewhere: links to the programs, and what makes a venv's
 * Python know its packages when it is called by the prefix's path.
 */
async function makeView(state: BuildState, commands: Commands): Promise<void> {
  const { plan, generation } = state;
  const { view } = generation;
  const bin = join(view, "bin");
  await makeDirectories(bin);
  await mkdir(join(view, MARKS));
  await writeFile(join(view, MARKS, plan.id), "");
  for (const name of commands.names) await placeProgram(bin, plan, commands, name);
  if (plan.tool === "pip") {
    const configuration = join(environmentTree(plan), "pyvenv.cfg");
    await copyFile(configuration, join(view, "pyvenv.cfg"));
    await symlink(join(plan.location.environment, "lib"), join(view, "lib"));
    await symlink("lib", join(view, "lib64"));
  }
}

/** The runtime as launchers call it. A bare name is looked up at each start (tykky-surface.md §4). */
export function launcherRuntime({ inputs, plan }: BuildState): string {
  const configured = inputs.config.singularity_executable_path.value;
  return /^[^/]+$/.test(configured) ? configured : plan.runtime.path;
}

/** What the new generation's launcher knows. */
export function launcherData(state: BuildState): LauncherData {
  const { plan, inputs } = state;
  const { config } = inputs;
  const { location, placement, trial, base } = plan;
  const commands = made(state.commands, "commands");
  const linked = new Set(state.wrapperLinks);
  const redirects = [...commands.targets].filter(([name]) => !location.view && !linked.has(name));
  const noImage = plan.tree === undefined;
  return {
    id: plan.id,
    generation: placement.generation,
    root: placement.root,
    runtimePath: launcherRuntime(state),
    runtimeFlags: trial.flags,
    way: trial.way,
    ...(state.interpreter ? { interpreter: state.interpreter.path } : {}),
    base: baseOf(plan),
    baseKind: base.kind,
    hiddenTopLevel: hiddenTopLevel(base, config.excluded_mount_points.value),
    commands: commands.names,
    environment: state.environment,
    layout: location.view
      ? { kind: "view", ...(noImage ? {} : { mount: location.mount }) }
      : { kind: "image" },
    redirects: Object.fromEntries(redirects),
    ...(plan.options.isolated
      ? {
          isolation: {
            mountPoints: config.mount_points.value,
            path: base.searchPath ?? "",
            libraries: base.libraryPath ?? "",
          },
        }
      : {}),
    libraryPaths: {
      first: state.libraryDirectories,
      last: plan.options.libraries,
    },
    extraVariables: plan.options.extra,
    environ: plan.options.environ !== undefined,
    byPath: plan.tool === "pip",
    environmentRoot: isEnvironment(plan.tool) ? `${location.environment}/` : "",
  };
}

/** Writes launcher.sh, after the image: each start looks at an image that is newer than it, for that may be cut. */
export async function writeLauncher(state: BuildState): Promise<void> {
  await writeFile(state.generation.launcher, renderLauncher(launcherData(state)));
}

/**
 * Puts what a launch needs besides the image and launcher.sh into the new generation; and makes a prefix in the work
 * directory (a stub under each name, and links to the generation) with which the launchers can be tried.
 */
export async function makeLaunchers(state: BuildState): Promise<Staged> {
  const { plan, generation, work } = state;
  const { root, holder } = plan.placement;
  const commands = made(state.commands, "commands");
  await placeBase(state);
  const interpreter = await keepInterpreter(state);
  if (interpreter) state.interpreter = interpreter;
  if (plan.location.view) await makeView(state, commands);
  if (plan.options.environ !== undefined) {
    await writeFile(generation.environ, plan.options.environ);
  }

  const stageBin = join(work.stage, "bin");
  await makeDirectories(stageBin);
  await symlink(join(holder, "generations"), join(work.stage, "generations"));
  await symlink(join("generations", String(plan.placement.generation)), join(work.stage, "current"));
  const stub = join(work.stage, "stub");
  await writeFile(stub, renderStub(root));
  await chmod(stub, 0o777 & ~process.umask());
  for (const name of [...commands.names, ...OWN_COMMANDS]) await linkOrCopy(stub, join(stageBin, name));
  return { stub, stageBin };
}
