import { sameOutput } from "../host/outputs.ts";
import type { Report } from "../report/events.ts";
import { jsonReport, type LineSinks, type LogLevel, plainReport, terminalReport } from "../report/lines.ts";
import type { BuildOptions } from "./build-command.ts";

/** How much is said: --debug, else CW_LOG_LEVEL, else milestones. */
export function logLevel(environment: Record<string, string>, debug: boolean): LogLevel {
  if (debug) return 3;
  const given = Number.parseInt(environment.CW_LOG_LEVEL ?? "2", 10);
  return (Number.isNaN(given) ? 2 : Math.min(3, Math.max(0, given))) as LogLevel;
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
