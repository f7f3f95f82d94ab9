import { createReadStream, readFileSync, statSync } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ExitCode, KapseliError } from "../errors.ts";
import type { ReadContext } from "../inputs/read-context.ts";
import { hasCode } from "./files.ts";

/** An included file larger than this is not a requirements file. */
const LARGEST_INCLUDE = 8 * 1024 * 1024;
/** No list of packages and no script is larger, and a device or a pipe may have no end. In bytes. */
const LARGEST_INPUT = 64 * 1024 * 1024;

/** The bytes of a file, a pipe or a device; undefined when there are more than `largest`. */
async function readUpTo(path: string, largest: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream(path, { end: largest }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
  }
  return size > largest ? undefined : Buffer.concat(chunks);
}

/**
 * Reads an input file once; a pipe (`<(…)`) works.
 *
 * @param largest in bytes
 * @throws {KapseliError} `badInput` when it is missing, a directory, too large, or cannot be read.
 */
export async function readInputFile(
  path: string,
  what: string,
  largest = LARGEST_INPUT,
): Promise<{ bytes: Uint8Array; regular: boolean }> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) {
      throw new KapseliError(ExitCode.badInput, `${what} ${path} is a directory`, {
        hint: "Name the file in it.",
      });
    }
    const bytes = await readUpTo(path, largest);
    if (bytes === undefined) {
      throw new KapseliError(
        ExitCode.badInput,
        `${what} ${path} has more than ${Math.round(largest / 1024 ** 2)} MiB`,
        { hint: "Check the path: nothing that is read as a whole is that large." },
      );
    }
    return { bytes, regular: info.isFile() };
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

/** A configuration larger than this is none. YAML of this size is parsed in some seconds whatever it holds. */
const LARGEST_CONFIGURATION = 256 * 1024;

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
  let bytes: Buffer | undefined;
  try {
    const info = await stat(file);
    if (info.isDirectory()) throw problem("is a directory");
    if (info.isCharacterDevice() && file !== "/dev/null") throw problem("is a device");
    bytes = await readUpTo(file, LARGEST_CONFIGURATION);
  } catch (error) {
    if (error instanceof KapseliError) throw error;
    throw problem(`cannot be read: ${(error as Error).message}`, error);
  }
  if (bytes === undefined) throw problem("is larger than any configuration");
  const { line, text } = utf8Text(bytes);
  if (text !== undefined) return { file, text };
  throw problem(`is no UTF-8 text (line ${line})`).with({ where: `${file}:${line}` });
}

/** The text of UTF-8 without NUL, without its byte order mark; else the first line (from 1) that is none. */
function utf8Text(bytes: Buffer): { text: string; line?: undefined } | { text?: undefined; line: number } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const nul = text.indexOf("\0");
    return nul < 0 ? { text } : { line: text.slice(0, nul).split("\n").length };
  } catch {
    const good = new TextDecoder().decode(bytes).split("\ufffd", 1)[0] ?? "";
    return { line: good.split("\n").length };
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
