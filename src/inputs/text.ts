import { FindingsOfFile, type Reading } from "./diagnostic.ts";

/** Known beginnings of files that are no text. Source: the formats' own specifications ("magic numbers"). */
const BINARY_FORMATS: readonly { bytes: readonly number[]; what: string; hint?: string }[] = [
  { bytes: [0x1f, 0x8b], what: "a gzip archive" },
  { bytes: [0x42, 0x5a, 0x68], what: "a bzip2 archive" },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], what: "a zstd archive" },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], what: "an xz archive" },
  { bytes: [0x50, 0x4b, 0x03, 0x04], what: "a zip archive, wheel or .conda package" },
  { bytes: [0x7f, 0x45, 0x4c, 0x46], what: "a program (ELF)" },
  { bytes: [0x68, 0x73, 0x71, 0x73], what: "a SquashFS image" },
  { bytes: [0x25, 0x50, 0x44, 0x46], what: "a PDF document" },
  { bytes: [0x89, 0x50, 0x4e, 0x47], what: "a PNG picture" },
];

export interface TextOptions {
  /** Obey a Python style `# -*- coding: NAME -*-` in the first two lines, as pip does. */
  pythonCoding?: boolean;
  /** The largest file that is taken, in bytes. */
  largest: number;
}

/**
 * The text of an input file: UTF-8, or UTF-16 with a byte order mark (as a PowerShell redirection writes it),
 * without the mark. A file that is too large, empty, binary or in another encoding gives an error instead.
 */
export function textOf(file: string, bytes: Uint8Array, options: TextOptions): Reading<string> {
  const findings = new FindingsOfFile(file);
  const refused = (line: number | undefined, message: string, hint?: string): Reading<string> => {
    findings.error(line === undefined ? {} : { line, column: 1 }, message, hint);
    return { value: undefined, diagnostics: findings.list };
  };

  if (bytes.length === 0) return refused(undefined, "the file is empty: expected a list of packages");
  if (bytes.length > options.largest) {
    const mib = (bytes.length / 1048576).toFixed(1);
    return refused(
      undefined,
      `the file has ${mib} MiB, more than any list of packages: expected at most ${options.largest / 1024} KiB`,
    );
  }
  const magic = BINARY_FORMATS.find((format) => format.bytes.every((byte, index) => bytes[index] === byte));
  if (magic) return refused(undefined, `this is ${magic.what}: expected a text file with a list of packages`);

  const starts = (...mark: number[]) => mark.every((byte, index) => bytes[index] === byte);
  if (starts(0xff, 0xfe, 0, 0) || starts(0, 0, 0xfe, 0xff)) {
    return refused(1, "the file is UTF-32: expected UTF-8", "Save it as UTF-8.");
  }
  let encoding = "utf-8";
  if (starts(0xff, 0xfe)) encoding = "utf-16le";
  else if (starts(0xfe, 0xff)) encoding = "utf-16be";
  else if (bytes.includes(0)) {
    const zeros = bytes.reduce((sum, byte) => sum + (byte === 0 ? 1 : 0), 0);
    const halfZero = zeros >= bytes.length * 0.4 && zeros <= bytes.length * 0.6;
    return halfZero
      ? refused(1, "the file is UTF-16 without a byte order mark: expected UTF-8", "Save it as UTF-8.")
      : refused(
          lineOfByte(bytes, bytes.indexOf(0)),
          "this is a binary file (it holds NUL bytes): expected a text file with a list of packages",
        );
  } else if (options.pythonCoding && !starts(0xef, 0xbb, 0xbf)) {
    encoding = declaredCoding(bytes) ?? encoding;
  }

  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof RangeError) {
      return refused(1, `unknown text encoding "${encoding}" in the coding comment: expected utf-8`);
    }
    const line = encoding === "utf-8" ? firstUndecodableLine(bytes) : 1;
    return refused(
      line,
      `the text is not valid ${encoding.toUpperCase()}: expected a UTF-8 text file`,
      "Save it as UTF-8, or remove the characters that are not.",
    );
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell a binary file
  const controls = text.match(/[\u0001-\u0008\u000e-\u001a]/g)?.length ?? 0;
  if (controls > 8 || controls > text.length / 50) {
    return refused(
      undefined,
      "this is a binary file (it holds control characters): expected a text file with a list of packages",
    );
  }
  if (text.trim() === "") return refused(undefined, "the file is empty: expected a list of packages");
  return { value: text, diagnostics: [] };
}

/** Source: PEP 263, as pip's requirements reader applies it (`coding[:=]\s*([-\w.]+)` in a comment of lines 1-2). */
function declaredCoding(bytes: Uint8Array): string | undefined {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 400)).split("\n", 2);
  for (const line of head) {
    const found = line.startsWith("#") ? /coding[:=]\s*([-\w.]+)/.exec(line) : null;
    if (found?.[1]) return encodingLabel(found[1]);
  }
  return undefined;
}

/** Python's names of encodings as TextDecoder knows them. */
function encodingLabel(name: string): string {
  const plain = name.toLowerCase().replace(/_/g, "-");
  if (plain === "latin-1") return "latin1";
  return plain === "utf-8-sig" ? "utf-8" : plain;
}

function lineOfByte(bytes: Uint8Array, index: number): number {
  return bytes.subarray(0, index).reduce((line, byte) => line + (byte === 0x0a ? 1 : 0), 1);
}

function firstUndecodableLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return 1;
}

/** One line as it lies in a file. */
export interface SourceLine {
  text: string;
  /** Counted from 1. */
  line: number;
  /** Where `text` begins in that line; 1 unless it is a part of one, as in a YAML list. */
  column: number;
}

/** The lines of a text, at the line ends that Python's `str.splitlines` knows (pip and conda read with it). */
export function linesOf(text: string): SourceLine[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: separators of str.splitlines
  const lines = text.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
  if (lines.at(-1) === "") lines.pop();
  return lines.map((one, index) => ({ text: one, line: index + 1, column: 1 }));
}
