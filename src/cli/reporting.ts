import { sameOutput } from "../host/outputs.ts";
import type { Report } from "../report/events.ts";
import { jsonReport, type LineSinks, type LogLevel, plainReport, terminalReport } from "../report/lines.ts";
import type { BuildOptions } from "./build-command.ts";

/**
 * How much is said: --debug, else what is configured.
 *
 * @param configured `log_level`, which CW_LOG_LEVEL goes before
 */
export function logLevel(configured: number, debug: boolean): LogLevel {
  return (debug ? 3 : Math.min(3, Math.max(0, configured))) as LogLevel;
}

/** Where events go: JSON lines, a terminal, or plain lines. `end` takes a live line away. */
export function chooseReport(options: BuildOptions, level: LogLevel): { report: Report; end: () => void } {
  const sinks: LineSinks = {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  };
  if (options.json) return { report: jsonReport(sinks.out), end: () => undefined };
  if (process.stdout.isTTY && level < 3)
    return terminalReport(sinks, level, () => process.stdout.columns || 80);
  return { report: plainReport(sinks, level, sameOutput()), end: () => undefined };
}
