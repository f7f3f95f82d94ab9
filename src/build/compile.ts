import { join } from "node:path";
import { keepBytecode } from "../host/bytecode-cache.ts";
import { type Dirent, exists, mkdir, readdir, writeFile } from "../host/files.ts";
import type { Container } from "../plan/containers.ts";
import { environmentTree, inTree } from "../plan/location.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import bytecodeCache from "../templates/bytecode_cache.py";
import runCompileall from "../templates/run_compileall.py";
import { compileArgv, compileProgress } from "../tools/python.ts";
import { type BuildContext, runLogged } from "./context.ts";

/** `lib/pythonX.Y` directories of the environment; a venv's lib64 is a link to lib. */
async function libraryDirectories(tree: string): Promise<string[]> {
  const entries: Dirent[] = await readdir(join(tree, "lib"), { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && /^(python|pypy)\d+(\.\d+)*t?$/.test(entry.name))
    .map((entry) => join("lib", entry.name));
}

/** More than these are faster compiled in parallel, with all that is up to date looked at. */
const FEW = 400;

/**
 * Python files below some directories of a tree that holds only what was changed.
 *
 * @param upper absolute
 * @param directories relative to it; they need not be there
 * @returns paths relative to `upper`; undefined when there are more than a few.
 */
async function fewSources(upper: string, directories: readonly string[]): Promise<string[] | undefined> {
  const found: string[] = [];
  const waiting = [...directories];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const entries: Dirent[] = await readdir(join(upper, at), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile() && /\.py$/.test(entry.name) && !path.includes("\n")) found.push(path);
    }
    if (found.length > FEW) return undefined;
  }
  return found;
}

/** The cache of what was compiled in earlier builds; nothing with `--nocache`. */
function bytecodeOf({ config }: BuildContext, plan: Plan): { cache: string; made: string } | undefined {
  if (plan.options.nocache) return undefined;
  return {
    cache: join(config.cache_directory.value, "bytecode"),
    made: workPaths(plan.workDirectory).bytecode,
  };
}

/** Keeps what was compiled for later builds. Where that cannot be done it is only time that is lost. */
export async function keepCompiled(context: BuildContext, plan: Plan): Promise<void> {
  const bytecode = bytecodeOf(context, plan);
  if (!bytecode || !(await exists(bytecode.made))) return;
  await keepBytecode(bytecode.made, bytecode.cache).catch((error: Error) =>
    context.report({ event: "debug", message: `what was compiled is not kept: ${error.message}` }),
  );
}

/**
 * Byte-compiles the environment's Python files in parallel, in the base, with the environment's own Python; what an
 * earlier build compiled from the same source is taken from the cache. An environment without Python, or files that do
 * not compile, are no failure.
 *
 * @param upper what was changed since it was compiled whole, where that is known: only that is compiled
 * @returns what was done, for people.
 */
export async function compile(
  context: BuildContext,
  plan: Plan,
  container: Container,
  upper?: string,
): Promise<string> {
  const tree = environmentTree(plan);
  const directories = await libraryDirectories(tree);
  if (directories.length === 0 || !(await hasPython(tree))) return "no Python";
  const root = plan.location.environment;
  const python = join(root, "bin", "python3");
  const inside = directories.map((directory) => join(root, directory));
  const few = upper && (await fewSources(inTree(upper, plan.location, root), directories));
  if (few?.length === 0) return "nothing new";
  const { changed, compileScript, bytecodeModule } = workPaths(plan.workDirectory);
  await writeFile(compileScript, runCompileall);
  await writeFile(bytecodeModule, bytecodeCache);
  const bytecode = bytecodeOf(context, plan);
  if (bytecode) await mkdir(bytecode.made);
  if (few) await writeFile(changed, few.map((path) => `${join(root, path)}\n`).join(""));
  const what = few ? { list: changed } : { directories: inside };
  const argv = container(compileArgv(python, compileScript, plan.processors, what, bytecode));
  const env = applyEnvironment(context.facts.environment, plan.environment);
  let [files, compiled] = [0, 0];
  const onLine = (line: string): void => {
    const progress = compileProgress(line);
    if (progress === undefined) {
      context.report({ event: "output", line });
      return;
    }
    if ("files" in progress) files = progress.files;
    else compiled += progress.compiled;
    const fraction = files === 0 ? 1 : Math.min(1, compiled / files);
    context.report({ event: "step-progress", step: "compile", fraction, detail: "compiling" });
  };
  const finished = await runLogged(context, { argv, env }, { onLine, quiet: true });
  if (finished.exitCode === 0) return "";
  context.report({
    event: "debug",
    message: "some Python files could not be compiled; they are used as source",
  });
  return "some files are used as source";
}

/** Whether the environment has a python3; a venv's is a link that may only be valid inside. */
export function hasPython(tree: string): Promise<boolean> {
  return exists(join(tree, "bin", "python3"));
}
