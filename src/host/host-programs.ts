import { closeSync, openSync, readSync } from "node:fs";
import { isStub } from "../prefix/launcher.ts";
import { findPrograms } from "./facts.ts";

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
  return findPrograms(name, path).filter((one) => !isLauncher(one));
}
