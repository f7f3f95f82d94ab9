/**
 * A host made of stand-ins (stubs/): a runtime, engines and packers on a PATH of their own, and directories for
 * everything that a build may touch. For decisions only; the end-to-end suite has the real things.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { shellAssignments, shellQuote } from "../../src/prefix/shell-data.ts";
import { scratch } from "./programs.ts";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
/** The bundle that integration-setup.ts makes. */
export const TOOL = join(PROJECT, "node_modules", ".kapseli-test", "kapseli.cjs");
const STUBS = join(PROJECT, "test", "support", "stubs");

/** Programs of the system that builds and stand-ins use; the system's own runtime and Pythons are not among them. */
const SYSTEM = [
  "sh",
  "bash",
  "cat",
  "env",
  "sed",
  "mkdir",
  "chmod",
  "rm",
  "cp",
  "sleep",
  "true",
  "unsquashfs",
  "setsid",
  "getconf",
];

export type StubProgram = "micromamba" | "mamba" | "conda" | "python3";

export interface StubHostOptions {
  /** What runtime there is (stubs/singularity.mjs); null: none. */
  mode?: string | null;
  programs?: readonly StubProgram[];
  /** Variables of the stand-ins (STUB_…). */
  stubs?: Record<string, string>;
}

export interface StubHost {
  directory: string;
  bin: string;
  prefix: string;
  /** Where work directories go. */
  work: string;
  home: string;
  /** What the stand-ins noted: one line of JSON for each start. */
  log: string;
  /** A file into which a stand-in that hangs writes its process number. */
  pid: string;
  env: Record<string, string>;
}

/** Makes a stub host that is there until the test ends; one in a directory of the caller's stays. */
export async function stubHost(options: StubHostOptions = {}, place?: string): Promise<StubHost> {
  const directory = place ?? (await scratch());
  const at = (name: string): string => join(directory, name);
  const [bin, work, home, log, pid] = [at("bin"), at("work"), at("home"), at("calls"), at("pid")];
  for (const path of [bin, at("system"), work, home, at("project")]) await mkdir(path);
  for (const name of SYSTEM) {
    const found = ["/usr/bin", "/bin"].map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (found) await symlink(found, join(at("system"), name));
  }
  const variables = {
    STUB_MODE: options.mode ?? "apptainer-1.4",
    STUB_LOG: log,
    STUB_PID: pid,
    STUB_DIRECTORY: STUBS,
    ...options.stubs,
  };
  const add = async (name: string, words: string[], more: Record<string, string> = {}): Promise<void> => {
    const set = { ...variables, ...more };
    const run = `export ${Object.keys(set).join(" ")}\nexec ${words.map(shellQuote).join(" ")} "$@"`;
    await writeFile(join(bin, name), `#!/bin/sh\n${shellAssignments(set)}${run}\n`);
    await chmod(join(bin, name), 0o755);
  };
  if (options.mode !== null) {
    await add("apptainer", [process.execPath, join(STUBS, "singularity.mjs")]);
  }
  await add("mksquashfs", ["/bin/sh", join(STUBS, "mksquashfs.sh")]);
  await add("squashfuse_ll", ["/bin/true"]);
  for (const name of options.programs ?? []) {
    const script = name === "python3" ? "host-python.sh" : "conda.sh";
    await add(name, ["/bin/sh", join(STUBS, script)], { STUB_NAME: name });
  }
  const env = {
    PATH: `${bin}:${at("system")}`,
    HOME: home,
    TMPDIR: work,
    CW_BUILD_TMPDIR: work,
    KAPSELI_CACHE: at("cache"),
  };
  return { directory, bin, prefix: at("prefix"), work, home, log, pid, env };
}

export interface Ran {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export type Tool = "conda-containerize" | "pip-containerize" | "wrap-container" | "wrap-install" | "kapseli";
export interface RunSettings {
  env?: Record<string, string>;
  cwd?: string;
  umask?: string;
}

/** Starts a tool on a stub host; it is gone when the test ends. */
export function startTool(
  host: StubHost,
  tool: Tool,
  args: readonly string[],
  settings: RunSettings = {},
): { child: ChildProcess; ended: Promise<Ran> } {
  const program = `import { main } from ${JSON.stringify(TOOL)}; await main(process.argv[1]);`;
  const node = [process.execPath, "--input-type=module", "-e", program, "--", tool, ...args];
  const child = spawn("/bin/sh", ["-c", `umask ${settings.umask ?? "022"}; exec "$@"`, "sh", ...node], {
    cwd: settings.cwd ?? join(host.directory, "project"),
    env: { ...host.env, ...settings.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ran: Ran = { exitCode: null, signal: null, stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    ran.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    ran.stderr += text;
  });
  const ended = new Promise<Ran>((resolve) =>
    child.on("close", (exitCode, signal) => resolve({ ...ran, exitCode, signal })),
  );
  return { child, ended };
}

export function runTool(
  host: StubHost,
  tool: Tool,
  args: readonly string[],
  settings: RunSettings = {},
): Promise<Ran> {
  return startTool(host, tool, args, settings).ended;
}

/** Writes an input file beside which the tool runs. @returns its path. */
export async function inputFile(host: StubHost, name: string, text: string | Uint8Array): Promise<string> {
  const path = join(host.directory, "project", name);
  await writeFile(path, text);
  return path;
}

/** A start of the stub runtime, or of an engine. */
export interface Call {
  argv: string[];
  environment: Record<string, string>;
}

export interface EngineCall {
  program: string;
  argv: string;
  root_prefix: string;
  pkgs: string;
  conda_prefix: string;
  cwd: string;
}

function noted(host: StubHost): (Call | EngineCall)[] {
  if (!existsSync(host.log)) return [];
  return readFileSync(host.log, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Call | EngineCall);
}

/** The containers that were started, in order. */
export function containersOf(host: StubHost): Call[] {
  return noted(host).flatMap((call) =>
    "environment" in call && (call.argv.includes("exec") || call.argv.includes("shell")) ? [call] : [],
  );
}

export function enginesOf(host: StubHost): EngineCall[] {
  return noted(host).flatMap((call) => ("program" in call ? [call] : []));
}

/**
 * Every path below a directory with its mode, size and time; two of them tell whether something was touched.
 *
 * @param except names that are left out, and then directories' times, which change with what is in them
 */
export async function treeOf(directory: string, except: readonly string[] = []): Promise<string[]> {
  const found: string[] = [];
  const look = async (path: string): Promise<void> => {
    const info = await lstat(path);
    const size = info.isFile() ? ` ${info.size}` : "";
    const time = info.isDirectory() && except.length > 0 ? "" : ` ${info.mtimeMs}`;
    found.push(`${path.slice(directory.length)} ${info.mode.toString(8)}${time}${size}`);
    if (!info.isDirectory()) return;
    const names = (await readdir(path)).filter((name) => !except.includes(name));
    for (const name of names.sort()) await look(join(path, name));
  };
  await look(directory);
  return found;
}

/** The paths of the kept logs of failed builds. */
export async function failedLogs(host: StubHost): Promise<string[]> {
  const directory = join(host.home, ".local", "state", "kapseli", "logs");
  return (await readdir(directory).catch(() => [])).map((name) => join(directory, name));
}
