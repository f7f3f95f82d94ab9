/**
 * What the end-to-end tests of building stand on: a place to build in whose every directory is known, so that what a
 * build leaves can be seen, and what a finished, a refused and a stopped build must look like.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import {
  baseEnvironment,
  channelUrl,
  type Ran,
  type RunAs,
  remove,
  runAs,
  SHARED,
  scratch,
  type TestUser,
} from "./real.ts";

export interface Place {
  user: TestUser;
  /** The user's own; holds everything below. */
  directory: string;
  /** Where what a running build prints goes. */
  outputs: string;
  /** Where builds work (CW_BUILD_TMPDIR); empty when none runs. */
  work: string;
  /** TMPDIR; empty when none runs. */
  temporary: string;
  /** Where logs of failed builds go. */
  logs: string;
  /** In the environment of every process of a build, and of nothing else. */
  mark: string;
  environment: Record<string, string>;
  [Symbol.dispose](): void;
}

/** Gives a path to a user, where the tests run as root. */
export function own(path: string, user: TestUser): void {
  if (userInfo().uid === 0) chownSync(path, user.uid, user.gid);
}

/** The cache that all suites of a user share: the engine's own environment, downloads, bases. */
function cacheOf(user: TestUser): string {
  const cache = join(SHARED, `cache-${user.name}`);
  mkdirSync(cache, { recursive: true });
  chmodSync(cache, 0o700);
  own(cache, user);
  return cache;
}

/** A cache of a place's own, without any package; only what the engines are is shared. @returns the environment for it. */
export function emptyCache(place: Place, name: string): { KAPSELI_CACHE: string } {
  const tools = join(cacheOf(place.user), "tools");
  mkdirSync(tools, { recursive: true });
  own(tools, place.user);
  const path = put(place, name);
  symlinkSync(tools, join(path, "tools"));
  return { KAPSELI_CACHE: path };
}

/** A new place; the caller disposes of it. */
export function newPlace(user: TestUser): Place {
  const directory = scratch(user);
  const [work, temporary, state] = ["work", "tmp", "state"].map((name) => join(directory, name));
  if (!work || !temporary || !state) throw new RangeError("three names make three paths");
  for (const path of [work, temporary, state]) {
    mkdirSync(path);
    own(path, user);
  }
  const mark = randomUUID();
  return {
    user,
    directory,
    outputs: directory,
    work,
    temporary,
    logs: join(state, "kapseli", "logs"),
    mark,
    environment: {
      CW_BUILD_TMPDIR: work,
      TMPDIR: temporary,
      XDG_STATE_HOME: state,
      KAPSELI_CACHE: cacheOf(user),
      KAPSELI_E2E_MARK: mark,
    },
    [Symbol.dispose]: () => remove(directory),
  };
}

/** Makes a directory, or a file with what it holds, below a place, as its user. @returns its path. */
export function put(place: Place, name: string, content?: string | Buffer, mode = 0o644): string {
  const path = join(place.directory, name);
  for (let up = dirname(path), missing: string[] = []; ; up = dirname(up)) {
    if (!existsSync(up)) {
      missing.unshift(up);
      continue;
    }
    for (const directory of missing) {
      mkdirSync(directory);
      own(directory, place.user);
    }
    missing = [];
    break;
  }
  if (content === undefined) mkdirSync(path, { recursive: true });
  else writeFileSync(path, content, { mode });
  own(path, place.user);
  return path;
}

/** An env.yml of the local channel with these dependencies (YAML flow items), written as NAME. */
export function putEnv(place: Place, dependencies: string, more = "", name = "env.yml"): string {
  return put(
    place,
    name,
    `channels: [${channelUrl()}, nodefaults]\ndependencies: [${dependencies}]\n${more}`,
  );
}

export type Tool = "conda-containerize" | "pip-containerize";

/** Runs `TOOL new …` in the place's directory. */
export function build(place: Place, tool: Tool, args: readonly string[], options: RunAs = {}): Ran {
  return runAs(place.user, [tool, "new", ...args], {
    cwd: place.directory,
    ...options,
    env: { ...place.environment, ...options.env },
  });
}

/** A command of an environment, run by the place's user. */
export function call(place: Place, argv: readonly [string, ...string[]], options: RunAs = {}): Ran {
  return runAs(place.user, argv, { cwd: place.directory, ...options });
}

/** Fails with the tool's own words when a build did not succeed, or left something besides its prefix. */
export function expectBuilt(place: Place, ran: Ran): void {
  expect(ran.exitCode, `${ran.stdout.slice(-2000)}\n${ran.stderr.slice(-3000)}`).toBe(0);
  expectNothingRuns(place);
  expectEmptyWork(place);
}

