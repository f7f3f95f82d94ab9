/** Shorthands of the compatibility tests: the tools as a user types them, in a place whose directories are known. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Place, put } from "./builds.ts";
import { type Ran, type RunAs, runAs } from "./real.ts";

/** A command line: as a user types it where no word of it needs quoting, else its words. */
export type Line = string | readonly [string, ...string[]];

function words(line: Line): [string, ...string[]] {
  const [program = "", ...rest] = typeof line === "string" ? line.split(" ") : line;
  return [program, ...rest];
}

/** Both streams of a command. */
export function output(ran: Ran): string {
  return `${ran.stdout}\n${ran.stderr}`;
}

/** Runs a command line of one of the tools, or any other program, in the place's directory as its user. */
export function type(place: Place, line: Line, options: RunAs = {}): Ran {
  return runAs(place.user, words(line), {
    cwd: place.directory,
    ...options,
    env: { ...place.environment, ...options.env },
  });
}

/** As `type`; fails with the command's own words when it does not end with 0. */
export function typeWell(place: Place, line: Line, options: RunAs = {}): Ran {
  const ran = type(place, line, options);
  expect(
    ran.exitCode,
    `${words(line).join(" ")}\n${ran.stdout.slice(-2000)}\n${ran.stderr.slice(-3000)}`,
  ).toBe(0);
  return ran;
}

/** What a command that has to succeed prints, without the end of its last line. */
export function says(place: Place, line: Line, options: RunAs = {}): string {
  return typeWell(place, line, options).stdout.trimEnd();
}

/** What Python code prints, run by PYTHON (a path). */
export function python(place: Place, interpreter: string, code: string, options: RunAs = {}): string {
  return says(place, [interpreter, "-c", code], options);
}

/** A site file with these lines below `defaults`. @returns the environment that names it. */
export function siteFile(
  place: Place,
  defaults: Record<string, unknown>,
  more: Record<string, Record<string, unknown>> = {},
): { CW_GLOBAL_YAML: string } {
  const name = `site-${sites++}.yaml`;
  // JSON is YAML.
  return { CW_GLOBAL_YAML: put(place, name, `${JSON.stringify({ defaults, ...more }, null, 1)}\n`) };
}
let sites = 0;

/** A hook or `--environ` script in the place's directory. @returns its name there. */
export function script(place: Place, name: string, ...lines: string[]): string {
  put(place, name, `${lines.join("\n")}\n`);
  return name;
}

/** The refusal appears on stderr with all its words, and its first line among the milestones as `[ ERROR ] …`. */
export function expectError(ran: Ran, exitCode: number, ...words: (string | RegExp)[]): void {
  expect(ran.exitCode, output(ran).slice(-3000)).toBe(exitCode);
  for (const text of words) expect(ran.stderr).toMatch(text);
  expect(ran.stdout).toMatch(/^\[ ERROR \] /m);
}

/** The manifest of a prefix. */
export function manifestOf(prefix: string) {
  return JSON.parse(readFileSync(join(prefix, "current", "manifest.json"), "utf8"));
}

/** The same file, whatever it is called. */
export function sameFile(one: string, other: string): boolean {
  const [a, b] = [statSync(one), statSync(other)];
  return a.dev === b.dev && a.ino === b.ino;
}
