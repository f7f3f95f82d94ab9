import { basename, dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { constants, lstat, mkdir, readdir, readlink, rm, stat, symlink, writeFile } from "../host/files.ts";
import type { Container } from "../plan/containers.ts";
import { environmentTree, inTree } from "../plan/location.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { isEnvironment } from "../plan/request.ts";
import { OWN_COMMANDS } from "../prefix/launcher.ts";
import {
  type Commands,
  isCallable,
  joinCommands,
  parseWrapped,
  scriptStandIn,
  type WrappedProgram,
  wrapperItem,
} from "../prefix/wrapped.ts";
import libraryDirectories from "../templates/library-directories.sh";
import listPrograms from "../templates/list-programs.sh";
import { type BuildContext, runLogged } from "./context.ts";
import { betweenMarks, markedScript, newMark } from "./marked.ts";
import { LIST_PACKAGES } from "./packages.ts";

/** Follows a link in the work tree as it would be followed inside. @returns false when it leads nowhere. */
async function leadsToProgram(tree: string, mount: string, path: string, depth = 0): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined);
  if (!info || depth > 40) return false;
  if (info.isSymbolicLink()) {
    const target = await readlink(path);
    if (!target.startsWith("/")) return leadsToProgram(tree, mount, join(path, "..", target), depth + 1);
    if (target.startsWith(`${mount}/`))
      return leadsToProgram(tree, mount, join(tree, target.slice(mount.length)), depth + 1);
    // Outside the environment: the base's own program, which the check tries.
    return true;
  }
  if (!info.isFile()) return false;
  return ((await stat(path)).mode & (constants.S_IXUSR | constants.S_IXGRP | constants.S_IXOTH)) !== 0;
}

/** Scripts that conda packages bring for their installation (conda documentation, "Link scripts"). */
const LINK_SCRIPT = /^\..+-(pre|post)-(link|unlink)\.sh$/;

/** The commands of an environment itself: every executable file and link in its `bin`, whatever its name. */
async function ownCommands(tree: string, mount: string, bin: string): Promise<string[]> {
  const names = (await readdir(bin).catch(() => [])).filter(
    (name) => !(OWN_COMMANDS as readonly string[]).includes(name) && !LINK_SCRIPT.test(name),
  );
  const commands: string[] = [];
  for (const name of names.sort()) {
    if (await leadsToProgram(tree, mount, join(bin, name))) commands.push(name);
  }
  return commands;
}

/** What to do about items of `-w` that are not there: those given now must be, remembered ones may be gone. */
function reportMissing(context: BuildContext, missing: readonly string[], given: readonly string[]): void {
  const [wrong, ...others] = missing.filter((item) => given.includes(item));
  if (wrong !== undefined) {
    throw new KapseliError(ExitCode.badInput, `-w ${wrong} is not there inside the environment`, {
      others: others.map((item) => `-w ${item} is not there either`),
      hint: "Give paths below the environment's root, or absolute paths inside the container.",
    });
  }
  for (const item of missing) {
    const message = `${item}, which an earlier -w or the site's configuration names, is not there; --remove-wrapper-paths forgets an earlier -w`;
    context.report({ event: "warning", message });
  }
}

/** Runs one of our scripts in the build's container. @returns what it printed; undefined when it failed. */
async function runInside(
  context: BuildContext,
  plan: Plan,
  container: Container,
  script: string,
  ...words: readonly string[]
): Promise<{ said: string | undefined; stderr: string }> {
  const mark = newMark();
  const argv = container(markedScript(mark, script, ...words));
  const env = applyEnvironment(context.facts.environment, plan.environment);
  const { exitCode, stdout, stderr } = await runLogged(
    context,
    { argv, env },
    { timeoutMs: 300_000, quiet: true },
  );
  return { said: exitCode === 0 ? betweenMarks(stdout, mark) : undefined, stderr };
}

async function wrappedPrograms(
  context: BuildContext,
  plan: Plan,
  container: Container,
  given: readonly string[],
): Promise<WrappedProgram[]> {
  const { mount } = plan.location;
  const items = plan.options.wrapperPaths.map((item) => wrapperItem(item, mount));
  if (items.length === 0) return [];
  const all = context.config.wrap_all.value ? "1" : "";
  const listed = await runInside(context, plan, container, listPrograms, "list-programs", all, ...items);
  if (listed.said === undefined) {
    throw new KapseliError(ExitCode.checkOrPublishFailed, "the programs for -w could not be listed", {
      lines: listed.stderr.trim().split("\n").slice(-8),
      hint: "The base needs a /bin/sh.",
    });
  }
  const { programs, missing, empty } = parseWrapped(listed.said);
  reportMissing(
    context,
    missing,
    given.map((item) => wrapperItem(item, mount)),
  );
  for (const item of empty) {
    context.report({ event: "warning", message: `-w ${item} has nothing in it that can be called` });
  }
  const callable = programs.filter(({ name }) => isCallable(name));
  for (const { path } of programs.filter(({ name }) => !isCallable(name))) {
    context.report({ event: "warning", message: `${JSON.stringify(path)} cannot be called by its name` });
  }
  return callable;
}

