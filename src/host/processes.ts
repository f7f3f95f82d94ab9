import { constants } from "node:os";
import { ExitCode, KapseliError } from "../errors.ts";

/** One outside program to run. Never a shell line: `argv` goes to execve as it is. */
export interface Command {
  argv: readonly [string, ...string[]];
  /** The whole environment of the program; nothing is inherited besides it. */
  env: Readonly<Record<string, string>>;
  cwd?: string;
  /** Bytes for its standard input; without it, standard input is /dev/null. */
  input?: string;
}

export interface RunOptions {
  /** Aborting ends the program's whole process group: TERM, and KILL after `KILL_AFTER_MS`. */
  signal?: AbortSignal;
  /** Called for each line of stdout and stderr, without its line end. */
  onLine?: (line: string, stream: "stdout" | "stderr") => void;
  timeoutMs?: number;
  /** How long a program may take to clean up after TERM, before KILL. Default: three seconds. */
  killAfterMs?: number;
}

export interface Finished {
  /** The exit code; 128+N when signal N ended it; 127 when it could not be started. */
  exitCode: number;
  signal?: string;
  /** At most the last `TAIL_BYTES` of each stream, as UTF-8. */
  stdout: string;
  stderr: string;
  /** Why it could not be started at all (ENOENT, EACCES, E2BIG …). */
  startError?: string;
  timedOut: boolean;
  seconds: number;
}

export const KILL_AFTER_MS = 3_000;
const TAIL_BYTES = 4 * 1024 * 1024;

/** Keeps the end of a stream and cuts it into lines. */
class Tail {
  private chunks: Buffer[] = [];
  private size = 0;
  private rest = "";
  private readonly decoder = new TextDecoder();

  constructor(private readonly onLine?: (line: string) => void) {}

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.size > TAIL_BYTES && this.chunks.length > 1) this.size -= this.chunks.shift()?.length ?? 0;
    if (!this.onLine) return;
    this.rest += this.decoder.decode(chunk, { stream: true });
    const lines = this.rest.split(/\r?\n|\r/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.onLine(line);
  }

  end(): string {
    if (this.rest !== "") this.onLine?.(this.rest);
    this.rest = "";
    return Buffer.concat(this.chunks).toString("utf8");
  }
}

/** Sends a signal to a process group; a group that is gone already is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Runs one program in a process group of its own and waits for it. A failing program is a result, not an
 * exception.
 *
 * @throws {KapseliError} never for the program's own failure; the abort reason when `signal` was aborted.
 */
export async function run(command: Command, options: RunOptions = {}): Promise<Finished> {
  // Not every start of the tool runs a program.
  const { execa } = await import("execa");
  options.signal?.throwIfAborted();
  const started = performance.now();
  const [file, ...args] = command.argv;
  const stdout = new Tail(options.onLine && ((line) => options.onLine?.(line, "stdout")));
  const stderr = new Tail(options.onLine && ((line) => options.onLine?.(line, "stderr")));

  const child = execa(file, args, {
    env: command.env,
    extendEnv: false,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    ...(command.input === undefined ? { stdin: "ignore" } : { input: command.input }),
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
    stripFinalNewline: false,
  });
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));

  const pid = child.pid;
  let timedOut = false;
  let killer: NodeJS.Timeout | undefined;
  const end = (): void => {
    if (pid === undefined || killer) return;
    signalGroup(pid, "SIGTERM");
    killer = setTimeout(() => signalGroup(pid, "SIGKILL"), options.killAfterMs ?? KILL_AFTER_MS);
  };
  options.signal?.addEventListener("abort", end, { once: true });
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          end();
        }, options.timeoutMs);

  const result = await child;
  clearTimeout(timer);
  clearTimeout(killer);
  options.signal?.removeEventListener("abort", end);
  // The leader may be gone while others of its group are still writing.
  if (pid !== undefined && (options.signal?.aborted || timedOut)) signalGroup(pid, "SIGKILL");
  options.signal?.throwIfAborted();

  const exitCode =
    result.exitCode ??
    (result.signal ? 128 + (constants.signals[result.signal as NodeJS.Signals] ?? 0) : 127);
  return {
    exitCode,
    ...(result.signal ? { signal: result.signal } : {}),
    ...(pid === undefined ? { startError: result.code ?? "it could not be started" } : {}),
    stdout: stdout.end(),
    stderr: stderr.end(),
    timedOut,
    seconds: (performance.now() - started) / 1000,
  };
}

/** The reason an AbortSignal carries when a signal to our own process ended the work. */
export function interruption(signal: "SIGINT" | "SIGTERM" | "SIGHUP"): KapseliError {
  const codes = { SIGINT: ExitCode.interrupted, SIGTERM: ExitCode.terminated, SIGHUP: ExitCode.hangup };
  return new KapseliError(codes[signal], `Interrupted by ${signal}`, {
    hint: "Nothing was changed; the same command starts afresh.",
  });
}
