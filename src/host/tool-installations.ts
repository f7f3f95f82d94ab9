import { accessSync, constants } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Directories on a PATH that belong to installations of this kind of tool: beside them lie `bin`, `_bin` and `common.sh`
 * (tykky-surface.md §2.4). Our own need no care: a Python that is a launcher is never built upon.
 */
export function toolInstallationsOnPath(path: string | undefined): string[] {
  const directories = (path ?? "").split(delimiter).filter((directory) => isAbsolute(directory));
  return [...new Set(directories)].filter((directory) => {
    const parent = dirname(directory);
    const has = (name: string): boolean => isThere(join(parent, name));
    return has("bin") && has("_bin") && has("common.sh");
  });
}

/** Directories on a PATH with a `python3` that is a launcher of ours, before any other python3. */
export function launchersFirstOnPath(path: string | undefined): string[] {
  const directories = (path ?? "").split(delimiter).filter((directory) => isAbsolute(directory));
  const withPython = directories.filter((directory) => isThere(join(directory, "python3")));
  const other = withPython.findIndex(
    (directory) => !isThere(join(directory, "..", "current", "launcher.sh")),
  );
  return other === -1 ? withPython : withPython.slice(0, other);
}
