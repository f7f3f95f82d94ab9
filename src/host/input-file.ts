import { readFileSync, statSync } from "node:fs";
import { lstat, readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ExitCode, KapseliError } from "../errors.ts";
import type { ReadContext } from "../inputs/read-context.ts";
import { hasCode } from "./files.ts";

/** An included file larger than this is not a requirements file. */
const LARGEST_INCLUDE = 8 * 1024 * 1024;

/**
 * Reads an input file once; a pipe (`<(…)`) works.
 *
 * @throws {KapseliError} `badInput` when it is missing, a directory, or cannot be read.
 */
export async function readInputFile(
  path: string,
  what: string,
): Promise<{ bytes: Uint8Array; regular: boolean }> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) {
      throw new KapseliError(ExitCode.badInput, `${what} ${path} is a directory`, {
        hint: "Name the file in it.",
      });
    }
    return { bytes: await readFile(path), regular: info.isFile() };
  } catch (error) {
    if (error instanceof KapseliError) throw error;
    const reason = hasCode(error, "ENOENT", "ENOTDIR")
      ? "does not exist"
      : hasCode(error, "EACCES")
        ? "cannot be read: no permission"
        : `cannot be read: ${(error as Error).message}`;
    throw new KapseliError(ExitCode.badInput, `${what} ${path} ${reason}`, {
      hint: "Check the path.",
      cause: error,
    });
  }
}

/** A site file larger than this is none. */
const LARGEST_SITE_FILE = 4 * 1024 * 1024;

/** This module is one file in dist/, or in src/host/ where it runs from its source. */
const INSTALLATION = import.meta.url.endsWith("/src/host/input-file.ts") ? "../../" : "../";

/**
 * Where a site file is looked for without CW_GLOBAL_YAML: etc/site.yaml of this installation, a link that an
 * administrator makes to one of etc/sites/, then the host's own.
 */
const SITE_FILES = [
  fileURLToPath(new URL(`${INSTALLATION}etc/site.yaml`, import.meta.url)),
  "/etc/kapseli/config.yaml",
];

/**
 * Reads a file of configuration; a pipe works.
 *
 * @param what how messages call it
 * @returns the file's absolute path and its text
 * @throws {KapseliError} `badInput` when it cannot be read or is no text.
 */
export async function readConfigFile(
  path: string,
  what: string,
  cwd: string,
  hint = "Check the path.",
): Promise<{ file: string; text: string }> {
  const file = resolve(cwd, path);
  const problem = (reason: string, cause?: unknown): KapseliError =>
    new KapseliError(ExitCode.badInput, `${what} ${reason}`, { hint, ...(cause ? { cause } : {}) });
  let bytes: Uint8Array;
  try {
    const info = await stat(file);
    if (info.isDirectory()) throw problem("is a directory");
    if (info.size > LARGEST_SITE_FILE) throw problem("is larger than any configuration");
    if (info.isCharacterDevice() && file !== "/dev/null") throw problem("is a device");
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof KapseliError) throw error;
    throw problem(`cannot be read: ${(error as Error).message}`, error);
  }
  try {
    return { file, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    throw problem("is no UTF-8 text", error);
  }
}

/**
 * Reads the site's configuration file.
 *
 * @param named the value of CW_GLOBAL_YAML, relative to `cwd` or absolute; undefined or empty: the first of `places`
 * that is there, if any
 * @throws {KapseliError} `badInput` when it cannot be read; also when one of `places` is a link to nothing.
 */
export async function readSiteFile(
  named: string | undefined,
  cwd = process.cwd(),
  places: readonly string[] = SITE_FILES,
): Promise<{ file: string; text: string } | undefined> {
  if (named) {
    const what = `the site file ${named} (CW_GLOBAL_YAML)`;
    return readConfigFile(named, what, cwd, "Correct CW_GLOBAL_YAML, or unset it.");
  }
  for (const place of places) {
    try {
      await lstat(place);
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENOTDIR")) continue;
    }
    const hint = "Ask who looks after this installation, or name another file in CW_GLOBAL_YAML.";
    return readConfigFile(place, `the site file ${place}`, cwd, hint);
  }
  return undefined;
}

/** How an input's reader sees the files beside it. */
export function besides(
  path: string,
  environment: Readonly<Record<string, string>>,
  platform: string,
): ReadContext {
  const directory = dirname(path);
  const at = (relative: string): string => resolve(directory, relative);
  return {
    env: environment,
    platform,
    readBeside(relative) {
      try {
        const info = statSync(at(relative));
        return info.isFile() && info.size <= LARGEST_INCLUDE ? readFileSync(at(relative)) : undefined;
      } catch {
        return undefined;
      }
    },
    existsBeside(relative) {
      try {
        statSync(at(relative));
        return true;
      } catch {
        return false;
      }
    },
  };
}
