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
 * Asks the interpreters of these names on PATH what they are, in order. Shims and links answer with the real
 * interpreter; one found twice is listed once.
 */
export async function findPythons(
  names: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<PythonFacts[]> {
  const found: PythonFacts[] = [];
  for (const path of pythonCandidates(names, environment)) {
    const { PYTHONHOME: _home, PYTHONPATH: _path, ...clean } = environment;
    const argv = [path, "-E", "-s", "-c", PYTHON_FACTS_SCRIPT] as const;
    const answer = await run({ argv, env: clean }, { signal, timeoutMs: 20_000 });
    const facts = answer.exitCode === 0 ? parsePythonFacts(answer.stdout) : undefined;
    if (facts && !found.some((other) => other.path === facts.path)) found.push(facts);
  }
  return found;
}
