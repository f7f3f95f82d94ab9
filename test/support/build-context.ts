/** A build's context for tests of one step: the real host, and what was reported. */
import type { BuildContext } from "../../src/build/context.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { hostFacts } from "../../src/host/facts.ts";
import type { BuildEvent } from "../../src/report/events.ts";

export function recordingContext(
  directory: string,
  environment: Record<string, string> = { PATH: process.env.PATH ?? "" },
): BuildContext & { events: BuildEvent[]; controller: AbortController } {
  const events: BuildEvent[] = [];
  const controller = new AbortController();
  const { config } = resolveConfig({ environment, home: directory, cwd: directory, flags: {} });
  const log = { path: "", write: () => undefined, close: async () => undefined };
  const report = (event: BuildEvent): void => void events.push(event);
  const facts = hostFacts(environment, directory);
  return { config, facts, log, report, signal: controller.signal, events, controller };
}
