import { interruption } from "./processes.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Works that run: one may be part of another. */
let running = 0;
const ENDINGS = SIGNALS.map(
  (name) => [name, () => process.exit(process.exitCode ?? interruption(name).code)] as const,
);

/**
 * Turns SIGINT, SIGTERM and SIGHUP into one abort while `work` runs. A second Ctrl-C does not cut the
 * clean-up short. After the outermost, all is done or taken back: a signal ends the process at once, with the exit code
 * that says which as soon as it has one.
 */
export async function withInterruption<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  if (running === 0) for (const [name, end] of ENDINGS) process.off(name, end);
  running += 1;
  const handlers = SIGNALS.map((name) => {
    const handler = (): void => controller.abort(interruption(name));
    process.on(name, handler);
    return [name, handler] as const;
  });
  try {
    return await work(controller.signal);
  } finally {
    running -= 1;
    if (running === 0) for (const [name, end] of ENDINGS) process.on(name, end);
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}
