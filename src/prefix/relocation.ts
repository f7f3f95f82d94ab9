import { ExitCode, KapseliError } from "../errors.ts";
import { shellQuote } from "./shell-data.ts";

/** From where to where an environment goes: absolute paths without a final slash. */
export interface Move {
  from: string;
  to: string;
}

/** Bytes as a text of one character each, so that a file of any encoding can be searched and written back. */
const asLatin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** What in a path's last part would go on after the old path: `/a/env` is not `/a/env2`, `/a/env-old`, `/a/env.bak`. */
const GOES_ON = /^(?:[A-Za-z0-9_\x80-\xff]|[.+~@-][A-Za-z0-9_])/;
const NAME_CHARACTER = /[A-Za-z0-9_.+~\x80-\xff-]/;

/** Whether a path that ends at `end` ends there, and is not the beginning of another name. */
function endsThere(text: string, end: number): boolean {
  return !GOES_ON.test(text.slice(end, end + 2));
}

/**
 * Whether an absolute path begins at `start`, and is not the end of a longer one (`/mnt/a/env`). A compiler's flag
 * before it (`-L/a/env/lib`), a URL's scheme (`file:///a/env`) and an escaped line end (`\n/a/env`) are no part of it.
 */
function beginsThere(text: string, start: number): boolean {
  let end = start;
  while (text[end - 1] === "/") end -= 1;
  let begin = end;
  while (begin > 0 && NAME_CHARACTER.test(text[begin - 1] ?? "")) begin -= 1;
  const word = text.slice(begin, end);
  return word === "" || word.startsWith("-") || (text[begin - 1] === "\\" && /^[nrt]$/.test(word));
}

/** Where in a text (of one character a byte) the path stands as a path of its own. */
function placesOf(text: string, path: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(path); at !== -1; at = text.indexOf(path, at + path.length)) {
    if (endsThere(text, at + path.length) && beginsThere(text, at)) places.push(at);
  }
  return places;
}

function replaced(text: string, places: readonly number[], length: number, by: string): string {
  let result = "";
  let end = 0;
  for (const place of places) {
    result += text.slice(end, place) + by;
    end = place + length;
  }
  return result + text.slice(end);
}

/** Whether a binary file holds a path that is not only the beginning of another name. */
export function holdsPath(bytes: Buffer, path: string): boolean {
  const needle = Buffer.from(path, "utf8");
  for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + 1)) {
    const end = at + needle.length;
    if (endsThere(bytes.toString("latin1", end, end + 2), 0)) return true;
  }
  return false;
}

/** A path with the old one at its beginning is given the new one; others stay. For the targets of links. */
export function relocatePath(path: string, { from, to }: Move): string {
  return path === from || path.startsWith(`${from}/`) ? `${to}${path.slice(from.length)}` : path;
}

/** Longest `#!` line that every kernel since 2.6 takes (man 2 execve: 127 bytes before Linux 5.1). */
const SHEBANG_BYTES = 127;

/**
 * A first line that the kernel can carry: where the interpreter's new path is too long for it or has a space, the
 * two lines that sh and Python both understand take its place, as pip writes them itself (distlib,
 * `ScriptMaker._build_shebang`); for other interpreters `env`, as conda does (conda/core/portability.py,
 * `replace_long_shebang`), because the environment's bin comes first on PATH inside.
 *
 * @param line the relocated first line, without its line end
 * @param before the same line as it was
 */
function carriedFirstLine(line: string, before: string, move: Move): string {
  const [, path = "", rest = ""] = /^#![ \t]*(\S+)(.*)$/.exec(before) ?? [];
  const interpreter = relocatePath(path, { from: asLatin1(move.from), to: asLatin1(move.to) });
  if (line.length <= SHEBANG_BYTES && !/\s/.test(interpreter)) return line;
  const name = interpreter.slice(interpreter.lastIndexOf("/") + 1);
  if (!/^(?:python|pypy)/.test(name))
    return `#!/usr/bin/env ${rest.trim() === "" ? "" : "-S "}${name}${rest}`;
  return `#!/bin/sh\n'''exec' "${interpreter}"${rest} "$0" "$@"\n' '''`;
}

/** Where venv's and virtualenv's activation scripts name the environment without quotes (Python 3.13 and newer). */
const ACTIVATED =
  /^(\s*(?:export\s+)?VIRTUAL_ENV=|\s*setenv\s+VIRTUAL_ENV\s+|\s*set\s+-gx\s+VIRTUAL_ENV\s+)(\/.*)$/gm;

