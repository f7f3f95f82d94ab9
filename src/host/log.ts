import { createWriteStream, type WriteStream } from "node:fs";
import { copyFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BuildEvent } from "../report/events.ts";
import { makeDirectories } from "./files.ts";

/** How many logs of failed builds are kept. */
const KEPT = 10;

/** The log of one build: everything that happened, in order, with times. */
export interface BuildLog {
  path: string;
  write(event: BuildEvent): void;
  close(): Promise<void>;
}

/** One event as lines of the log; undefined for what would only be noise there. */
function lineOf(event: BuildEvent): string | undefined {
  switch (event.event) {
    case "step-started":
      return `== ${event.title}`;
    case "step-finished":
      return `== ${event.step}: ${event.seconds.toFixed(2)} s${event.detail ? ` (${event.detail})` : ""}`;
    case "command":
      return `$ ${event.argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" ")}`;
    case "output":
      return `  ${event.line}`;
    case "warning":
      return `[ WARNING ] ${event.message}${event.hint ? ` ${event.hint}` : ""}`;
    case "milestone":
      return `[ INFO ] ${event.message}`;
    case "debug":
      return `[ DEBUG ] ${event.message}`;
    case "step-progress":
      return undefined;
  }
}

/** Opens a log file, readable by its owner alone until it is published. */
export function openLog(path: string): BuildLog {
  const stream: WriteStream = createWriteStream(path, { mode: 0o600, flags: "a" });
  // A full disk must not end the build at the log; the steps that need the space say so.
  stream.on("error", () => undefined);
  return {
    path,
    write(event) {
      const line = lineOf(event);
      if (line !== undefined) stream.write(`${new Date().toISOString().slice(11, 23)} ${line}\n`);
    },
    close: () => new Promise((done) => stream.end(() => done())),
  };
}

/** Where logs of failed builds go: the XDG state directory. */
export function failedLogsDirectory(environment: Readonly<Record<string, string>>, home: string): string {
  const state = environment.XDG_STATE_HOME || join(home, ".local", "state");
  return join(state, "kapseli", "logs");
}

/**
 * Keeps the log of a failed build, as one of the ten newest.
 *
 * @returns where it is now, or undefined when it could not be kept (no room, no home).
 */
export async function keepFailedLog(
  log: string,
  environment: Readonly<Record<string, string>>,
  home: string,
  now: Date,
): Promise<string | undefined> {
  const directory = failedLogsDirectory(environment, home);
  const kept = join(directory, `${now.toISOString().replaceAll(":", "-").slice(0, 19)}-${process.pid}.log`);
  try {
    await makeDirectories(directory, 0o700);
    await copyFile(log, kept);
    const names = (await readdir(directory)).filter((name) => name.endsWith(".log")).sort();
    for (const name of names.slice(0, -KEPT)) await rm(join(directory, name), { force: true });
    await stat(kept);
    return kept;
  } catch {
    return undefined;
  }
}
