import { valid } from "@renovatebot/pep440";
import { parseMarker } from "./environment-marker.ts";
import { shown } from "./shown-text.ts";

/** One dependency specifier of Python packaging: `name[extra]>=1,<2; marker` or `name @ URL ; marker`. */
export interface DependencySpecifier {
  name: string;
  extras: string[];
  /** The version specifiers without spaces, such as `>=1.0,<2`; empty for any version. */
  specifier: string;
  /** After `@`. It may hold credentials. */
  url?: string;
  /** After `;`, as written. */
  marker?: string;
}

/** Why a text is no dependency specifier, and where: `offset` counts from its start. */
export interface SpecifierFault {
  offset: number;
  message: string;
  hint?: string;
}

export type ParsedSpecifier =
  | { specifier: DependencySpecifier; warnings: SpecifierFault[]; fault?: undefined }
  | { fault: SpecifierFault; specifier?: undefined };

const OPERATORS: ReadonlySet<string> = new Set(["===", "~=", "==", "!=", "<=", ">=", "<", ">"]);
const EXPECTED = "expected one of == != <= >= < > ~= ===";
const MEANT: Readonly<Record<string, string>> = {
  "=": "==",
  "=>": ">=",
  "=<": "<=",
  "<>": "!=",
  "!": "!=",
  "~": "~=",
  "~>": "~=",
  "=~": "~=",
  "=!": "!=",
  "^": "~=",
};

/**
 * Parses one dependency specifier.
 * Source of the grammar: "Dependency specifiers" and "Version specifiers" of the PyPA specifications
 * (packaging.python.org), as the `packaging` library reads them.
 */
export function parseDependencySpecifier(text: string): ParsedSpecifier {
  const name = /^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)/.exec(text);
  const start = text.length - text.trimStart().length;
  if (!name?.[1]) return fault(start, `expected a package name, found ${shown(text)}`);
  let at = name[0].length;
  const skip = () => {
    while (text[at] === " " || text[at] === "\t") at++;
  };
  skip();
  const extras: string[] = [];
  if (text[at] === "[") {
    const close = text.indexOf("]", at);
    if (close === -1) return fault(at, 'expected "]" after the extras');
    const inside = text.slice(at + 1, close);
    for (const extra of inside.trim() === "" ? [] : inside.split(",")) {
      if (!/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/.test(extra.trim())) {
        return fault(
          at + 1,
          `expected names of extras between [ and ], separated by commas, found ${shown(inside)}`,
        );
      }
      extras.push(extra.trim());
    }
    at = close + 1;
    skip();
  }
  const result: DependencySpecifier = { name: name[1], extras, specifier: "" };
  if (text[at] === "@") {
    at++;
    skip();
    const url = /^[^ \t]+/.exec(text.slice(at))?.[0];
    if (url === undefined) return fault(at, 'expected a URL after "@"');
    result.url = url;
    at += url.length;
    skip();
    if (at >= text.length) return { specifier: result, warnings: [] };
    if (text[at] !== ";") return fault(at, 'expected " ; " and a marker or nothing after the URL');
    return withMarker(text, at, result, []);
  }

  const end = endOfVersions(text, at);
  const read = readVersions(text.slice(at, end), at, text);
  if ("offset" in read) return { fault: read };
  result.specifier = read.versions.join(",");
  if (end < text.length) return withMarker(text, end, result, read.warnings);
  return { specifier: result, warnings: read.warnings };
}

function fault(offset: number, message: string, hint?: string): ParsedSpecifier {
  return { fault: { offset, message, ...(hint === undefined ? {} : { hint }) } };
}

function endOfVersions(text: string, from: number): number {
  const semicolon = text.indexOf(";", from);
  return semicolon === -1 ? text.length : semicolon;
}

function withMarker(
  text: string,
  semicolon: number,
  result: DependencySpecifier,
  warnings: SpecifierFault[],
): ParsedSpecifier {
  const marker = text.slice(semicolon + 1);
  const bad = parseMarker(marker);
  if (bad) return fault(semicolon + 1 + bad.offset, bad.message);
  return { specifier: { ...result, marker: marker.trim() }, warnings };
}

