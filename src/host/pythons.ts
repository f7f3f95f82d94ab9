import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PYTHON_FACTS_SCRIPT, type PythonFacts, parsePythonFacts } from "../tools/python.ts";
import { findHostPrograms } from "./host-programs.ts";
import { run } from "./processes.ts";

/** Programs of these names on PATH that may be a Python to build upon, in order; nothing is started. */
export function pythonCandidates(
  names: readonly string[],
  environment: Readonly<Record<string, string>>,
): string[] {
  return names.flatMap((name) => findHostPrograms(name, environment.PATH));
}

/**
 * The file that a name is in its own directory, however that is named: python3 and python3.11 of /bin and of /usr/bin
 * are one. A link to another directory is a Python of its own: that of a venv, or a shim.
 */
async function fileAt(path: string): Promise<string> {
  const [directory, file] = await Promise.all([realpath(dirname(path)), realpath(path)]);
  return dirname(file) === directory ? file : join(directory, basename(path));
}

/**
 * Asks the interpreters of these names on PATH what they are, in order. Shims and links answer with the real
 * interpreter; one found twice is listed once.
 */
export async function findPythons(
  names: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<PythonFacts[]> {
  const found: PythonFacts[] = [];
  const asked = new Set<string>();
  for (const path of pythonCandidates(names, environment)) {
    const file = await fileAt(path).catch(() => path);
    if (asked.has(file)) continue;
    asked.add(file);
    const { PYTHONHOME: _home, PYTHONPATH: _path, ...clean } = environment;
    const argv = [path, "-E", "-s", "-c", PYTHON_FACTS_SCRIPT] as const;
    const answer = await run({ argv, env: clean }, { signal, timeoutMs: 20_000 });
    const facts = answer.exitCode === 0 ? parsePythonFacts(answer.stdout) : undefined;
    if (facts && !found.some((other) => other.path === facts.path)) found.push(facts);
  }
  return found;
}
