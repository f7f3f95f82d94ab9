import { withoutCredentials } from "../tools/redact.ts";
import { parseDependencySpecifier, type SpecifierFault } from "./dependency-specifier.ts";
import type { FindingsOfFile, Place } from "./diagnostic.ts";
import { parseMarker } from "./environment-marker.ts";
import { isWindowsOnly } from "./platform.ts";
import { DEFAULT_PLATFORM, exists, isPythonProject, type ReadContext } from "./read-context.ts";
import { expandVariables, type LogicalLine } from "./requirement-lines.ts";
import type { ParsedOption } from "./requirement-options.ts";
import {
  eggOf,
  isArchive,
  isUrl,
  isVcsUrl,
  looksLikePath,
  pathFrom,
  pathOfFileUrl,
  schemeOf,
  splitExtras,
  wheelOf,
} from "./requirement-source.ts";
import type { NamedFile, Requirement } from "./requirements.ts";
import { shown } from "./shown-text.ts";

/** A line that asks for a package, without its options. */
export interface RequirementLine {
  text: string;
  editable: boolean;
  constraint: boolean;
  /** Where the requirement begins in the line. */
  offset: number;
  hashes: ParsedOption[];
  line: LogicalLine;
}

/** No single requirement is longer; what is beyond is no requirement. */
const LONGEST = 8000;
/** Source: pip, `STRONG_HASHES`. */
const HASHES = ["sha256", "sha384", "sha512"];

interface Found {
  requirement?: Requirement;
  named?: NamedFile;
}

/**
 * Reads one requirement as pip does (`parse_req_from_line`, `parse_editable` in its constructors.py): a dependency
 * specifier, an address, or a path. Reports all faults of the line.
 */
export function readRequirement(
  source: RequirementLine,
  findings: FindingsOfFile,
  context: ReadContext,
): Found {
  return new RequirementReader(source, findings, context).read();
}

class RequirementReader {
  private readonly source: RequirementLine;
  private readonly findings: FindingsOfFile;
  private readonly context: ReadContext;
  private readonly place: Place;
  private readonly unset: string[];
  private readonly base: Omit<Requirement, "extras" | "specifier">;

  constructor(source: RequirementLine, findings: FindingsOfFile, context: ReadContext) {
    this.source = source;
    this.findings = findings;
    this.context = context;
    this.place = source.line.placeOf(source.offset);
    this.unset = expandVariables(source.text.slice(0, LONGEST), context.env).unset;
    this.base = {
      text: source.text,
      editable: source.editable,
      constraint: source.constraint,
      hashes: this.readHashes(),
      file: findings.file,
      line: this.place.line,
    };
  }

