import { versionFaults } from "./conda-version.ts";
import { CONDA_SUBDIRS, isWindowsOnly } from "./platform.ts";
import { shown } from "./shown-text.ts";

/** One conda requirement ("match spec") as it is written and what it says. */
export interface MatchSpec {
  /** As written. */
  text: string;
  /** The package's name, in lower case as conda compares it; `*` for any. */
  name: string;
  channel?: string;
  subdir?: string;
  /** The version constraint without spaces, as written (`=1.2`, `>=1,<2|>3`). */
  version?: string;
  build?: string;
  /** The address or path of one package file. */
  url?: string;
  /** What stands in square brackets, other than the above. */
  attributes?: Readonly<Record<string, string>>;
}

/** A fault in a spec; `offset` counts from the start of its text. */
export interface SpecFault {
  severity: "error" | "warning";
  offset: number;
  message: string;
  hint?: string;
}

/** Longer than any spec in use; conda's own pattern for builds, used below, is quadratic. */
const LONGEST_SPEC = 1000;

/** Sources: conda `MatchSpec.FIELD_NAMES`; mamba and rattler take `optional`, `sha256`, `extras` and more (CEPs 29, 34). */
const BRACKET_KEYS: ReadonlySet<string> = new Set(
  (
    "channel subdir name version build build_string build_number track_features features url md5 sha256 license " +
    "license_family fn optional target extras flags when"
  ).split(" "),
);

/**
 * Reads one match spec: `name`, `name=1.2`, `name 1.2.* build`, `name>=1,<2|>3`, `name=ver=build`,
 * `channel/subdir::name`, `channel:namespace:name`, `name[version='>=1',build=…]`, or the address of a package.
 * Source of the grammar: conda's `_parse_spec_str` (conda/models/match_spec.py), whose steps this follows.
 *
 * @param platform the conda subdir that the environment is for, such as `linux-64`
 * @returns the spec, or undefined where no package can be made out, with all faults found
 */
