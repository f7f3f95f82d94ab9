import type { BuildEvent, Report } from "./events.ts";

export interface LineSinks {
  out: (text: string) => void;
  err: (text: string) => void;
}

/** 0 errors only, 1 warnings, 2 milestones, 3 everything (CW_LOG_LEVEL). */
export type LogLevel = 0 | 1 | 2 | 3;

function stamp(level: LogLevel): string {
  return level >= 3 ? `${new Date().toTimeString().slice(0, 8)} ` : "";
}

function tagged(tag: string, level: LogLevel, text: string): string {
  return `[ ${stamp(level)}${tag} ] ${text}\n`;
}

export function durationText(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Steps that run the user's own scripts: what those print is for the user. */
const SCRIPT_STEPS: readonly string[] = ["pre-install", "post-install"];

/** Whether an event is a line that a user's script printed. */
function scriptOutput(): (event: BuildEvent) => boolean {
  let inScript = false;
  return (event) => {
    if (event.event === "step-started") inScript = SCRIPT_STEPS.includes(event.step);
    return inScript && event.event === "output";
  };
}

/** One event as a plain line, or nothing at this level. Warnings go to stderr, all else to stdout. */
function lineFor(
  event: BuildEvent,
  level: LogLevel,
  own = false,
): { text: string; error: boolean } | undefined {
  switch (event.event) {
    case "milestone":
      return level >= 2 ? { text: tagged("INFO", level, event.message), error: false } : undefined;
    case "step-started":
      return level >= 2 ? { text: tagged("INFO", level, event.title), error: false } : undefined;
    case "step-finished": {
      if (level < 2) return undefined;
      const detail = event.detail ? `, ${event.detail}` : "";
      return { text: `         ${durationText(event.seconds)}${detail}\n`, error: false };
    }
    case "warning": {
      if (level < 1) return undefined;
      return {
        text: tagged("WARNING", level, `${event.message}${event.hint ? ` ${event.hint}` : ""}`),
        error: true,
      };
    }
    case "debug":
      return level >= 3 ? { text: tagged("DEBUG", level, event.message), error: false } : undefined;
    case "command":
      return level >= 3
        ? { text: tagged("DEBUG", level, `$ ${event.argv.join(" ")}`), error: false }
        : undefined;
    case "output":
      return level >= (own ? 2 : 3) ? { text: `         ${event.line}\n`, error: false } : undefined;
    case "step-progress":
      return undefined;
  }
}

/** Milliseconds of silence in a log after which a line says how far the step is. */
const SILENCE_MS = 30_000;

/** How far a step is, as a line; undefined while there is nothing to say, and right after another line. */
function progressLines(level: LogLevel): (event: BuildEvent, printed: boolean) => string | undefined {
  let started = performance.now();
  let last = started;
  return (event, printed) => {
    const now = performance.now();
    if (event.event === "step-started") started = now;
    if (printed) last = now;
    if (event.event !== "step-progress" || level < 2 || now - last < SILENCE_MS) return undefined;
    last = now;
    const { fraction, detail } = event;
    const share = fraction === undefined ? [] : [`${Math.round(fraction * 100)} %`];
    const so = `${durationText((now - started) / 1000)} so far`;
    return `         ${[...share, ...(detail ? [detail] : []), so].join(", ")}\n`;
  };
}

/**
 * Plain lines, for logs and pipes. A warning appears on stdout too, because people grep it there.
 *
 * @param together stdout and stderr go to the same place, where once is enough
 */
export function plainReport(sinks: LineSinks, level: LogLevel, together = false): Report {
  const isOwn = scriptOutput();
  const progress = progressLines(level);
  return (event) => {
    const line = lineFor(event, level, isOwn(event));
    const far = progress(event, line !== undefined);
    if (far !== undefined) sinks.out(far);
    if (!line) return;
    if (line.error) sinks.err(line.text);
    if (!line.error || !together) sinks.out(line.text);
  };
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const REDRAW_MS = 120;
const CLEAR = "\r\x1b[2K";

/**
 * Lines for a terminal: below them one live line with the step, its elapsed time and, where the outside program
 * tells it, how far it is.
 *
 * @param columns the terminal's width now
 * @returns the report, and an end that removes the live line.
 */
export function terminalReport(
  sinks: LineSinks,
  level: LogLevel,
  columns: () => number,
): { report: Report; end: () => void } {
  let live: { title: string; count: string; started: number; detail: string } | undefined;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const isOwn = scriptOutput();

  const draw = (): void => {
    if (!live) return;
    frame = (frame + 1) % FRAMES.length;
    const elapsed = durationText((performance.now() - live.started) / 1000);
    const text = `${FRAMES[frame]} ${live.count}${live.title}  ${elapsed}  ${live.detail}`;
    sinks.out(CLEAR + [...text].slice(0, columns() - 1).join(""));
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    if (live) sinks.out(CLEAR);
    live = undefined;
  };
  const report: Report = (event) => {
    const own = isOwn(event);
    if (event.event === "step-started" && level >= 2) {
      stop();
      const count = event.of > 0 ? `${event.index}/${event.of} ` : "";
      live = { title: event.title, count, started: performance.now(), detail: "" };
      timer = setInterval(draw, REDRAW_MS);
      timer.unref();
      draw();
      return;
    }
    if (event.event === "step-progress") {
      if (live) {
        const percent = event.fraction === undefined ? "" : `${Math.round(event.fraction * 100)} %  `;
        live.detail = `${percent}${event.detail ?? ""}`;
      }
      return;
    }
    if (event.event === "step-finished" && live) {
      const { title } = live;
      stop();
      const detail = event.detail ? `, ${event.detail}` : "";
      sinks.out(tagged("INFO", level, `${title} (${durationText(event.seconds)}${detail})`));
      return;
    }
    const line = lineFor(event, level, own);
    if (!line) return;
    if (live) sinks.out(CLEAR);
    (line.error ? sinks.err : sinks.out)(line.text);
    draw();
  };
  return { report, end: stop };
}

/** One JSON object a line; programs' output is in the log only. */
export function jsonReport(out: (text: string) => void): Report {
  return (event) => {
    if (event.event !== "output") out(`${JSON.stringify(event)}\n`);
  };
}
