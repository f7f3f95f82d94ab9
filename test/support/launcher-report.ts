/** What a program that was started through a launcher sees; test/e2e/launcher/report.py tells. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { baseEnvironment, PROJECT, type Ran, type RunAs, runAs, type TestUser } from "./real.ts";

/** The text of a program in test/e2e/launcher. */
export function program(name: string): string {
  return readFileSync(join(PROJECT, "test", "e2e", "launcher", name), "utf8");
}

export const REPORT = program("report.py");

export interface Report {
  argv: string[];
  cwd: string;
  environment: Record<string, string>;
  executable: string;
  prefix: string;
  path: string[];
}

/** Bytes as text; latin1 after a mark where they are not UTF-8, so that a changed byte is seen. */
function text(hexadecimal: string): string {
  const bytes = Buffer.from(hexadecimal, "hex");
  const decoded = bytes.toString("utf8");
  return Buffer.from(decoded).equals(bytes) ? decoded : `not UTF-8: ${bytes.toString("latin1")}`;
}

export function parseReport(ran: Ran): Report {
  if (ran.exitCode !== 0)
    throw new Error(`exit code ${ran.exitCode}, signal ${ran.signal}: ${ran.stderr}${ran.raw.error ?? ""}`);
  const found = JSON.parse(ran.stdout);
  return {
    argv: found.argv.map(text),
    cwd: text(found.cwd),
    environment: Object.fromEntries(
      Object.entries<string>(found.environment).map(([name, value]) => [text(name), text(value)]),
    ),
    executable: text(found.executable),
    prefix: text(found.prefix),
    path: found.path.map(text),
  };
}

/** Starts a Python by a launcher and returns what it sees. @throws when it does not end with 0. */
export function report(
  user: TestUser,
  python: string | readonly [string, ...string[]],
  args: readonly string[] = [],
  options: RunAs = {},
): Report {
  const call: readonly [string, ...string[]] = typeof python === "string" ? [python] : python;
  return parseReport(runAs(user, [...call, "-c", REPORT, ...args], options));
}

/** The same through a shell line, where `"$@"` is the Python call: `cd x && "$@"`. */
export function reportIn(user: TestUser, line: string, python: string, options: RunAs = {}): Report {
  return parseReport(runAs(user, ["sh", "-c", line, "sh", python, "-c", REPORT], options));
}

export interface Running {
  child: ChildProcess;
  /** What it wrote to stdout until now. */
  output: () => string;
  /** Waits until stdout holds the text. @throws after a deadline, or when the program ends before. */
  said: (expected: string) => Promise<void>;
  ended: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

const DEADLINE_MS = 60_000;

/** Starts a program as a user and does not wait for it. */
export function startAs(user: TestUser, argv: readonly [string, ...string[]], options: RunAs = {}): Running {
  const [file, ...args] = argv;
  const child = spawn(file, args, {
    cwd: options.cwd ?? user.home,
    env: { ...baseEnvironment(user), ...options.env } as NodeJS.ProcessEnv,
    ...(userInfo().uid === 0 ? { uid: user.uid, gid: user.gid } : {}),
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout.on("data", (data) => {
    stdout += data;
    tell();
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  let over = false;
  const ended = new Promise<Awaited<Running["ended"]>>((resolve) => {
    child.on("close", (exitCode, signal) => {
      over = true;
      tell();
      resolve({ exitCode, signal, stdout, stderr });
    });
  });
  const said = (expected: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        listeners.delete(look);
        clearTimeout(deadline);
        if (error) reject(error);
        else resolve();
      };
      const failed = (why: string) =>
        new Error(`${why} before it said ${JSON.stringify(expected)}: ${stdout}${stderr}`);
      const look = (): void => {
        if (stdout.includes(expected)) finish();
        else if (over) finish(failed("the program ended"));
      };
      const deadline = setTimeout(() => finish(failed("a minute passed")), DEADLINE_MS);
      listeners.add(look);
      look();
    });
  return { child, output: () => stdout, said, ended };
}
