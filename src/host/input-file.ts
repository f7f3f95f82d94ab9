import { readFileSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
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

/**
 * Reads the site's configuration file.
 *
 * @param file the value of CW_GLOBAL_YAML; undefined or empty: there is none
 * @throws {KapseliError} `badInput` when it cannot be read.
 */
export async function readSiteFile(
  file: string | undefined,
): Promise<{ file: string; text: string } | undefined> {
  if (!file) return undefined;
  try {
    return { file, text: await readFile(resolve(file), "utf8") };
  } catch (error) {
    throw new KapseliError(
      ExitCode.badInput,
      `the site file ${file} (CW_GLOBAL_YAML) cannot be read: ${(error as Error).message}`,
      { hint: "Correct CW_GLOBAL_YAML, or unset it.", cause: error },
    );
  }
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
