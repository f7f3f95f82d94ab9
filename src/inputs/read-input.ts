import { type Diagnostic, FindingsOfFile, inReadingOrder } from "./diagnostic.ts";
import { type CondaEnvironment, readEnvironmentYml } from "./environment-yml.ts";
import { type ExplicitList, readExplicitList } from "./explicit-list.ts";
import { DEFAULT_PLATFORM, type ReadContext } from "./read-context.ts";
import { type InputFormat, recogniseForeign } from "./recognise.ts";
import { type Requirements, readRequirements } from "./requirements.ts";
import { readSpecList, type SpecList } from "./spec-list.ts";
import { textOf } from "./text.ts";

/**
 * An input file as it was understood. `value` is absent when nothing could be made of the file; with errors among
 * the diagnostics it is incomplete and for reports only. Diagnostics are in reading order.
 */
export type ReadInput =
  | { format: "environment-yml"; value: CondaEnvironment | undefined; diagnostics: Diagnostic[] }
  | { format: "explicit"; value: ExplicitList | undefined; diagnostics: Diagnostic[] }
  | { format: "spec-list"; value: SpecList | undefined; diagnostics: Diagnostic[] }
  | { format: "requirements"; value: Requirements | undefined; diagnostics: Diagnostic[] };

/**
 * The largest files that are read, in bytes. The largest real environment files have some 20 KB; YAML of this size
 * is parsed in under three seconds whatever it holds. Lists with hashes are larger and read line by line.
 */
const LARGEST_YAML = 256 * 1024;
const LARGEST_LIST = 2 * 1024 * 1024;

/**
 * Reads an input file to check it and to report on it; the file itself is what the engine gets.
 *
 * @param kind which tool asks: conda takes environment files and lists, pip takes requirements files
 * @param file the path as the user named it; it appears in messages, and its name decides between conda's formats
 *   as in Tykky: a name with `.yml` or `.yaml` in it is an environment file, any other a list
 * @returns never throws for anything that a file may hold; takes a bounded time
 */
export function readInput(
  kind: "conda" | "pip",
  file: string,
  bytes: Uint8Array,
  context: ReadContext,
): ReadInput {
  const yaml = /\.ya?ml/.test(file.slice(file.lastIndexOf("/") + 1));
  const expected: InputFormat = kind === "pip" ? "requirements" : yaml ? "environment-yml" : "spec-list";
  const decoded = textOf(file, bytes, { largest: LARGEST_LIST, pythonCoding: kind === "pip" });
  const text = decoded.value;
  if (text === undefined) return unreadable(expected, decoded.diagnostics);

  const findings = new FindingsOfFile(file);
  const explicit = expected === "spec-list" && /^[ \t]*@EXPLICIT[ \t]*\r?$/m.test(text);
  const foreign = recogniseForeign(text, explicit ? "explicit" : expected);
  if (foreign) {
    findings.error({ line: foreign.line, column: 1 }, foreign.message, foreign.hint);
    return unreadable(explicit ? "explicit" : expected, findings.list);
  }
  const platform = context.platform ?? DEFAULT_PLATFORM;
  if (expected === "requirements")
    return ordered(file, { format: expected, ...readRequirements(file, text, context) });
  if (explicit) return ordered(file, { format: "explicit", ...readExplicitList(file, text, platform) });
  if (expected === "spec-list")
    return ordered(file, { format: expected, ...readSpecList(file, text, platform) });
  if (bytes.length > LARGEST_YAML) {
    const size = Math.ceil(bytes.length / 1024);
    findings.error(
      {},
      `the file has ${size} KiB: expected an environment file of at most ${LARGEST_YAML / 1024} KiB`,
    );
    return unreadable(expected, findings.list);
  }
  return ordered(file, { format: "environment-yml", ...readEnvironmentYml(file, text, context) });
}

function unreadable(format: InputFormat, diagnostics: Diagnostic[]): ReadInput {
  return { format, value: undefined, diagnostics } as ReadInput;
}

function ordered(file: string, input: ReadInput): ReadInput {
  return { ...input, diagnostics: inReadingOrder(file, input.diagnostics) };
}
