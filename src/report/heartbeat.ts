import type { BuildEvent, Report } from "./events.ts";

/** Milliseconds after which something is said again while a step runs. */
export const BEAT_MS = 10_000;

/**
 * Bounds the silence: while a step runs and says nothing, what it said last of its progress is said again. A reader of
 * `--json`, or of a job's log, sees by that that the build is alive.
 *
 * @param report where everything goes
 * @returns the report to use, and an end of the repeating.
 */
export function withHeartbeat(report: Report): { report: Report; end: () => void } {
  let progress: Extract<BuildEvent, { event: "step-progress" }> | undefined;
  const timer = setInterval(() => {
    if (progress) report(progress);
  }, BEAT_MS);
  timer.unref();
  return {
    report: (event) => {
      if (event.event === "step-started") progress = { event: "step-progress", step: event.step };
      if (event.event === "step-progress") progress = event;
      if (event.event === "step-finished") progress = undefined;
      // Programs' output is shown at the highest level only.
      if (event.event !== "output") timer.refresh();
      report(event);
    },
    end: () => clearInterval(timer),
  };
}

/** Waiting that is not worth a word. */
const SHORT_MS = 1_000;

/** Waits for something that is usually short; says what it is where it is not. */
export async function saidWhenSlow<T>(report: Report, message: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => report({ event: "milestone", message }), SHORT_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
