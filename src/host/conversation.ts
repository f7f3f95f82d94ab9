import { constants } from "node:os";
import { execa } from "execa";
import { type Command, KILL_AFTER_MS, signalGroup } from "./processes.ts";

export interface ConversationOptions {
  /** Aborting ends the program's whole process group: TERM, and KILL three seconds later. */
  signal: AbortSignal;
  /** The text, without spaces, by which the program's answers are known among what it prints. */
  mark: string;
  /** Each line of stdout and stderr, without its line end; unfinished ones before an answer and at the end, too. */
  onLine(line: string): void;
  /** What stands behind the mark on a line of stdout. */
  onAnswer(answer: string): void;
}

/** How a conversation ended. */
export interface Ended {
  /** The exit code; 128+N when signal N ended it; 127 when it could not be started. */
  exitCode: number;
  /** Why it could not be started at all (ENOENT, EACCES …). */
  startError?: string;
}

/** A running program that is told what to do over its standard input. */
export interface Conversation {
  /** Sends one line; lines to a program that has ended are dropped. */
  say(line: string): void;
  /** Closes its standard input. */
  end(): void;
  /** Ends its process group at once. */
  kill(): void;
  /** Undefined when it could not be started. */
  pid: number | undefined;
  /** Never rejects. */
  ended: Promise<Ended>;
}

/** After a program has ended, what it left behind may hold its streams open for this long. */
const LINGER_MS = 1_000;

/**
 * Cuts text that comes in pieces into lines and answers. An answer is ASCII 30, the mark, a space, its text and a line
 * feed; it may begin in the middle of a line, which then ends there. Pure but for what it keeps.
 */
export class MarkedLines {
  private rest = "";
  private readonly start: string;

  constructor(
    mark: string,
    private readonly onLine: (line: string) => void,
    private readonly onAnswer: (answer: string) => void,
  ) {
    this.start = `\x1e${mark} `;
  }

  push(text: string): void {
    this.rest += text;
    for (let at = this.rest.indexOf(this.start); at >= 0; at = this.rest.indexOf(this.start)) {
      const end = this.rest.indexOf("\n", at);
      if (end < 0) return;
      const [before, answer] = [this.rest.slice(0, at), this.rest.slice(at + this.start.length, end)];
      this.rest = this.rest.slice(end + 1);
      this.lines(before, true);
      this.onAnswer(answer);
    }
    const kept = this.rest;
    this.rest = "";
    this.lines(kept, false);
  }

  end(): void {
    const kept = this.rest;
    this.rest = "";
    this.lines(kept, true);
  }

  private lines(text: string, whole: boolean): void {
    const lines = text.split(/\r?\n|\r/);
    const last = lines.pop() ?? "";
    for (const line of lines) this.onLine(line);
    if (!whole) this.rest = last;
    else if (last !== "") this.onLine(last);
  }
}

/** Starts a program in a process group of its own and keeps its standard input open. */
export function converse(command: Command, options: ConversationOptions): Conversation {
  const [file, ...args] = command.argv;
  const child = execa(file, args, {
    env: command.env,
    extendEnv: false,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    stdin: "pipe",
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
  });
  const stdout = new MarkedLines(options.mark, options.onLine, options.onAnswer);
  const stderr = new MarkedLines(options.mark, options.onLine, () => undefined);
  for (const [stream, lines] of [
    [child.stdout, stdout],
    [child.stderr, stderr],
  ] as const) {
    const decoder = new TextDecoder();
    stream.on("data", (chunk: Buffer) => lines.push(decoder.decode(chunk, { stream: true })));
  }
  // It may end while it is spoken to.
  child.stdin.on("error", () => undefined);

  const { pid } = child;
  const timers: NodeJS.Timeout[] = [];
  const kill = (): void => {
    if (pid !== undefined) signalGroup(pid, "SIGKILL");
  };
  const abort = (): void => {
    if (pid === undefined) return;
    signalGroup(pid, "SIGTERM");
    timers.push(setTimeout(kill, KILL_AFTER_MS));
  };
  if (options.signal.aborted) abort();
  options.signal.addEventListener("abort", abort, { once: true });
  child.once("exit", () => {
    timers.push(setTimeout(kill, LINGER_MS));
    timers.push(
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 2 * LINGER_MS),
    );
  });
  const ended = child.then((result): Ended => {
    for (const timer of timers) clearTimeout(timer);
    options.signal.removeEventListener("abort", abort);
    if (options.signal.aborted) kill();
    stdout.end();
    stderr.end();
    const code =
      result.exitCode ??
      (result.signal ? 128 + (constants.signals[result.signal as NodeJS.Signals] ?? 0) : 127);
    return {
      exitCode: code,
      ...(pid === undefined ? { startError: result.code ?? "it could not be started" } : {}),
    };
  });
  return {
    say: (line) => void child.stdin.write(`${line}\n`),
    end: () => void child.stdin.end(),
    kill,
    pid,
    ended,
  };
}
