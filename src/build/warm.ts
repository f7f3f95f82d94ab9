import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from "../host/files.ts";
import { environmentOf, type HeldProcess, otherNamespaces, startHeld } from "../host/held-process.ts";
import { findHostProgram } from "../host/host-programs.ts";
import { lockPrefix } from "../host/lock.ts";
import { bootId, startTime } from "../host/proc-stat.ts";
import { run } from "../host/processes.ts";
import { parseEnvironment } from "../prefix/activation.ts";
import {
  HELD,
  type HolderRecord,
  readHolderProcess,
  renderHolderRecord,
  runtimeVariables,
} from "../prefix/holder-record.ts";
import { prefixPaths } from "../prefix/layout.ts";
import hold from "../templates/hold.sh";
import { findLaunchable, type LaunchableEnvironment } from "./environment.ts";
import { launcherOf } from "./launch.ts";
import { isPrivate } from "./warm-place.ts";

export interface WarmRequest {
  /** Absolute path of the prefix. */
  prefix: string;
  /** A directory that is this user's alone; the holder's record is put into it. */
  directory: string;
  /** Directories that the holder removes at its end when they are empty, the innermost first. */
  removed: readonly string[];
  /** The process with which the holder ends. */
  owner: number;
  /** The whole environment of the caller. */
  environment: Readonly<Record<string, string>>;
}

/** Whether an environment is held warm; where not, why. */
export type Warm = { held: true; pid: number } | { held: false; reason: string };

/** A container starts in a tenth of a second; on a loaded node in a few. */
export const START_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

const cold = (reason: string): Warm => ({ held: false, reason });

/** The process of a holder that is there already; undefined when there is none, or it has ended. */
async function present(holder: string): Promise<number | undefined> {
  const record = readHolderProcess(await readFile(join(holder, "record"), "utf8").catch(() => ""));
  return record && record.boot === bootId() && startTime(record.pid) === record.start
    ? record.pid
    : undefined;
}

interface Joiner {
  nsenter: string;
  changesDirectory: boolean;
}

/** How a process can be joined, found by trying. */
async function tryJoining(
  pid: number,
  environment: Readonly<Record<string, string>>,
): Promise<Joiner | undefined> {
  const nsenter = findHostProgram(["nsenter"], `${environment.PATH ?? ""}:/usr/bin:/bin`);
  if (nsenter === undefined) return undefined;
  for (const changesDirectory of [true, false]) {
    const words = changesDirectory ? ["--wdns=/"] : [];
    const argv = [nsenter, "-t", String(pid), "-U", "-m", "--preserve-credentials", ...words] as const;
    const joined = await run(
      { argv: [...argv, "--", "/bin/sh", "-c", "exit 0"], env: environment, cwd: "/" },
      { timeoutMs: START_TIMEOUT_MS },
    );
    if (joined.exitCode === 0) return { nsenter, changesDirectory };
  }
  return undefined;
}

/** What of the environment decides what a container is like (src/templates/warm.sh), and what a launcher needs. */
const OF_CONTAINER =
  /^(?:HOME|PATH|TMPDIR|CW_.*|SINGULARITY.*|APPTAINER.*|SLURM_JOB_ID|PBS_JOBID|LSB_JOBID)$/;

/**
 * Environments of starts that are compared: with other values than the holder's, with and without LD_LIBRARY_PATH; and
 * for an image, which may set variables that the caller has not, one with nothing in it.
 */
export function probeEnvironments(
  environment: Readonly<Record<string, string>>,
  onImage: boolean,
): Record<string, string>[] {
  const { LD_LIBRARY_PATH, ...others } = environment;
  const bare = Object.fromEntries(Object.entries(environment).filter(([name]) => OF_CONTAINER.test(name)));
  const changed = {
    ...others,
    ...(LD_LIBRARY_PATH ? {} : { LD_LIBRARY_PATH: "/kapseli-probe/lib" }),
    PATH: `/kapseli-probe/bin:${environment.PATH}`,
    KAPSELI_PROBE: "a b\n'c'",
  };
  return onImage ? [changed, bare] : [changed];
}

/** What programs see of their variables, started by the launcher; undefined where one does not start. */
export async function seenEnvironments(
  launcher: string,
  environments: readonly Readonly<Record<string, string>>[],
  warm: string,
): Promise<string | undefined> {
  const seen = await Promise.all(
    environments.map(async (environment) => {
      const finished = await run(
        {
          argv: [launcher, "--there", "/usr/bin/env", "-0"],
          env: { ...environment, PWD: "/", KAPSELI_WARM: warm },
          cwd: "/",
        },
        { timeoutMs: START_TIMEOUT_MS },
      );
      if (finished.exitCode !== 0) return undefined;
      const variables = parseEnvironment(finished.stdout);
      // What is not the program's business: where the holder is, and what a shell says of what it becomes.
      for (const name of ["KAPSELI_WARM", "_"]) variables.delete(name);
      return [...variables].sort(([one], [other]) => (one < other ? -1 : 1));
    }),
  );
  return seen.includes(undefined) ? undefined : JSON.stringify(seen);
}

