import { interruption } from "./processes.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Turns SIGINT, SIGTERM and SIGHUP into one abort while `work` runs. A second Ctrl-C does not cut the
 * clean-up short. Afterwards the work is done or taken back: a signal ends the process at once, with the exit code that
 * says which as soon as it has one.
 */
export async function withInterruption<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const handlers = SIGNALS.map((name) => {
    const handler = (): void => controller.abort(interruption(name));
    process.on(name, handler);
    return [name, handler] as const;
  });
  try {
    return await work(controller.signal);
  } finally {
    for (const [name, handler] of handlers) {
      process.on(name, () => process.exit(process.exitCode ?? interruption(name).code));
      process.off(name, handler);
    }
  }
}