/** A refusal as every one must be: its exit code, what it is about, what to do, and no stack trace. */
export function expectRefused(ran: Ran, exitCode: number, ...says: (string | RegExp)[]): void {
  expect(ran.exitCode, `${ran.stdout.slice(-1000)}\n${ran.stderr}`).toBe(exitCode);
  for (const text of says) expect(ran.stderr).toMatch(text);
  // Of an input file it says what it expected there.
  expect(ran.stderr).toMatch(/What to do: \S|: expected \S|must be \S/);
  expect(ran.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$|not expected|undefined/m);
  // People pipe the tool to grep: the error is among the milestones, too.
  expect(ran.stdout).toContain(ran.stderr.split("\n")[0]);
}

/** No process of the place's builds: none that inherited its mark or works on its files. */
export function buildProcesses(place: Place): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const read = (file: string): string => {
        try {
          return readFileSync(`/proc/${pid}/${file}`, "latin1").replaceAll("\0", " ").trim();
        } catch {
          return "";
        }
      };
      const command = read("cmdline");
      const served = (): string => {
        try {
          return readlinkSync(`/proc/${pid}/fd/3`);
        } catch {
          return "";
        }
      };
      const its =
        read("environ").includes(`KAPSELI_E2E_MARK=${place.mark}`) ||
        command.includes(place.directory) ||
        // Of an image: a FUSE server has neither.
        (command.includes("squashfuse") && served().startsWith(`${place.directory}/`));
      return its && command !== "" ? [`${pid} ${command.slice(0, 300)}`] : [];
    });
}

/** Ends what a place's builds left running, as no tool of ours would. */
export function killBuilds(place: Place): void {
  for (const line of buildProcesses(place)) {
    try {
      process.kill(Number(line.split(" ")[0]), "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}

/** Ended processes take a moment to be gone from the process table; a build's FUSE server ends after it. */
function expectNothingRuns(place: Place): void {
  const deadline = Date.now() + 10_000;
  let left = buildProcesses(place);
  while (left.length > 0 && Date.now() < deadline) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    left = buildProcesses(place);
  }
  expect(left).toEqual([]);
}

function expectEmptyWork(place: Place): void {
  expect({ work: readdirSync(place.work), tmp: readdirSync(place.temporary) }).toEqual({ work: [], tmp: [] });
}

/** Every path below a directory, with its kind, mode, size, link target and time: what must stay as it was. */
export function listing(directory: string): string[] {
  if (!existsSync(directory)) return ["nothing"];
  const below = (path: string): string[] => {
    const info = lstatSync(path);
    const line = `${path} ${info.mode.toString(8)} ${info.uid} ${info.isDirectory() ? "" : `${info.size} ${info.mtimeMs}`}`;
    if (!info.isDirectory()) return [line];
    return [
      line,
      ...readdirSync(path)
        .sort()
        .flatMap((name) => below(join(path, name))),
    ];
  };
  return below(directory);
}

/** No process, mount or work directory of a place's builds. */
export function expectNoRemains(place: Place): void {
  expectNothingRuns(place);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(place.directory);
  expectEmptyWork(place);
}

/** After a failed or stopped build: no process, mount, work directory or lock, and the prefix as it was. */
export function expectNothingLeft(
  place: Place,
  prefix: string,
  before: readonly string[] = ["nothing"],
): void {
  expectNoRemains(place);
  expect(listing(prefix)).toEqual(before);
}

/** A build that runs while the test does something else. */
export interface Running {
  child: ChildProcess;
  pid: number;
  /** What it has printed so far, stdout and stderr. */
  output(): string;
  /** The exit code, or the signal's name. */
  ended: Promise<number | string>;
}

/** Starts `TOOL new …` as the leader of a process group of its own, as a shell does. */
export function startBuild(
  place: Place,
  tool: Tool,
  args: readonly string[],
  env: Record<string, string> = {},
): Running {
  return start(place, [tool, "new", ...args], env);
}

/** Starts a command line as `startBuild` does. */
export function start(
  place: Place,
  argv: readonly [string, ...string[]],
  env: Record<string, string> = {},
): Running {
  const [program, ...args] = argv;
  const file = join(place.outputs, `output-${randomUUID()}`);
  const output = openSync(file, "w");
  const child = spawn(program, args, {
    cwd: place.directory,
    env: { ...baseEnvironment(place.user), ...place.environment, ...env },
    detached: true,
    stdio: ["ignore", output, output],
    ...(userInfo().uid === 0 ? { uid: place.user.uid, gid: place.user.gid } : {}),
  });
  closeSync(output);
  const ended = new Promise<number | string>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? signal ?? "gone"));
  });
  if (child.pid === undefined) throw new Error(`${program} could not be started`);
  return { child, pid: child.pid, output: () => readFileSync(file, "utf8"), ended };
}

/** Waits until something is so; fails with what was seen last when it does not come. */
export async function until<T>(what: string, look: () => T | undefined | false, seconds = 60): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const seen = look();
    if (seen) return seen;
    if (Date.now() > deadline) throw new Error(`waited for ${what} in vain`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