function readVersions(
  text: string,
  offset: number,
  whole: string,
): SpecifierFault | { versions: string[]; warnings: SpecifierFault[] } {
  let inside = text.trimEnd();
  if (inside.startsWith("(")) {
    if (!inside.endsWith(")")) return { offset, message: 'expected ")" after the version specifiers' };
    inside = ` ${inside.slice(1, -1)}`;
  }
  if (inside.trim() === "") return { versions: [], warnings: [] };
  const versions: string[] = [];
  const warnings: SpecifierFault[] = [];
  const pieces = inside.split(",");
  let at = offset;
  for (const [index, piece] of pieces.entries()) {
    const trimmed = piece.trim();
    const place = at + piece.length - piece.trimStart().length;
    at += piece.length + 1;
    if (trimmed === "") {
      // A comma at the end is tolerated by `packaging`.
      if (index === pieces.length - 1 && index > 0) continue;
      return { offset: place, message: "expected a version specifier between two commas" };
    }
    const operator = /^[=<>!~^]*/.exec(trimmed)?.[0] ?? "";
    const version = trimmed.slice(operator.length).trim();
    const bad = faultOfVersion(operator, version, place, whole, warnings);
    if (bad) return bad;
    versions.push(operator + version);
  }
  return { versions, warnings };
}

function faultOfVersion(
  operator: string,
  version: string,
  offset: number,
  whole: string,
  warnings: SpecifierFault[],
): SpecifierFault | undefined {
  if (operator === "") {
    return {
      offset,
      message: `expected the end of the line, a version specifier (such as ==1.0) or ";", found ${shown(version)}`,
      hint: /^[A-Za-z0-9._\-[\] ]+$/.test(whole.trim())
        ? "Write one requirement on each line."
        : "Each line holds one requirement; a comment begins with #.",
    };
  }
  if (!OPERATORS.has(operator)) {
    const conda = operator === "=" && /^[^=\s]+=[^=\s]+=[^=\s]+$/.test(whole.trim());
    const meant = MEANT[operator];
    if (conda) {
      return {
        offset,
        message: `${shown(whole)} is a conda spec (name=version=build): expected a pip requirement such as name==version`,
        hint: "Build such a list with `conda-containerize`, or write the packages as name==version.",
      };
    }
    return {
      offset,
      message: `"${operator}" is no version operator: ${EXPECTED}`,
      ...(meant && version ? { hint: `Did you mean "${meant}${shown(version).slice(1, -1)}"?` } : {}),
    };
  }
  const at = offset + operator.length;
  if (version === "") return { offset: at, message: `expected a version after "${operator}"` };
  if (/[\s()]/.test(version)) {
    return {
      offset: at,
      message: `expected a comma between version specifiers, found ${shown(version)}`,
      hint: "Write one requirement on each line, and a comma between its version specifiers.",
    };
  }
  const known = valid(version.replace(/\.\*$/, "")) !== null;
  if (operator === "===") {
    if (!known) {
      warnings.push({
        offset,
        message: `"===" compares texts, and ${shown(version)} is no valid version: newer pips find no package`,
      });
    }
    return undefined;
  }
  if (!known) {
    return {
      offset: at,
      message: `${shown(version)} is no version: expected digits and dots, with a suffix such as rc1, .post1 or .dev1`,
      ...(/[<>=!~]/.test(version) ? { hint: "A comma is missing between two version specifiers." } : {}),
    };
  }
  const wildcard = version.endsWith(".*");
  if (wildcard && operator !== "==" && operator !== "!=") {
    return { offset: at, message: `".*" can only stand after == or !=, not after ${operator}` };
  }
  if (wildcard && !/^v?(?:\d+!)?\d+(?:\.\d+)*\.\*$/i.test(version)) {
    return { offset: at, message: `".*" can only follow plain digits and dots, found ${shown(version)}` };
  }
  if (version.includes("+") && operator !== "==" && operator !== "!=") {
    return {
      offset: at,
      message: `a local version ("+…") can only stand after == or !=, not after ${operator}`,
    };
  }
  if (operator === "~=" && !/^v?(?:\d+!)?\d+\.\d+/i.test(version)) {
    return { offset: at, message: `"~=" needs a version of at least two parts, such as ~=${version}.0` };
  }
  return undefined;
}
