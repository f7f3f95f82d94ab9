import type { Config } from "../config/keys.ts";
import type { HostFacts } from "../host/facts.ts";
import type { BuildLog } from "../host/log.ts";
import { type Finished, type RunOptions, run } from "../host/processes.ts";
import type { Report } from "../report/events.ts";
import { redactSecrets } from "../tools/redact.ts";

/** What every part of a build has at hand. */
export interface BuildContext {
  config: Config;
  facts: HostFacts;
  log: BuildLog;
  report: Report;
  signal: AbortSignal;
}

/**
 * Runs one program of the build: its words and every line it prints go to the log, without secrets.
 *
 * @returns its result and its last lines, stdout and stderr as they came.
 */
export async function runLogged(
  context: Pick<BuildContext, "report" | "signal">,
  command: { argv: readonly [string, ...string[]]; env: Readonly<Record<string, string>>; cwd?: string },
  options: Pick<RunOptions, "timeoutMs" | "killAfterMs"> & {
    onLine?: (line: string) => void;
    quiet?: boolean;
    /** What of a line is for people; undefined: nothing. The lines returned are as they came. */
    shown?: (line: string) => string | undefined;
  } = {},
): Promise<Finished & { lines: string[] }> {
  const lines: string[] = [];
  context.report({ event: "command", argv: command.argv.map((word) => redactSecrets(word)) });
  const finished = await run(command, {
    signal: context.signal,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.killAfterMs === undefined ? {} : { killAfterMs: options.killAfterMs }),
    onLine: (line) => {
      options.onLine?.(line);
      if (options.quiet) return;
      const shown = redactSecrets(line);
      lines.push(shown);
      if (lines.length > 2_000) lines.shift();
      const said = options.shown ? options.shown(shown) : shown;
      if (said !== undefined) context.report({ event: "output", line: said });
    },
  });
  if (finished.startError) context.report({ event: "output", line: `not started: ${finished.startError}` });
  context.report({
    event: "debug",
    message: `${command.argv[0]} ended with ${finished.exitCode} after ${finished.seconds.toFixed(2)} s`,
  });
  return { ...finished, lines };
}
