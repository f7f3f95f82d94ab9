import { basename, dirname, join, relative, resolve } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  constants,
  lstat,
  makeDirectories,
  readdir,
  readlink,
  rm,
  symlink,
  writeFile,
} from "../host/files.ts";
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
import checkCommands from "../templates/check-commands.sh";
import libraryDirectories from "../templates/library-directories.sh";
import listPrograms from "../templates/list-programs.sh";
import { explainRuntimeFailure } from "../tools/singularity.ts";
import { type BuildContext, runLogged } from "./context.ts";
import { betweenMarks, markedScript, newMark } from "./marked.ts";
import { LIST_PACKAGES } from "./packages.ts";

/** What a name in the environment's bin is: for a link that leaves the environment, where it leads. */
type Found = "program" | "nothing" | "other" | { outside: string };

/** Follows a link in the work tree as it would be followed inside. */
async function whatIsFound(tree: string, mount: string, path: string, depth = 0): Promise<Found> {
  const info = await lstat(path).catch(() => undefined);
  if (!info || depth > 40) return "nothing";
  if (info.isSymbolicLink()) {
    const target = resolve(mount, relative(tree, dirname(path)), await readlink(path));
    // The base's own program: only inside it is seen whether that is there.
    if (!target.startsWith(`${mount}/`)) return { outside: target };
    return whatIsFound(tree, mount, join(tree, target.slice(mount.length)), depth + 1);
  }
  if (!info.isFile()) return "other";
  const executable = constants.S_IXUSR | constants.S_IXGRP | constants.S_IXOTH;
  return (info.mode & executable) !== 0 ? "program" : "other";
}

/** Whether a name is one of ours: a program of that name could not be called. */
const isOurs = (name: string): boolean => (OWN_COMMANDS as readonly string[]).includes(name);

/** Scripts that conda packages bring for their installation (conda documentation, "Link scripts"). */
const LINK_SCRIPT = /^\..+-(pre|post)-(link|unlink)\.sh$/;

/**
 * The commands of an environment itself: every executable file and link in its `bin`, whatever its name.
 *
 * @param noPrograms tells those, of names in bin, that are no programs inside; undefined when that cannot be found out
 * @returns also the links that lead to no program, names that are not UTF-8, and those that are ours
 */
async function ownCommands(
  tree: string,
  mount: string,
  bin: string,
  noPrograms: (names: readonly string[]) => Promise<readonly string[] | undefined>,
): Promise<{
  own: readonly string[];
  dangling: readonly string[];
  notUtf8: readonly string[];
  taken: readonly string[];
}> {
  const there = await readdir(bin).catch(() => []);
  const all = there.filter((name) => !isOurs(name) && !LINK_SCRIPT.test(name));
  // Node gives this character for bytes that are no text: the file cannot be named by it.
  const notUtf8 = all.filter((name) => name.includes("\ufffd"));
  const names = all.filter((name) => !notUtf8.includes(name));
  const found = new Map<string, Found>();
  for (const name of names.sort()) found.set(name, await whatIsFound(tree, mount, join(bin, name)));
  const outside = (name: string): string | undefined => {
    const what = found.get(name);
    return typeof what === "object" ? what.outside : undefined;
  };
  // What a venv's Python leads to has run already; for that alone no container is started.
  const seemsNothing = names.filter((name) => found.get(name) === "nothing");
  const asked = names.filter(
    (name) => seemsNothing.includes(name) || (outside(name) && outside(name) !== outside("python3")),
  );
  const dangling = asked.length > 0 ? ((await noPrograms(asked)) ?? seemsNothing) : [];
  const own = names.filter((name) => found.get(name) !== "other" && !dangling.includes(name));
  return { own, dangling, notUtf8, taken: there.filter(isOurs) };
}

/** The first few, for a message. */
function few(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => (/[^ -~]/.test(name) ? JSON.stringify(name) : name));
  return [...shown, ...(names.length > 10 ? [`and ${names.length - 10} more`] : [])].join(", ");
}

