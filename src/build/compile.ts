import { join } from "node:path";
import { type Dirent, exists, readdir } from "../host/files.ts";
import type { Container } from "../plan/containers.ts";
import { environmentTree } from "../plan/location.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { compileArgv } from "../tools/python.ts";
import { type BuildContext, runLogged } from "./context.ts";

/** `lib/pythonX.Y` directories of the environment; a venv's lib64 is a link to lib. */
async function libraryDirectories(tree: string): Promise<string[]> {
  const entries: Dirent[] = await readdir(join(tree, "lib"), { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && /^(python|pypy)\d+(\.\d+)*t?$/.test(entry.name))
    .map((entry) => join("lib", entry.name));
}

/**
 * Byte-compiles the environment's Python files in parallel, in the base, with the environment's own Python. An
 * environment without Python, or files that do not compile, are no failure.
 *
 * @returns what was done, for people.
 */
export async function compile(context: BuildContext, plan: Plan, container: Container): Promise<string> {
  const tree = environmentTree(plan);
  const directories = await libraryDirectories(tree);
  if (directories.length === 0 || !(await hasPython(tree))) return "no Python";
  const root = plan.location.environment;
  const inside = directories.map((directory) => join(root, directory));
  const argv = container(compileArgv(join(root, "bin", "python3"), inside, plan.processors));
  const env = applyEnvironment(context.facts.environment, plan.environment);
  const finished = await runLogged(context, { argv, env });
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