export function parseMatchSpec(
  written: string,
  platform: string,
): { spec: MatchSpec | undefined; faults: SpecFault[] } {
  const faults: SpecFault[] = [];
  const text = written.trim();
  const refuse = (offset: number, message: string, hint?: string) => {
    faults.push({ severity: "error", offset, message, ...(hint === undefined ? {} : { hint }) });
    return { spec: undefined, faults };
  };
  if (text === "") return refuse(0, "expected a package name");
  if (text.length > LONGEST_SPEC)
    return refuse(0, `expected a package, found a text of ${text.length} characters`);
  const foreign = foreignLine(text);
  if (foreign) return refuse(0, ...foreign);
  if (/\.(?:conda|tar\.bz2)(?:#.*)?$/.test(text) && !/\s/.test(text)) {
    return { spec: packageFile(text, platform, faults), faults };
  }

  let rest = text;
  const brackets = /\[[^\]]*\]/.exec(rest);
  const attributes: Record<string, string> = {};
  if (brackets) {
    rest =
      rest.slice(0, brackets.index) +
      " ".repeat(brackets[0].length) +
      rest.slice(brackets.index + brackets[0].length);
    readBrackets(brackets[0], brackets.index, attributes, faults);
  }
  if (/[[\]]/.test(rest)) {
    return refuse(rest.search(/[[\]]/), "expected at most one pair of square brackets, `name[key=value]`");
  }

  const { channel, subdir, start } = splitChannel(rest);
  if (channel !== undefined && /\s/.test(channel)) {
    return refuse(0, `a channel name has no spaces: expected \`channel::package\`, found ${shown(text)}`);
  }
  const parts = /^\s*([^\s=<>!~,|[]*)(.*)$/s.exec(rest.slice(start));
  const name = parts?.[1] ?? "";
  const nameAt = start + rest.slice(start).length - rest.slice(start).trimStart().length;
  const nameFault = faultOfName(name, text);
  if (nameFault) return refuse(nameAt, ...nameFault);

  const spec: MatchSpec = { text, name: name.toLowerCase() };
  const wantedSubdir = attributes.subdir ?? subdir;
  if (channel !== undefined && channel !== "") spec.channel = channel;
  if (attributes.channel !== undefined) spec.channel = attributes.channel;
  if (wantedSubdir !== undefined) spec.subdir = wantedSubdir;
  readVersion(parts?.[2] ?? "", nameAt + name.length, spec, faults);
  if (attributes.version !== undefined && brackets) {
    for (const fault of versionFaults(attributes.version)) faults.push({ ...fault, offset: brackets.index });
    spec.version = attributes.version;
  }
  if (attributes.build !== undefined) spec.build = attributes.build;
  if (attributes.url !== undefined) spec.url = attributes.url;
  if (Object.keys(attributes).length > 0) spec.attributes = attributes;
  checkPlatform(spec, platform, faults);
  return { spec, faults };
}

/** What is no conda spec but belongs to pip or to a shell. */
function foreignLine(text: string): [message: string, hint: string] | undefined {
  if (/^-/.test(text)) {
    return [
      `${shown(text)} is a pip option: expected a conda package`,
      "pip lines belong into the list of `- pip:`.",
    ];
  }
  if (/^(?:git|hg|svn|bzr)\+|^[^\s=<>]+\s*@\s*\S+:/.test(text)) {
    return [
      `${shown(text)} is a pip requirement: expected a conda package`,
      "pip lines belong into the list of `- pip:`.",
    ];
  }
  if (/;/.test(text) && !/\$\(/.test(text)) {
    return [
      `conda knows no environment markers ("; …"): expected a conda package, found ${shown(text)}`,
      "Lines with markers belong into the list of `- pip:`, or leave the marker out.",
    ];
  }
  return undefined;
}

/** Source: CEP 26 (names of conda packages); upper case is folded, `*` stands for any characters. */
function faultOfName(name: string, text: string): [message: string, hint?: string] | undefined {
  if (name === "") return [`expected a package name first, found ${shown(text)}`];
  if (/\{\{|\{%/.test(text)) {
    return [
      `unrendered Jinja: expected a package name, found ${shown(text)}`,
      "This is a template: render it first, or write the package's name.",
    ];
  }
  if (/^[A-Za-z0-9_*][A-Za-z0-9_.*-]*$/.test(name)) return undefined;
  const message = `invalid package name ${shown(text)}: expected letters, digits and . _ -`;
  return /^https?:/.test(text)
    ? [message, "The address of a package ends in .conda or .tar.bz2."]
    : [message];
}

/** `channel::`, `channel/subdir::` or `channel:namespace:` before a name; `start` is where the name begins. */
function splitChannel(rest: string): { channel?: string; subdir?: string; start: number } {
  const last = rest.lastIndexOf(":");
  if (last === -1) return { start: 0 };
  const before = rest.lastIndexOf(":", last - 1);
  if (before === -1) return { start: last + 1 };
  const channel = rest.slice(0, before).trim();
  const slash = channel.lastIndexOf("/");
  const tail = channel.slice(slash + 1);
  if (slash !== -1 && CONDA_SUBDIRS.has(tail)) {
    return { channel: channel.slice(0, slash), subdir: tail, start: last + 1 };
  }
  return { channel, start: last + 1 };
}

function readBrackets(
  brackets: string,
  offset: number,
  attributes: Record<string, string>,
  faults: SpecFault[],
): void {
  const inside = brackets.slice(1, -1);
  if (!inside.includes("=")) {
    faults.push({
      severity: "warning",
      offset,
      message: `conda has no extras: ${shown(brackets)} is dropped`,
      hint: "Name the packages that the extra would bring, or move the line into the list of `- pip:`.",
    });
    return;
  }
  const pairs = inside.matchAll(/\s*([\w-]+)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^,\s'"]*))\s*(?:,|\s|$)/gy);
  let end = 0;
  for (const pair of pairs) {
    const key = pair[1] ?? "";
    end = pair.index + pair[0].length;
    if (!BRACKET_KEYS.has(key)) {
      const known = "channel, subdir, version, build, build_number, md5, sha256, url or fn";
      faults.push({
        severity: "error",
        offset: offset + 1 + pair.index,
        message: `conda cannot match on "${key}": expected ${known} in the brackets`,
      });
      continue;
    }
    attributes[key === "build_string" ? "build" : key] = pair[2] ?? pair[3] ?? pair[4] ?? "";
  }
  if (inside.slice(end).trim() !== "") {
    faults.push({
      severity: "error",
      offset: offset + 1 + end,
      message: `expected \`key=value\` pairs in the brackets, found ${shown(inside.slice(end))}`,
    });
  }
}

/** Source: conda's `_parse_version_plus_build`, from which the pattern is. */
function readVersion(tail: string, offset: number, spec: MatchSpec, faults: SpecFault[]): void {
  const text = tail.trim();
  if (text === "") return;
  const at = offset + tail.length - tail.trimStart().length;
  const match = /^((?:.+?)[^><!,|]?)(?:(?<![=!|,<>~])[ =]([^-=,|<>~]+?))?$/s.exec(text);
  let version = (match?.[1] ?? text).trim();
  const build = match?.[2]?.trim();
  if (build !== undefined && /\s/.test(build)) {
    faults.push({
      severity: "error",
      offset: at + version.length,
      message: `expected at most a version and a build after the name, found ${shown(text)}`,
      hint: "One package is expected for each line.",
    });
    return;
  }
  if (/^=[^=]+=$/.test(version) && build === undefined) {
    version = version.slice(0, -1);
    faults.push({
      severity: "error",
      offset: at + version.length,
      message: 'expected a build string after the second "="',
    });
  }
  faults.push(...versionFaults(version).map((fault) => ({ ...fault, offset: at + fault.offset })));
  spec.version = version.replace(/\s+/g, "");
  if (build !== undefined && build !== "") spec.build = build;
}

/** The fields of a package's file name, `name-version-build`, or undefined. Source: conda's `_parse_legacy_dist`. */
export function fieldsOfFileName(
  fileName: string,
): { name: string; version: string; build: string } | undefined {
  const match = /^(.+)-([^-]+)-([^-]+)\.(?:conda|tar\.bz2)$/.exec(fileName);
  if (!match) return undefined;
  return { name: match[1] ?? "", version: match[2] ?? "", build: match[3] ?? "" };
}

function packageFile(text: string, platform: string, faults: SpecFault[]): MatchSpec | undefined {
  const url = text.replace(/#.*$/, "");
  const parts = url.split("/");
  const fields = fieldsOfFileName(parts.at(-1) ?? "");
  const subdir = parts.at(-2) ?? "";
  if (!fields) {
    faults.push({
      severity: "error",
      offset: 0,
      message: `expected a package file \`name-version-build.conda\`, found ${shown(parts.at(-1) ?? "")}`,
    });
    return undefined;
  }
  const spec: MatchSpec = {
    text,
    name: fields.name.toLowerCase(),
    version: `==${fields.version}`,
    build: fields.build,
    url,
    ...(CONDA_SUBDIRS.has(subdir) ? { subdir } : {}),
  };
  checkPlatform(spec, platform, faults);
  return spec;
}

function checkPlatform(spec: MatchSpec, platform: string, faults: SpecFault[]): void {
  if (
    spec.subdir !== undefined &&
    spec.subdir !== platform &&
    spec.subdir !== "noarch" &&
    spec.subdir !== "*"
  ) {
    faults.push({
      severity: "warning",
      offset: 0,
      message: `${shown(spec.text)} is a package for ${spec.subdir}: it cannot be installed on ${platform}`,
    });
  } else if (isWindowsOnly(spec.name) && !platform.startsWith("win-")) {
    faults.push({
      severity: "warning",
      offset: 0,
      message: `the package "${spec.name}" exists for Windows only: it cannot be installed on ${platform}`,
      hint: "Remove the line. `conda env export --from-history` writes what was asked for, on any platform.",
    });
  }
}
