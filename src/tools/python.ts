/** A Python interpreter as it describes itself. */
export interface PythonFacts {
  /** Its real executable, absolute; never a shim or a launcher. */
  path: string;
  version: string;
  /** Whether `python -m venv` can put pip into a venv (Debian ships it apart). */
  ensurepip: boolean;
}

/** Prints what `parsePythonFacts` reads. Works from Python 3.3 on. */
export const PYTHON_FACTS_SCRIPT =
  "import importlib.util as u,json,platform,sys;" +
  "print(json.dumps([sys.executable,platform.python_version(),u.find_spec('ensurepip') is not None" +
  " and u.find_spec('venv') is not None]))";

/** @returns undefined when the output is not that of `PYTHON_FACTS_SCRIPT`. */
export function parsePythonFacts(printed: string): PythonFacts | undefined {
  try {
    const [path, version, ensurepip] = JSON.parse(printed.trim().split("\n").at(-1) ?? "") as unknown[];
    if (typeof path !== "string" || typeof version !== "string" || path === "") return undefined;
    return { path, version, ensurepip: ensurepip === true };
  } catch {
    return undefined;
  }
}

/** Whether `version` is at least `major.minor`. */
export function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split(".").map(Number);
  return a > major || (a === major && b >= minor);
}

/**
 * Byte-compiles Python files in parallel by templates/run_compileall.py. What is up to date is left alone; a file that
 * does not compile (templates, other Python versions' tests) is no failure of the build.
 *
 * @param python path of the environment's own Python
 * @param what library directories, or a file that names files, one a line
 * @param bytecode the cache of what was compiled before, and the directory for what it lacks
 */
export function compileArgv(
  python: string,
  script: string,
  jobs: number,
  what: { directories: readonly string[] } | { list: string },
  bytecode?: { cache: string; made: string },
): [string, ...string[]] {
  const kept = bytecode ? ["-c", bytecode.cache, bytecode.made] : [];
  return [python, script, String(jobs), ...kept, ...("list" in what ? ["-i", what.list] : what.directories)];
}

/** How many files there are to compile, or how many more are compiled, by a line of that script's. */
export function compileProgress(line: string): { files: number } | { compiled: number } | undefined {
  const [, what, count] = /^(files|compiled) (\d+)$/.exec(line) ?? [];
  if (count === undefined) return undefined;
  return what === "files" ? { files: Number(count) } : { compiled: Number(count) };
}