/** The new path in quotes where an activation script has none and it needs some. */
function quotedWhereNeeded(text: string, to: string): string {
  if (/^[\w@%+=:,./-]+$/.test(to)) return text;
  return text.replace(ACTIVATED, (line, name: string, value: string) =>
    value === to ? `${name}${shellQuote(to)}` : line,
  );
}

/**
 * A text file with the new path wherever the old one stands as a path of its own.
 *
 * @returns undefined when it does not hold the old path.
 */
export function relocateText(bytes: Buffer, move: Move): Buffer | undefined {
  const [from, to] = [asLatin1(move.from), asLatin1(move.to)];
  const text = bytes.toString("latin1");
  const places = placesOf(text, from);
  if (places.length === 0) return undefined;
  let result = quotedWhereNeeded(replaced(text, places, from.length, to), to);
  if (text.startsWith("#!")) {
    const [before = "", line = ""] = [text, result].map((one) => /^[^\r\n]*/.exec(one)?.[0]);
    if (line !== before) result = carriedFirstLine(line, before, move) + result.slice(line.length);
  }
  return Buffer.from(result, "latin1");
}

/** What became of a binary file. */
export interface RelocatedBinary {
  /** The file with the new path, as long as before; undefined when nothing could be replaced. */
  bytes: Buffer | undefined;
  /** How many of the old path's places could not be rewritten: no NUL ends them, or there is no room behind them. */
  left: number;
}

/**
 * A binary file in which an installer wrote the old path over a longer placeholder: every C string with the old path
 * is given the new one and padded with NUL, so that the file keeps its length and everything else its place. That is
 * conda's own rule (conda/core/portability.py, `binary_replace`: the replaced string, then the difference in length
 * times the number of occurrences as NUL), applied once more; what it padded is the room for a longer path.
 *
 * @param move `to` must not be longer than the placeholder was (`refuseTooLong`)
 */
export function relocateBinary(bytes: Buffer, move: Move): RelocatedBinary {
  const from = asLatin1(move.from);
  const to = asLatin1(move.to);
  const needle = Buffer.from(move.from, "utf8");
  const result = Buffer.from(bytes);
  let left = 0;
  let changed = false;
  for (let at = bytes.indexOf(needle); at !== -1; ) {
    const end = bytes.indexOf(0, at);
    const string = bytes.toString("latin1", at, end === -1 ? bytes.length : end);
    const places: number[] = [];
    for (let place = 0; place !== -1; place = string.indexOf(from, place + from.length)) {
      if (endsThere(string, place + from.length)) places.push(place);
    }
    if (places.length > 0) {
      const fresh = Buffer.from(replaced(string, places, from.length, to), "latin1");
      const more = fresh.length - string.length;
      // The NUL that ends the string has to stay behind the longer one.
      const room = end !== -1 && isZero(bytes, end, Math.max(0, more) + 1);
      if (room) {
        result.fill(0, at, end);
        fresh.copy(result, at);
        changed = true;
      } else {
        left += places.length;
      }
    }
    at = end === -1 ? -1 : bytes.indexOf(needle, end);
  }
  return { bytes: changed ? result : undefined, left };
}

function isZero(bytes: Buffer, start: number, length: number): boolean {
  if (start + length > bytes.length) return false;
  return bytes.subarray(start, start + length).every((byte) => byte === 0);
}

/** A file in which a package's installer wrote the prefix. */
export interface RecordedFile {
  /** Relative to the prefix, as the record has it. */
  path: string;
  package: string;
  /** How conda would replace it; undefined where the record does not say. */
  mode: "text" | "binary" | undefined;
  /** Bytes of the placeholder: what a path in a binary file may have at most; undefined where the record does not say. */
  room: number | undefined;
}

/** One file of a package's record, of which nothing but its being an object is sure. */
type RecordEntry = Record<string, unknown>;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * A package's record in `conda-meta/` (conda/models/records.py, `PathDataV1`; other installers write the same).
 * Whatever is missing or of another form is as if the record did not say.
 */
function parseRecord(json: string): { record: unknown; name: string; entries: RecordEntry[] } | undefined {
  let record: unknown;
  try {
    record = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isObject(record)) return undefined;
  const paths = isObject(record.paths_data) ? record.paths_data.paths : undefined;
  return {
    record,
    name: typeof record.name === "string" ? record.name : "a package without a name",
    entries: Array.isArray(paths) ? paths.filter(isObject) : [],
  };
}