  read(): Found {
    const { text, editable, constraint } = this.source;
    if (text.length > LONGEST) {
      this.findings.error(this.place, `expected a requirement, found a text of ${text.length} characters`);
      return {};
    }
    if (/\{\{|\{%/.test(text)) {
      this.findings.error(
        this.place,
        `unrendered Jinja: expected a requirement, found ${shown(text)}`,
        "This is a template: render it first.",
      );
      return {};
    }
    if (editable && constraint) {
      this.findings.error(
        this.place,
        "-e is not possible in a constraints file: expected a name with versions",
      );
      return {};
    }
    const found = editable ? this.editable(text) : this.ordinary(text);
    const extras = found.requirement?.extras ?? [];
    if (constraint && extras.length > 0) {
      this.findings.error(
        this.place,
        `a constraint has no extras: expected ${shown(found.requirement?.name ?? "name")}`,
      );
    }
    return found;
  }

  private readHashes(): Requirement["hashes"] {
    const hashes: Requirement["hashes"] = [];
    for (const { value, offset } of this.source.hashes) {
      const colon = value.indexOf(":");
      const algorithm = value.slice(0, Math.max(colon, 0));
      if (!HASHES.includes(algorithm) || colon === value.length - 1) {
        this.findings.error(
          this.source.line.placeOf(offset),
          `expected --hash=sha256:… (or sha384, sha512), found ${shown(`--hash=${value}`)}`,
        );
      } else hashes.push({ algorithm, value: value.slice(colon + 1) });
    }
    return hashes;
  }

  /** What is not `-e`: an address, a path, or a dependency specifier. */
  private ordinary(text: string): Found {
    if (isUrl(text)) return this.address(text);
    const semicolon = text.indexOf(";");
    const { path, extras } = splitExtras((semicolon === -1 ? text : text.slice(0, semicolon)).trim());
    const at = path.indexOf("@");
    const direct = at > 0 && !looksLikePath(path.slice(0, at));
    if (!direct && (isArchive(path) || looksLikePath(path))) {
      if (isArchive(path) || looksLikePath(path.split(/\s/)[0] ?? ""))
        return this.local(path, extras, semicolon);
    }
    return this.specifier(text);
  }

  private specifier(text: string): Found {
    const asWritten = parseDependencySpecifier(text);
    const expanded = expandVariables(text, this.context.env);
    const parsed = asWritten.fault && expanded.changed ? parseDependencySpecifier(expanded.text) : asWritten;
    if (parsed.fault) {
      this.refuse(parsed.fault, expanded.changed);
      return {};
    }
    for (const warning of parsed.warnings)
      this.findings.warning(this.at(warning.offset), warning.message, warning.hint);
    const { url, ...rest } = parsed.specifier;
    if (url !== undefined) {
      if (!isUrl(url)) {
        this.findings.error(
          this.place,
          `expected an address after "@", such as https://…, git+https://… or file:///…, found ${shown(url)}`,
        );
        return {};
      }
      return this.addressed(url, { ...this.base, ...rest, url });
    }
    this.warnOfPlatform(rest.name, rest.marker);
    return { requirement: { ...this.base, ...rest } };
  }

  private refuse(fault: SpecifierFault, changed: boolean): void {
    if (this.unset.length > 0) {
      this.findings.error(
        this.at(fault.offset),
        `the environment variable ${this.unset.join(", ")} is not set, so that ${shown(this.source.text)} is no valid requirement`,
        `Set it before the build: export ${this.unset[0]}=…`,
      );
      return;
    }
    const { text } = this.source;
    const command =
      /^(?:(?:python\d?(?:\.\d+)? -m )?(?:pip3?|conda|mamba|uv pip) install|!pip|\$ pip)\b/.test(text);
    this.findings.error(
      changed ? this.place : this.at(fault.offset),
      changed ? "with its environment variables expanded, this is no valid requirement" : fault.message,
      command ? "Write the package names alone, without the command." : fault.hint,
    );
  }

  private at(offset: number): Place {
    return this.source.line.placeOf(this.source.offset + offset);
  }

  /** A line that begins with an address. pip wants "; " before a marker there. */
  private address(text: string): Found {
    const semicolon = text.indexOf("; ");
    const url = (semicolon === -1 ? text : text.slice(0, semicolon)).trim();
    const requirement: Requirement = { ...this.base, extras: [], specifier: "", url };
    if (semicolon !== -1 && !this.marker(requirement, text, semicolon)) return {};
    if (/\s/.test(url)) {
      this.findings.error(this.place, `expected one address on a line, found ${shown(url)}`);
      return {};
    }
    if (this.source.constraint && !eggOf(url).name && !wheelOf(url)) {
      this.findings.error(this.place, "a constraint must have a name: expected `name @ address`");
    }
    return this.addressed(url, requirement);
  }

  private marker(requirement: Requirement, text: string, semicolon: number): boolean {
    const marker = text.slice(semicolon + 1);
    if (marker.trim() === "") return true;
    const bad = parseMarker(marker);
    if (bad) this.findings.error(this.at(semicolon + 1 + bad.offset), bad.message);
    else requirement.marker = marker.trim();
    return bad === undefined;
  }

  /** Checks what pip checks of an address: the egg fragment, a wheel's name, a file's place. */
  private addressed(url: string, requirement: Requirement): Found {
    const egg = eggOf(url);
    if (egg.invalid !== undefined) {
      this.findings.error(
        this.at(Math.max(this.source.text.indexOf("egg="), 0)),
        `"#egg=" takes a name alone, without extras: found ${shown(egg.invalid)}`,
        "Write `name[extras] @ address` instead.",
      );
      return {};
    }
    if (requirement.name === undefined && egg.name !== undefined) requirement.name = egg.name;
    if (this.unset.length > 0) {
      this.findings.warning(
        this.place,
        `the environment variable ${this.unset.join(", ")} is not set: pip takes "\${${this.unset[0]}}" in the address literally`,
        `Set it before the build: export ${this.unset[0]}=…`,
      );
      return { requirement };
    }
    if (!this.wheel(url, requirement)) return {};
    const address = expandVariables(url, this.context.env).text;
    if (isVcsUrl(url) && withoutCredentials(address) !== address) {
      const program = schemeOf(url).split("+")[0];
      this.findings.warning(
        this.place,
        `the address holds credentials, which ${program} shows to everybody on this host (ps) while it fetches the package`,
        "Put them into ~/.netrc (mode 0600), or use ssh.",
      );
    }
    const path = pathOfFileUrl(url);
    return path === undefined ? { requirement } : { requirement, named: this.fileUrl(url, path) };
  }

  private wheel(url: string, requirement: Requirement): boolean {
    const wheel = wheelOf(expandVariables(url, this.context.env).text);
    if (wheel === "invalid") {
      this.findings.error(
        this.place,
        `expected a wheel's file name, name-version-python-abi-platform.whl, found ${shown(url.split("/").at(-1) ?? "")}`,
      );
      return false;
    }
    if (wheel === undefined) return true;
    requirement.name ??= wheel.name;
    if (
      /^(?:win|macosx)/.test(wheel.platform) &&
      requirement.marker === undefined &&
      this.platform.startsWith("linux")
    ) {
      this.findings.warning(
        this.place,
        `the wheel is for ${wheel.platform}: it cannot be installed on ${this.platform}`,
        'Add a marker such as `; sys_platform == "win32"`, or remove the line.',
      );
    }
    return true;
  }

  private get platform(): string {
    return this.context.platform ?? DEFAULT_PLATFORM;
  }

  private warnOfPlatform(name: string, marker: string | undefined): void {
    if (marker !== undefined || !isWindowsOnly(name) || this.platform.startsWith("win")) return;
    this.findings.warning(
      this.place,
      `the package "${name}" exists for Windows only: it cannot be installed on ${this.platform}`,
      'Add `; sys_platform == "win32"` to the line, or remove it.',
    );
  }

  private fileUrl(url: string, path: string): NamedFile {
    const resolved = pathFrom(".", path);
    const there = isArchive(path) ? exists(this.context, resolved) : isPythonProject(this.context, resolved);
    if (!there) {
      this.findings.warning(
        this.place,
        `${shown(url)} is not on this machine: expected ${isArchive(path) ? "a package file" : "a directory with pyproject.toml or setup.py"} there`,
        "Put it there, or name the package by its version or its repository.",
      );
    }
    return this.named(this.source.editable ? "editable" : "local", url, resolved, there);
  }

  private named(kind: NamedFile["kind"], written: string, resolved: string, there: boolean): NamedFile {
    return { kind, written, resolved, exists: there, file: this.findings.file, line: this.place.line };
  }

  /** A path that is no `-e`. */
  private local(path: string, extras: string[], semicolon: number): Found {
    const requirement: Requirement = { ...this.base, extras, specifier: "" };
    if (semicolon !== -1 && !this.marker(requirement, this.source.text, semicolon)) return {};
    const resolved = pathFrom(".", expandVariables(path, this.context.env).text);
    if (isArchive(path)) {
      const there = exists(this.context, resolved);
      if (!there) {
        this.findings.warning(
          this.place,
          `${shown(path)} looks like a package file, but it is not beside the input file`,
        );
      }
      if (!this.wheel(path, requirement)) return {};
      return { requirement, named: this.named("local", path, resolved, there) };
    }
    if (!isPythonProject(this.context, resolved)) {
      this.findings.error(
        this.place,
        `${shown(path)} looks like a path, but no directory with pyproject.toml or setup.py is there: ` +
          "expected a package name or a Python project beside the input file",
      );
      return {};
    }
    return { requirement, named: this.named("local", path, resolved, true) };
  }

  /** What stands after `-e`: `name @ git+https://…`, `git+https://…#egg=name`, or a path. */
  private editable(text: string): Found {
    const parsed = parseDependencySpecifier(text);
    if (parsed.specifier?.url !== undefined) {
      const { url, ...rest } = parsed.specifier;
      return this.addressed(url, { ...this.base, ...rest, url });
    }
    const requirement: Requirement = { ...this.base, extras: [], specifier: "" };
    if (isVcsUrl(text)) {
      const found = this.addressed(text, { ...requirement, url: text });
      if (found.requirement && found.requirement.name === undefined && !text.startsWith("git+file:")) {
        this.findings.error(
          this.place,
          `pip cannot tell the package's name from ${shown(text)}: expected "#egg=name" at the end`,
        );
        return {};
      }
      return found;
    }
    const { path, extras } = splitExtras(text);
    const filePath = pathOfFileUrl(path);
    if (filePath !== undefined) {
      return { requirement: { ...requirement, extras, url: path }, named: this.fileUrl(path, filePath) };
    }
    if (isUrl(path)) {
      this.findings.error(
        this.place,
        `-e takes a directory or a repository address (git+https://…), found ${shown(text)}`,
      );
      return {};
    }
    const resolved = pathFrom(".", expandVariables(path, this.context.env).text);
    const there = isPythonProject(this.context, resolved);
    const where = path.startsWith("..") ? "above" : "beside";
    if (there) {
      this.findings.note(
        this.place,
        `-e ${shown(path)} leaves the package in its checkout: it must stay where it is for the environment to work`,
      );
    } else if (!/^[./]*$/.test(path) && this.context.existsBeside?.(resolved) === false) {
      this.findings.error(
        this.place,
        `-e ${shown(text)}: expected a directory or a repository address (git+https://…), and no such directory is there`,
        `Put the checkout at ${shown(path)} beside the input file, or give its repository.`,
      );
    } else {
      this.findings.warning(
        this.place,
        `-e ${shown(text)} needs the checkout ${where} the file: no directory with pyproject.toml or setup.py is there`,
        `Put the file into the checkout, or name the package or its repository instead.`,
      );
    }
    return { requirement: { ...requirement, extras }, named: this.named("editable", text, resolved, there) };
  }
}
