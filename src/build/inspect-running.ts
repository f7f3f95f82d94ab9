import { join } from "node:path";
import { run } from "../host/processes.ts";
import { namedPackages } from "../plan/named-packages.ts";
import { prefixPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import { type Finding, mendCommands } from "../prefix/verification.ts";
import checkImports from "../templates/check_imports.py";
import { explainRuntimeFailure } from "../tools/singularity.ts";
import { betweenMarks, newMark } from "./marked.ts";

/** A first start over a slow file system takes seconds; minutes mean that it hangs. */
const START_TIMEOUT_MS = 120_000;
/** torch and the like take half a minute over a cold file system. */
const IMPORT_SECONDS = 120;
const IMPORTS_TIMEOUT_MS = 30 * 60_000;
/** An explicit list names everything that was installed. */
const MOST_NAMES = 100;

/** How the import of one package went (templates/check_imports.py). */
export interface ImportResult {
  name: string;
  state: "imported" | "failed" | "unknown" | "no-modules" | "missing";
  modules: string[];
  /** What the interpreter said. */
  said: string;
}

export interface Starting {
  root: string;
  manifest: Manifest;
  environment: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

function start({ root, environment, signal }: Starting, name: string, args: string[], timeoutMs: number) {
  const argv = [join(prefixPaths(root).bin, name), ...args] as const;
  return run({ argv, env: environment, cwd: "/" }, { signal, timeoutMs });
}

/** Starts a program through the environment's own launchers, and its Python. */
export async function inspectStart(starting: Starting): Promise<Finding[]> {
  const { root, manifest } = starting;
  const found: Finding[] = [];
  const attempt = async (name: string, args: string[]): Promise<void> => {
    if (found.length > 0) return;
    const ran = await start(starting, name, args, START_TIMEOUT_MS);
    if (ran.exitCode === 0) return;
    const { message, hint, lines } = explainRuntimeFailure(ran.stderr);
    const isRuntime = ran.exitCode === 255;
    const why = ran.timedOut ? "it did not end within two minutes" : `it ended with ${ran.exitCode}`;
    const last = lines.at(-1) ?? "";
    found.push({
      check: "start",
      severity: "error",
      path: join(prefixPaths(root).bin, name),
      message: `${name} does not start: ${why}${isRuntime ? ` (${message})` : ""}${last === "" ? "" : `: ${last}`}`,
      mend: isRuntime
        ? `${hint} kapseli doctor tells what this host lacks`
        : `kapseli doctor tells what this host lacks; ${mendCommands(root).rebuild} builds the same again for it`,
    });
  };
  await attempt("_debug_exec", ["/bin/sh", "-c", ":"]);
  if (manifest.commands.includes("python3")) await attempt("python3", ["-I", "-c", "pass"]);
  return found;
}

/** How many packages were imported, and what was left out, besides what is wrong. */
export interface Imports {
  results: readonly ImportResult[];
  /** Names that were not tried, because there were too many. */
  left: number;
  findings: readonly Finding[];
}

/**
 * Imports the packages that the inputs name.
 *
 * @param files the kept inputs, the oldest first
 */
export async function inspectImports(
  starting: Starting,
  files: readonly { name: string; bytes: Uint8Array }[],
  platform: string,
): Promise<Imports> {
  const { root, manifest } = starting;
  const { tool } = manifest;
  const none = { results: [], left: 0, findings: [] };
  if ((tool !== "conda" && tool !== "pip") || !manifest.commands.includes("python3")) return none;
  const { names } = namedPackages(tool, files, platform);
  const wanted = names.filter((name) => !/^(python|pip)$/i.test(name));
  const tried = wanted.slice(0, MOST_NAMES);
  if (tried.length === 0) return none;
  const mark = newMark();
  const request = JSON.stringify({ names: tried, seconds: IMPORT_SECONDS });
  const ran = await start(starting, "python3", ["-I", "-c", checkImports, mark, request], IMPORTS_TIMEOUT_MS);
  const said = betweenMarks(ran.stdout, mark);
  if (ran.exitCode !== 0 || said === undefined) {
    const last = ran.stderr.trim().split("\n").at(-1) ?? "";
    const message = `the imports of ${tried.length} packages could not be tried: ${last.slice(0, 500)}`;
    const mend = "run it again; where it stays so, report it";
    return { ...none, findings: [{ check: "imports", severity: "warning", message, mend }] };
  }
  const results = JSON.parse(said) as ImportResult[];
  return {
    results,
    left: wanted.length - tried.length,
    findings: results.flatMap((one) => finding(root, one)),
  };
}

function finding(root: string, { name, state, modules, said }: ImportResult): Finding[] {
  if (state === "failed") {
    return [
      {
        check: "imports",
        severity: "error",
        message: `import ${modules.join(", ")} (${name}) fails: ${said}`,
        mend: `run it where what it needs is (a GPU, a display); else correct the input and build it again, or go back: ${mendCommands(root).rollback}`,
      },
    ];
  }
  if (state === "missing") {
    return [
      {
        check: "imports",
        severity: "warning",
        message: `${name} is named in the input and is not installed (any more)`,
        mend: "a script or an update may have taken it out; an update with a file that names it brings it back",
      },
    ];
  }
  return [];
}
