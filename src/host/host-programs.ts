import { closeSync, openSync, readSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { isStub } from "../prefix/launcher.ts";
import { findPrograms } from "./facts.ts";

/** The tool's own executables, beside the bundle's directory: what a host is asked for is none of them. */
const OWN = fileURLToPath(new URL("../bin", import.meta.url));

/** More than what a stub begins with. */
const BEGINNING_BYTES = 1024;

function isLauncher(path: string): boolean {
  try {
    const file = openSync(path, "r");
    try {
      const beginning = Buffer.alloc(BEGINNING_BYTES);
      return isStub(beginning.toString("latin1", 0, readSync(file, beginning)));
    } finally {
      closeSync(file);
    }
  } catch {
    // A shell could not read it either.
    return false;
  }
}

/**
 * The host's own programs of a name, in the order of a PATH. Launchers of ours are passed over: an environment that is
 * active may well have `nsenter`, `mksquashfs` or `python3`, which would start a container.
 */
export function findHostPrograms(name: string, path: string | undefined): string[] {
  const directories = (path ?? "").split(delimiter).filter((one) => one !== OWN);
  return findPrograms(name, directories.join(delimiter)).filter((one) => !isLauncher(one));
}

/** The first of the host's own programs that has one of these names; an earlier name goes before an earlier directory. */
export function findHostProgram(names: readonly string[], path: string | undefined): string | undefined {
  for (const name of names) {
    const [found] = findHostPrograms(name, path);
    if (found !== undefined) return found;
  }
  return undefined;
}
