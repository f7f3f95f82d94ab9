import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { type Ran, runAs, type TestUser } from "../test/support/real.ts";
import { shuffled } from "./statistics.ts";

/** One program to be timed. */
export interface Command {
  argv: readonly [string, ...string[]];
  /** The whole environment. */
  env: Readonly<Record<string, string>>;
  cwd: string;
}

/** One thing to be measured; the cases of one interleaved run may be compared with each other. */
export interface Case {
  name: string;
  /** Does it once. @returns its milliseconds */
  measure(): number;
}

/** One that others of its kind run beside. */
export interface AsyncCase {
  name: string;
  /** Does it once. @returns its milliseconds */
  measure(): Promise<number>;
}

/** What went wrong in a case, with what the program said. */
function failure(command: Command, ran: Pick<Ran, "exitCode" | "signal" | "stdout" | "stderr">): Error {
  const said = `${ran.stdout}\n${ran.stderr}`.trim().split("\n").slice(-15).join("\n");
  return new Error(`${command.argv.join(" ")} ended with ${ran.exitCode ?? ran.signal}:\n${said}`);
}

/** Runs a command to its end. @throws {Error} when it fails */
export function runCommand(user: TestUser, command: Command): Ran {
  const { argv, env, cwd } = command;
  const ran = runAs(user, argv, { env, cwd, bareEnvironment: true, timeoutMs: 1_800_000 });
  if (ran.exitCode !== 0) throw failure(command, ran);
  return ran;
}

/**
 * Starts a command with nothing on its standard streams and waits for its end.
 *
 * @returns milliseconds from fork to exit, with about two of Node's own
 * @throws {Error} when it fails
 */
export function timeCommand(user: TestUser, command: Command): number {
  const { argv, env, cwd } = command;
  const [file, ...args] = argv;
  const identity = userInfo().uid === 0 ? { uid: user.uid, gid: user.gid } : {};
  const started = performance.now();
  const { status } = spawnSync(file, args, { cwd, env, stdio: "ignore", ...identity });
  const took = performance.now() - started;
  // Once more, to show what it says.
  if (status !== 0) throw failure(command, runCommand(user, command));
  return took;
}

/**
 * Measures the cases in rounds: each round has every case once, in a new random order, so that what changes on the
 * machine meets all of them. One round before is not counted: it fills caches and shows what does not work.
 *
 * @returns milliseconds of each case, by round
 */
export function interleave(
  cases: readonly Case[],
  rounds: number,
  random: () => number,
  onRound: (round: number) => void = () => undefined,
): Promise<Map<string, number[]>> {
  const waiting = cases.map(({ name, measure }) => ({ name, measure: async () => measure() }));
  return interleaveAsync(waiting, rounds, random, onRound);
}

/** As `interleave`, of what is waited for. */
export async function interleaveAsync(
  cases: readonly AsyncCase[],
  rounds: number,
  random: () => number,
  onRound: (round: number) => void = () => undefined,
): Promise<Map<string, number[]>> {
  const taken = new Map<string, number[]>(cases.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    onRound(round);
    for (const one of shuffled(cases, random)) {
      // Signals are heard between the cases only.
      await new Promise((resolve) => setImmediate(resolve));
      const milliseconds = await one.measure();
      if (round > 0) taken.get(one.name)?.push(milliseconds);
    }
  }
  return taken;
}
