/** Environments that are held warm, for the end-to-end tests: holders that run, and what programs see in them. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { readShellAssignment } from "../../src/prefix/shell-data.ts";
import type { LauncherEnvironment } from "./launcher-environment.ts";
import { program, type Running, startAs } from "./launcher-report.ts";
import { type Ran, type RunAs, runAs, type TestUser } from "./real.ts";

export const SURROUNDINGS = program("surroundings.py");

export interface HeldEnvironment {
  /** What KAPSELI_WARM names. */
  directory: string;
  /** The holder's directory in it. */
  holder: string;
  /** The holder's main process. */
  pid: number;
  /** Its mount namespace. */
  mounts: string;
  /** The program that it is held for: it ends with its standard input. */
  owner: Running;
}

/** The value that a holder's record gives to a name. */
export function recorded(holder: string, name: string): string {
  const value = readShellAssignment(readFileSync(join(holder, "record"), "utf8"), `__k_w_${name}`);
  if (value === undefined) throw new Error(`${holder} has no ${name}`);
  return value;
}

/** Holders in a directory. */
export function holdersIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .map((name) => join(directory, name))
    .filter((path) => existsSync(join(path, "record")));
}

/** Has an environment held warm until `stop`. */
export async function hold(
  user: TestUser,
  environment: LauncherEnvironment,
  options: RunAs = {},
): Promise<HeldEnvironment> {
  const line = 'printf "%s\\n" "$KAPSELI_WARM" held; cat';
  const owner = startAs(user, ["kapseli", "warm", environment.root, "--", "sh", "-c", line], options);
  await owner.said("held\n");
  const directory = owner.output().split("\n")[0] ?? "";
  const [holder] = holdersIn(directory);
  if (holder === undefined) {
    owner.child.stdin?.end();
    throw new Error(`nothing is held: ${(await owner.ended).stderr}`);
  }
  const pid = Number(recorded(holder, "pid"));
  return { directory, holder, pid, mounts: readlinkSync(`/proc/${pid}/ns/mnt`), owner };
}

/** Whether a process is there and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Processes with a text in their environment, by /proc: runtime, image mount, holder. */
export function processesOf(mark: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || !isAlive(Number(pid))) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
    } catch {
      return false;
    }
  });
}

/** Waits until something is so. @throws after half a minute. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`after half a minute it is not so that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The owner ends, and the holder after it. */
export async function stop(held: HeldEnvironment): Promise<void> {
  held.owner.child.stdin?.end();
  await held.owner.ended;
  await until("the holder has ended", () => !isAlive(held.pid) && !existsSync(held.directory));
}

export interface Surroundings {
  /** Everything but the mount namespace, with the names that tell of the holder left out. */
  seen: Record<string, unknown>;
  mounts: string;
}

export function parseSurroundings(ran: Ran): Surroundings {
  if (ran.exitCode !== 0)
    throw new Error(`exit code ${ran.exitCode}, ${ran.signal}: ${ran.stderr}${ran.stdout}`);
  const { mounts, ...seen } = JSON.parse(ran.stdout);
  delete seen.environment.KAPSELI_WARM;
  return { mounts, seen };
}

/** What a program sees that is started through a launcher; `before` is a shell line that ends in running `"$@"`. */
export function surroundings(
  user: TestUser,
  call: readonly [string, ...string[]],
  warm: string,
  before: string,
  options: RunAs = {},
): Surroundings {
  const words = ["sh", "-c", before, "sh", ...call] as const;
  const argv: [string, ...string[]] = before === "" ? [...call] : [...words];
  return parseSurroundings(runAs(user, argv, { ...options, env: { ...options.env, KAPSELI_WARM: warm } }));
}