/** What a launcher must know of the process that holds a container open. */
async function recordOf(held: HeldProcess, request: WarmRequest): Promise<HolderRecord | { reason: string }> {
  const pid = Number(held.line);
  const start = startTime(pid);
  const others = otherNamespaces(pid);
  // In a process namespace of its own it has said a number that belongs to another process here.
  if (!/^[1-9]\d*$/.test(held.line) || start === undefined || others === undefined) {
    return { reason: "its containers have processes of their own" };
  }
  if (!["mnt", "user"].every((kind) => others.includes(kind))) {
    return { reason: "its containers have no user namespace" };
  }
  const further = others.filter((kind) => kind !== "user" && kind !== "mnt");
  if (further.length > 0)
    return { reason: `its containers have namespaces of their own: ${further.join(", ")}` };
  const inside = environmentOf(pid);
  const words = inside.get(HELD.words);
  const libraries = inside.get(HELD.libraries);
  if (words === undefined || libraries === undefined) {
    return { reason: "the launcher is of an older version; any update makes it anew" };
  }
  const variables = runtimeVariables(inside, { path: request.environment.PATH ?? "", libraries });
  if (!variables) return { reason: "the runtime changes its variables in a way that is not known" };
  const joiner = await tryJoining(pid, request.environment);
  if (!joiner) return { reason: "its containers cannot be joined by nsenter" };
  return { pid, start, boot: bootId(), ...joiner, words, variables };
}

/**
 * Starts a holder in a directory of its own, and proves that a start which joins it is like an ordinary one. Nothing
 * is published when anything fails; the holder ends with its standard input.
 */
async function startHolder(
  environment: LaunchableEnvironment,
  request: WarmRequest,
  ownerStart: string,
): Promise<Warm> {
  const launcher = await launcherOf(environment, "_debug_exec");
  const { id } = environment.launcher;
  const holder = join(request.directory, id);
  const trial = await mkdtemp(join(request.directory, "new-"));
  const aside = join(trial, id);
  await mkdir(aside);
  const probes = probeEnvironments(request.environment, environment.launcher.onImage);
  const variables = { ...request.environment, PWD: "/", KAPSELI_WARM: "off" };
  let held: HeldProcess | undefined;
  try {
    const script = ["/bin/sh", "-c", hold, "kapseli-warm", hold, holder, String(request.owner), ownerStart];
    const [started, ordinary] = await Promise.all([
      startHeld(
        [launcher, "--hold", ...script, ...request.removed],
        variables,
        join(aside, "messages"),
        START_TIMEOUT_MS,
      ),
      seenEnvironments(launcher, probes, "off"),
    ]);
    held = started;
    if (!held) {
      const messages = await readFile(join(aside, "messages"), "utf8").catch(() => "");
      return cold(`a container could not be started${messages === "" ? "" : `: ${messages.trim()}`}`);
    }
    const record = await recordOf(held, request).catch((error: Error) => ({ reason: error.message }));
    if ("reason" in record) return cold(record.reason);
    await writeFile(join(aside, "record"), renderHolderRecord(record), { mode: 0o600 });
    const starts = join(aside, `starts.${record.pid}`);
    await mkdir(starts);
    const joined = await seenEnvironments(launcher, probes, trial);
    const marks = await readdir(starts);
    if (marks.length !== probes.length) return cold("a start did not join it");
    if (ordinary === undefined || joined !== ordinary) {
      return cold("variables would be other ones than in an ordinary start");
    }
    for (const mark of marks) await rm(join(starts, mark), { force: true });
    if (await exists(join(request.directory, "over"))) return cold("it is not wanted any more");
    await rename(aside, holder);
    held.release();
    held = undefined;
    return { held: true, pid: record.pid };
  } finally {
    held?.end();
    await rm(trial, { recursive: true, force: true });
  }
}

/**
 * Holds a container of an environment's current generation open, for launchers to join, until its owner ends. Where
 * one is held in the same directory already, that one serves; of many that come at once one starts it.
 *
 * @returns why not, where this host has no way: every start is an ordinary one then.
 * @throws {KapseliError} `badInput` when the prefix is no environment.
 */
export async function holdWarm(request: WarmRequest): Promise<Warm> {
  const environment = await findLaunchable(request.prefix);
  if (!(await isPrivate(request.directory)))
    return cold(`${request.directory} is not a directory of your own`);
  const ownerStart = startTime(request.owner);
  if (ownerStart === undefined) return cold(`the process ${request.owner} is gone`);
  if (process.geteuid?.() === 0) return cold("root's containers are joined by no other program");
  if (!request.environment.PATH) return cold("PATH is not set");
  const holder = join(request.directory, environment.launcher.id);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const running = await present(holder);
    if (running !== undefined) return { held: true, pid: running };
    const unlock = await lockPrefix(request.directory).catch(() => undefined);
    if (!unlock) {
      if (!(await isPrivate(request.directory))) return cold(`${request.directory} is gone`);
      // Another one starts it.
      await pause(POLL_MS);
      continue;
    }
    try {
      const late = await present(holder);
      if (late !== undefined) return { held: true, pid: late };
      // Of a holder that was killed.
      await rm(holder, { recursive: true, force: true });
      return await startHolder(environment, request, ownerStart);
    } finally {
      await unlock();
    }
  }
  return cold("another one that starts it has not finished");
}

/**
 * The directory of an environment's commands.
 *
 * @throws {KapseliError} `badInput` when the prefix is none, or PATH cannot hold the directory.
 */
export async function commandDirectory(prefix: string): Promise<string> {
  const { bin } = prefixPaths((await findLaunchable(prefix)).root);
  if (!bin.includes(":")) return bin;
  throw new KapseliError(ExitCode.badInput, `${bin} has a colon in its path, which PATH cannot hold`, {
    hint: "Move the environment.",
  });
}

/** Removes what was made for a holder that there is none of. */
export async function removePlaces(innermostFirst: readonly string[]): Promise<void> {
  for (const directory of innermostFirst) await rmdir(directory).catch(() => undefined);
}
