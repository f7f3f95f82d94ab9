import { posix } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { shellQuote } from "./shell-data.ts";

/** A program that `-w` makes callable. */
export interface WrappedProgram {
  /** The item of `-w` that it comes from, absolute inside. */
  item: string;
  name: string;
  /** Its path inside. */
  path: string;
  /** Whether it begins with `#!`. */
  script: boolean;
}

/** What was found for the items of `-w`. */
export interface WrappedFound {
  programs: readonly WrappedProgram[];
  /** Items that are not there. */
  missing: readonly string[];
  /** Directories with nothing to call in them. */
  empty: readonly string[];
  /** Items that are files and cannot be executed. */
  notExecutable: readonly string[];
  /** Paths of links in directories that lead nowhere. */
  dangling: readonly string[];
}

/**
 * An item of `-w` as a path inside: relative ones begin at the mount.
 *
 * @throws {KapseliError} `badInput` for a relative item that leads out of the mount.
 */
export function wrapperItem(item: string, mount: string): string {
  if (item.startsWith("/")) return posix.normalize(item).replace(/(?<=.)\/$/, "");
  const path = posix.join(mount, item).replace(/(?<=.)\/$/, "");
  if (path === mount || path.startsWith(`${mount}/`)) return path;
  throw new KapseliError(ExitCode.badInput, `-w ${item} leads out of the environment`, {
    hint: "Give a path below the environment's root, or an absolute path inside the container.",
  });
}

/** Reads what templates/list-programs.sh printed. */
export function parseWrapped(printed: string): WrappedFound {
  const fields = printed.split("\0");
  const programs: WrappedProgram[] = [];
  const missing: string[] = [];
  const notExecutable: string[] = [];
  const dangling: string[] = [];
  const directories = new Set<string>();
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [item = "", name = "", path = "", kind] = fields.slice(at, at + 4);
    if (kind === "nothing") dangling.push(path);
    else if (kind === "file") notExecutable.push(item);
    else if (name !== "") programs.push({ item, name, path, script: kind === "script" });
    else if (path === "") missing.push(item);
    else directories.add(item);
  }
  const empty = [...directories].filter((item) => !programs.some((program) => program.item === item));
  return { programs, missing, empty, notExecutable, dangling };
}

/** How the names of an environment's bin and those of `-w` come together. */
export interface Commands {
  /** Every name that can be called, sorted. */
  names: readonly string[];
  /** Where a program is that is not ENVIRONMENT/bin/NAME. */
  targets: ReadonlyMap<string, string>;
  /** Names of `targets` that are scripts: they are run by their own path, beside which they look for their files. */
  scripts: ReadonlySet<string>;
  /** Names that several have; the last one counts. */
  collisions: readonly { name: string; path: string; before: string }[];
}

/** @param own names in the environment's own bin, `directory` */
export function joinCommands(
  own: readonly string[],
  directory: string,
  programs: readonly WrappedProgram[],
): Commands {
  const paths = new Map(own.map((name) => [name, posix.join(directory, name)]));
  const targets = new Map<string, string>();
  const collisions: { name: string; path: string; before: string }[] = [];
  const scripts = new Set<string>();
  for (const { name, path, script } of programs) {
    const before = paths.get(name);
    if (before === path) continue;
    if (before !== undefined) collisions.push({ name, path, before });
    paths.set(name, path);
    targets.set(name, path);
    if (script) scripts.add(name);
    else scripts.delete(name);
  }
  return { names: [...paths.keys()].sort(), targets, scripts, collisions };
}

/** Names that no launcher can have. */
export function isCallable(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return !/[\x00-\x1f\x7f]/.test(name) && !name.includes("\ufffd") && name !== "." && name !== "..";
}

/** What stands in a bin for a script elsewhere: a link would make it look for its files in the wrong place. */
export function scriptStandIn(target: string): string {
  return `#!/bin/sh\nexec ${shellQuote(target)} "$@"\n`;
}
