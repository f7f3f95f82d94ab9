import { type ChildProcessByStdio, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { parseEnvironment } from "../prefix/activation.ts";

/** A program that goes on when this one has ended: in a session of its own, without a terminal. */
export interface HeldProcess {
  /** The first line that it wrote. */
  line: string;
  /** Tells it `go`, and lets it alone. */
  release: () => void;
  /** Lets it end: its standard input ends. */
  end: () => void;
}

/**
 * Starts a program and waits for its first line.
 *
 * @param messages the file for its standard error
 * @returns undefined when it ended, or `timeoutMs` passed, before it wrote one.
 */
export function startHeld(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  messages: string,
  timeoutMs: number,
): Promise<HeldProcess | undefined> {
  const [file, ...args] = argv;
  const errors = openSync(messages, "a", 0o600);
  const child = spawn(file, args, { cwd: "/", env, detached: true, stdio: ["pipe", "pipe", errors] });
  closeSync(errors);
  const { stdin, stdout } = child as ChildProcessByStdio<Writable, Readable, null>;
  // It may have ended; its going says so.
  stdin.on("error", () => undefined);
  const end = (): void => {
    stdin.end();
    stdout.destroy();
    child.unref();
  };
  const release = (): void => {
    stdin.write("go\n");
    end();
  };
  return new Promise((resolve) => {
    let said = "";
    const finish = (result: HeldProcess | undefined): void => {
      clearTimeout(timer);
      if (!result) end();
      resolve(result);
    };
    const timer = setTimeout(() => finish(undefined), timeoutMs);
    child.on("error", () => finish(undefined));
    child.on("exit", () => finish(undefined));
    stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString("latin1");
      const newline = said.indexOf("\n");
      if (newline >= 0) finish({ line: said.slice(0, newline), release, end });
    });
  });
}

/** The environment that a process of this user's began with (man 5 proc). @throws when it may not be read. */
export function environmentOf(pid: number): Map<string, string> {
  return parseEnvironment(readFileSync(`/proc/${pid}/environ`, "utf8"));
}

/**
 * The kinds of namespace (man 7 namespaces) in which a process is in another one than this process.
 *
 * @returns undefined when that process is gone, or another user's.
 */
export function otherNamespaces(pid: number): string[] | undefined {
  try {
    return readdirSync("/proc/self/ns").filter(
      (kind) => readlinkSync(`/proc/${pid}/ns/${kind}`) !== readlinkSync(`/proc/self/ns/${kind}`),
    );
  } catch {
    return undefined;
  }
}