/** The files in which a package holds the prefix. A record that cannot be read names none. */
export function recordedFiles(json: string): RecordedFile[] {
  const record = parseRecord(json);
  return (record?.entries ?? []).flatMap((entry): RecordedFile[] => {
    const { _path: path, prefix_placeholder: placeholder, file_mode: mode } = entry;
    const room =
      typeof placeholder === "string" && placeholder !== "" ? Buffer.byteLength(placeholder) : undefined;
    const known = mode === "text" || mode === "binary" ? mode : undefined;
    if (typeof path !== "string" || (room === undefined && known === undefined)) return [];
    return [{ path, package: record?.name ?? "", mode: known, room }];
  });
}

/**
 * The files of a package that an installer only puts there, with their sha256 in the package: one that still has it
 * does not hold the prefix, whatever it says. Entry points are written by installers, and are none of them.
 */
export function packagedFiles(json: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of parseRecord(json)?.entries ?? []) {
    const { _path: path, path_type: type, sha256 } = entry;
    const written = entry.prefix_placeholder !== undefined || entry.file_mode !== undefined;
    if (typeof path !== "string" || typeof sha256 !== "string" || type !== "hardlink" || written) continue;
    found.set(path, sha256);
  }
  return found;
}

/**
 * A package's record with the checksums that its rewritten files have now (`conda doctor` compares them).
 *
 * @param sha256 by path relative to the prefix
 * @returns undefined when the record has none of them.
 */
export function recordWithHashes(json: string, sha256: ReadonlyMap<string, string>): string | undefined {
  const record = parseRecord(json);
  let changed = false;
  for (const entry of record?.entries ?? []) {
    const now = typeof entry._path === "string" ? sha256.get(entry._path) : undefined;
    if (now === undefined || typeof entry.sha256_in_prefix !== "string") continue;
    entry.sha256_in_prefix = now;
    changed = true;
  }
  return changed ? `${JSON.stringify(record?.record, null, 2)}\n` : undefined;
}

/**
 * Refuses a new path for which a package's programs have no room: they hold it in place of a placeholder, and a
 * program cannot grow.
 *
 * @throws {KapseliError} `badInput` naming the packages and the lengths.
 */
export function refuseTooLong(files: readonly RecordedFile[], { from, to }: Move): void {
  const length = Buffer.byteLength(to);
  const tight = files.filter(
    ({ mode, room }) => mode === "binary" && length > (room ?? Buffer.byteLength(from)),
  );
  const [first] = tight;
  if (!first) return;
  const room = (file: RecordedFile): number => file.room ?? Buffer.byteLength(from);
  const smallest = Math.min(...tight.map(room));
  const packages = [...new Set(tight.map((file) => file.package))];
  throw new KapseliError(
    ExitCode.badInput,
    `the environment cannot be moved to ${to}: that path has ${length} bytes, and ${packages[0]} has room for ${room(first)} (${first.path})`,
    {
      others: packages.slice(1).map((name) => {
        const file = tight.find((one) => one.package === name);
        return `${name} has room for ${file ? room(file) : 0} (${file?.path})`;
      }),
      hint: `Choose a path of at most ${smallest} bytes, or build the environment anew there.`,
    },
  );
}

/** Files that hold paths as what they were at an earlier time: what pip and conda did, and from where. */
const HISTORY = [/^conda-meta\/history$/, /\.dist-info\/(?:RECORD|direct_url\.json)$/];

/**
 * Whether a file is not even looked at: history, and byte code, into which Python writes a module's real place when
 * it loads it (CPython, Lib/importlib/_bootstrap_external.py, `_compile_bytecode`).
 *
 * @param path relative to the prefix
 */
export function isLeft(path: string): boolean {
  return path.endsWith(".pyc") || HISTORY.some((pattern) => pattern.test(path));
}

/**
 * What is done with a file that holds the old path.
 *
 * - `text`: every place is rewritten, whatever the length
 * - `binary`: recorded by conda; C strings are rewritten
 * - `unknown`: a binary file that nobody recorded; it is left alone and reported
 *
 * @param binary whether the file holds a NUL
 */
export function treatment(
  recorded: RecordedFile | undefined,
  binary: boolean,
): "text" | "binary" | "unknown" {
  if (!binary || recorded?.mode === "text") return "text";
  return recorded ? "binary" : "unknown";
}

/** Whether a file of a `__pycache__`, or beside the source, is the byte code of a source `NAME.py`. */
export function isByteCodeOf(source: string, name: string): boolean {
  const stem = source.replace(/\.py$/, "");
  return name.startsWith(`${stem}.`) && name.endsWith(".pyc");
}
