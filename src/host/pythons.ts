import { open } from "node:fs/promises";
import { PYTHON_FACTS_SCRIPT, type PythonFacts, parsePythonFacts } from "../tools/python.ts";
import { findPrograms } from "./facts.ts";
import { run } from "./processes.ts";

/** A launcher of ours on PATH cannot run inside a build's container. */
async function isLauncher(path: string): Promise<boolean> {
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      return buffer.subarray(0, bytesRead).includes("__k_prefix");
    } finally {
      await file.close();
    }
  } catch {
    return true;
  }
}

/** Programs of these names on PATH that may be a Python to build upon, in order; nothing is started. */
export async function pythonCandidates(
  names: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const candidates: string[] = [];
  for (const path of names.flatMap((name) => findPrograms(name, environment.PATH))) {
    if (!(await isLauncher(path))) candidates.push(path);
  }
  return candidates;
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
  for (const path of await pythonCandidates(names, environment)) {
    const { PYTHONHOME: _home, PYTHONPATH: _path, ...clean } = environment;
    const argv = [path, "-E", "-s", "-c", PYTHON_FACTS_SCRIPT] as const;
    const answer = await run({ argv, env: clean }, { signal, timeoutMs: 20_000 });
    const facts = answer.exitCode === 0 ? parsePythonFacts(answer.stdout) : undefined;
    if (facts && !found.some((other) => other.path === facts.path)) found.push(facts);
  }
  return found;
}