/**
 * Finds what can be called: the environment's own commands, and what `-w` names besides.
 *
 * @param given the items of `-w` of this command line, which must be there
 * @throws {KapseliError} `badInput` for an item that is not there, `checkOrPublishFailed` when there is nothing.
 */
export async function findCommands(
  context: BuildContext,
  plan: Plan,
  container: Container,
  given: readonly string[],
): Promise<Commands> {
  const { location, tool, tree } = plan;
  const installed = isEnvironment(tool);
  const directory = join(location.environment, "bin");
  const own =
    installed && tree !== undefined
      ? await ownCommands(tree, location.mount, join(environmentTree(plan), "bin"))
      : [];
  const wrapped = await wrappedPrograms(context, plan, container, given);
  const commands = joinCommands(own, directory, wrapped);
  for (const { name, path, before } of commands.collisions) {
    const message = `${name} is both ${before} and ${path}; the latter is what will be called`;
    context.report({ event: "warning", message });
  }
  // That one is ours: it says nothing of whether there is something to run.
  if (commands.names.some((name) => name !== LIST_PACKAGES)) return commands;
  throw new KapseliError(
    ExitCode.checkOrPublishFailed,
    installed
      ? "what was installed has no commands (its bin is empty)"
      : "nothing that can be called was found in what -w names",
    {
      hint: installed
        ? "An environment needs at least one program, for instance python."
        : "Name directories that hold programs, or programs.",
    },
  );
}

/** Where the loader looks by itself (ld.so(8)); they need not be named. */
const LOADER_OWN = /^\/(usr\/)?(local\/)?lib(32|64|x32)?$/;

/** Directories beside the commands' own (`../lib`, `../lib64`) that hold shared libraries, as paths inside. */
export async function findLibraries(
  context: BuildContext,
  plan: Plan,
  container: Container,
  commands: Commands,
): Promise<string[]> {
  const { location, tree } = plan;
  const own = join(location.environment, "bin");
  const bins = new Set(commands.names.map((name) => dirname(commands.targets.get(name) ?? join(own, name))));
  const candidates = [...bins]
    .flatMap((bin) => ["lib", "lib64"].map((name) => join(bin, "..", name)))
    .filter((path) => !LOADER_OWN.test(path));
  const onlyOwn = bins.size === 1 && bins.has(own) && tree !== undefined;
  if (onlyOwn) {
    const holds = await Promise.all(
      candidates.map(async (path) => {
        const names = await readdir(inTree(tree, location, path)).catch(() => []);
        return names.some((name) => /\.so(\.|$)/.test(name));
      }),
    );
    return candidates.filter((_, index) => holds[index]);
  }
  if (candidates.length === 0) return [];
  const words = ["library-directories", ...candidates];
  const { said = "" } = await runInside(context, plan, container, libraryDirectories, ...words);
  return said.split("\0").filter((path) => path !== "");
}

/** Makes a name in a bin lead to its program: a link, or a script that runs a script. */
export async function placeProgram(bin: string, plan: Plan, commands: Commands, name: string): Promise<void> {
  const target = targetOf(plan, commands, name);
  const path = join(bin, name);
  if (commands.scripts.has(name)) await writeFile(path, scriptStandIn(target), { mode: 0o755 });
  else await symlink(target, path);
}

/** The path inside of a command's program. */
export function targetOf(plan: Plan, commands: Commands, name: string): string {
  return commands.targets.get(name) ?? join(plan.location.environment, "bin", name);
}

/**
 * Where the image covers the prefix, a program that `-w` names is to be found in its bin inside, too.
 *
 * @returns the names of the links made; a name that the environment has itself stays, and is redirected.
 */
export async function linkWrapped(plan: Plan, commands: Commands): Promise<string[]> {
  const { location, tree } = plan;
  if (location.view || tree === undefined) return [];
  const bin = join(environmentTree(plan), "bin");
  const made: string[] = [];
  for (const name of commands.targets.keys()) {
    if (await lstat(join(bin, name)).catch(() => undefined)) continue;
    await mkdir(bin, { recursive: true });
    await placeProgram(bin, plan, commands, name);
    made.push(name);
  }
  return made;
}

/** Takes links of an earlier `-w` out of an unpacked environment: they are made anew. */
export async function unlinkWrapped(bin: string, names: readonly string[]): Promise<void> {
  for (const name of names.filter((name) => basename(name) === name)) {
    const info = await lstat(join(bin, name)).catch(() => undefined);
    if (info && !info.isDirectory()) await rm(join(bin, name));
  }
}