/** What to do about items of `-w` that are not there: those given now must be, remembered ones may be gone. */
function reportMissing(
  context: BuildContext,
  missing: readonly string[],
  given: readonly string[],
  shown: (path: string) => string,
): void {
  const [wrong, ...others] = missing.filter((item) => given.includes(item));
  if (wrong !== undefined) {
    throw new KapseliError(ExitCode.badInput, `-w ${shown(wrong)} is not there inside the environment`, {
      others: others.map((item) => `-w ${shown(item)} is not there either`),
      hint: "Give paths below the environment's root, or absolute paths inside the container.",
    });
  }
  for (const item of missing) {
    const message = `${shown(item)}, which an earlier -w or the site's configuration names, is not there; --remove-wrapper-paths forgets an earlier -w`;
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
): Promise<{ said: string | undefined; exitCode: number; stderr: string }> {
  const mark = newMark();
  const argv = container(markedScript(mark, script, ...words));
  const env = applyEnvironment(context.facts.environment, plan.environment);
  const { exitCode, stdout, stderr } = await runLogged(
    context,
    { argv, env },
    { timeoutMs: 300_000, quiet: true },
  );
  return { said: exitCode === 0 ? betweenMarks(stdout, mark) : undefined, exitCode, stderr };
}

/** How paths inside are shown: as the items of `-w` were typed, else from the environment's root on. */
function shownAsTyped(plan: Plan): (path: string) => string {
  const { mount } = plan.location;
  const typed = new Map(plan.options.wrapperPaths.map((item) => [wrapperItem(item, mount), item]));
  return (path) => {
    const item = typed.get(path);
    if (item !== undefined) return item;
    const above = typed.get(dirname(path));
    if (above !== undefined) return join(above, basename(path));
    return path.startsWith(`${mount}/`) ? path.slice(mount.length + 1) : path;
  };
}

/** What `-w` makes callable, and what of it leads to nothing. */
interface Wrapped {
  programs: readonly WrappedProgram[];
  dangling: readonly string[];
  notExecutable: readonly string[];
  /** Paths of programs with a name of ours. */
  taken: readonly string[];
}

async function wrappedPrograms(
  context: BuildContext,
  plan: Plan,
  container: Container,
  given: readonly string[],
): Promise<Wrapped> {
  const { mount } = plan.location;
  const shown = shownAsTyped(plan);
  const items = plan.options.wrapperPaths.map((item) => wrapperItem(item, mount));
  if (items.length === 0) return { programs: [], dangling: [], notExecutable: [], taken: [] };
  const all = context.config.wrap_all.value ? "1" : "";
  const listed = await runInside(context, plan, container, listPrograms, "list-programs", all, ...items);
  if (listed.said === undefined) {
    const { message, hint, lines } = explainRuntimeFailure(listed.stderr);
    // 255 is the runtime's own.
    const why = listed.exitCode === 255 ? `${message}. ${hint}` : "The base needs a /bin/sh.";
    throw new KapseliError(ExitCode.checkOrPublishFailed, "the programs for -w could not be listed", {
      lines,
      hint: why,
    });
  }
  const { programs, missing, empty, notExecutable, dangling } = parseWrapped(listed.said);
  reportMissing(
    context,
    missing,
    given.map((item) => wrapperItem(item, mount)),
    shown,
  );
  const warn = (message: string): void => context.report({ event: "warning", message });
  for (const item of empty) warn(`-w ${shown(item)} has nothing in it that can be called`);
  for (const item of notExecutable) warn(`-w ${shown(item)} is not executable and gets no command`);
  const callable = programs.filter(({ name }) => isCallable(name));
  for (const { path } of programs.filter(({ name }) => !isCallable(name))) {
    warn(`${JSON.stringify(shown(path))} cannot be called by its name`);
  }
  const taken = callable.filter(({ name }) => isOurs(name)).map(({ path }) => path);
  return { programs: callable.filter(({ name }) => !isOurs(name)), dangling, notExecutable, taken };
}

/** What can be called. */
export interface FoundCommands extends Commands {
  /** Items of this command line's `-w` that are no programs: later builds are not to look for them. */
  forgotten: readonly string[];
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
): Promise<FoundCommands> {
  const { location, tool, tree } = plan;
  const installed = isEnvironment(tool);
  const directory = join(location.environment, "bin");
  const noPrograms = async (names: readonly string[]): Promise<readonly string[] | undefined> => {
    const { said } = await runInside(context, plan, container, checkCommands, directory, ...names);
    return said?.split("\0").filter((name) => name !== "");
  };
  const { own, dangling, notUtf8, taken } =
    installed && tree !== undefined
      ? await ownCommands(tree, location.mount, join(environmentTree(plan), "bin"), noPrograms)
      : { own: [], dangling: [], notUtf8: [], taken: [] };
  const wrapped = await wrappedPrograms(context, plan, container, given);
  const shown = shownAsTyped(plan);
  const nowhere = [...dangling.map((name) => join(directory, name)), ...wrapped.dangling].map(shown);
  if (nowhere.length > 0) {
    const message = `links that lead to no program get no command: ${few([...new Set(nowhere)])}`;
    context.report({ event: "warning", message });
  }
  if (notUtf8.length > 0) {
    const message = `names that are not valid UTF-8 get no command: ${few(notUtf8)}`;
    context.report({ event: "warning", message });
  }
  const ours = [...taken.map((name) => join(directory, name)), ...wrapped.taken].map(shown);
  if (ours.length > 0) {
    const message = `programs with the name of a command that every environment has for itself (${OWN_COMMANDS.join(", ")}) get no command: ${few([...new Set(ours)].sort())}`;
    context.report({ event: "warning", message });
  }
  const commands = {
    ...joinCommands(own, directory, wrapped.programs),
    forgotten: given.filter((item) => wrapped.notExecutable.includes(wrapperItem(item, location.mount))),
  };
  for (const { name, path, before } of commands.collisions) {
    const message = `${name} is both ${shown(before)} and ${shown(path)}; the latter is what will be called`;
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
    await makeDirectories(bin);
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
