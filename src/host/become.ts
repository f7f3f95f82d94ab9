import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { openFilesLimit } from "./proc-stat.ts";

/** Handed on to the program while we wait for it. */
const PASSED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"] as const;

/** What a terminal sends to its whole foreground group at once, the program included. */
const FROM_TERMINAL: readonly string[] = ["SIGINT", "SIGQUIT"];

/** Whether this process is in the foreground of a terminal (man 5 proc, /proc/PID/stat fields 5 and 8). */
function inForeground(): boolean {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[2] === fields[5];
}

/**
 * A program's words with the limit of open files that it would have without us: Node raises the soft one at its start
 * (src/node.cc, PlatformInit) and keeps nowhere what it was, so our parent's is taken. A shell that changed its limit and
 * then became us is the case in which that is another one.
 */
function withParentsLimit(argv: readonly [string, ...string[]]): readonly [string, ...string[]] {
  const files = openFilesLimit(process.ppid);
  if (files === undefined || files === openFilesLimit(process.pid)) return argv;
  return ["/bin/sh", "-c", 'ulimit -S -n "$0" 2>/dev/null; exec "$@"', files, ...argv];
}

type Execve = (file: string, args: readonly string[], env: Readonly<Record<string, string>>) => never;

/**
 * Becomes another program, with this process's standard streams, terminal and working directory: by execve where Node
 * has it (22.15 and later), else by starting it, handing signals on, and waiting.
 *
 * The program has our parent's limit of open files. Node ignores SIGPIPE, which execve hands on; the runtimes, written
 * in Go, give their programs the default back.
 *
 * @param options `asChild`: always start it and wait, for programs that are to have SIGPIPE's default.
 * @returns the program's exit code, 128+N when signal N ended it; by execve it does not return.
 * @throws the system's error when the program cannot be started.
 */
export function become(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  { asChild = false }: { asChild?: boolean } = {},
): Promise<number> {
  const words = withParentsLimit(argv);
  const [file, ...args] = words;
  const { execve } = process as { execve?: Execve };
  if (execve && !asChild) execve.call(process, file, words, env);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: "inherit" });
    for (const signal of PASSED) {
      process.on(signal, () => {
        if (!FROM_TERMINAL.includes(signal) || !inForeground()) child.kill(signal);
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/** Whether the words of this process's command line are valid UTF-8; Node shows other bytes as U+FFFD. */
export function argumentsAreUtf8(): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(readFileSync("/proc/self/cmdline"));
    return true;
  } catch {
    return false;
  }
}
