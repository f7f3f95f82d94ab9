import { posix } from "node:path";
import { type Diagnostic, FindingsOfFile, type Place } from "./diagnostic.ts";
import { exists, type ReadContext } from "./read-context.ts";
import { recogniseForeign } from "./recognise.ts";
import { type RequirementLine, readRequirement } from "./requirement.ts";
import { expandVariables, type LogicalLine, logicalLines } from "./requirement-lines.ts";
import { type ParsedOption, parseOptions, splitOptions } from "./requirement-options.ts";
import { isUrl, pathFrom, pathOfFileUrl, schemeOf } from "./requirement-source.ts";
import type { IndexOptions, NamedFile, Requirement, Requirements } from "./requirements.ts";
import { checkDuplicates, checkHashes } from "./requirements-checks.ts";
import { shown } from "./shown-text.ts";
import { linesOf, type SourceLine, textOf } from "./text.ts";

/** Limits against files that include each other without end or in masses. */
const DEEPEST = 30;
const MOST_FILES = 200;
const LARGEST_FILE = 2 * 1024 * 1024;
/** Longer than any requirement with all its hashes. */
const LONGEST_LINE = 200_000;

/** Source: pip 26.3, `--use-feature` (pip/_internal/cli/cmdoptions.py). */
const FEATURES = [
  "fast-deps",
  "inprocess-build-deps",
  "venv-isolation",
  "truststore",
  "no-binary-enable-wheel-cache",
  "build-constraint",
];
/** Source: pip's changelog: choices that were removed, at which a present pip stops. */
const REMOVED_FEATURES = ["2020-resolver", "in-tree-build", "out-of-tree-build", "self-upgrade-check"];

/** A file that is being read: where it lies, and which files led to it. */
interface OpenFile {
  findings: FindingsOfFile;
  /** Relative to the input file's directory; undefined for lines of another kind of file. */
  path: string;
  constraint: boolean;
  chain: readonly string[];
}

/** Reads requirements with all they include; `result` gives what was found. */
export class RequirementsReader {
  private readonly file: string;
  private readonly context: ReadContext;
  private readonly requirements: Requirement[] = [];
  private readonly files: NamedFile[] = [];
  private readonly diagnostics: Diagnostic[] = [];
  private readonly options: IndexOptions = {
    extraIndexUrls: [],
    findLinks: [],
    trustedHosts: [],
    noIndex: false,
    pre: false,
    preferBinary: false,
    requireHashes: false,
    noBinary: [],
    onlyBinary: [],
    useFeatures: [],
  };
  private included = 0;

  constructor(file: string, context: ReadContext) {
    this.file = file;
    this.context = context;
  }

  readText(text: string): void {
    this.readLines(linesOf(text));
    if (this.requirements.length === 0 && this.files.length === 0 && this.diagnostics.length === 0) {
      const findings = new FindingsOfFile(this.file);
      findings.warning({}, "the file names no package: expected one requirement on each line");
      this.diagnostics.push(...findings.list);
    }
  }

  readLines(lines: readonly SourceLine[]): void {
    const path = posix.basename(this.file);
    this.read({ findings: new FindingsOfFile(this.file), path, constraint: false, chain: [path] }, lines);
  }

  result(): { value: Requirements; diagnostics: Diagnostic[] } {
    const checks = [...checkDuplicates(this.requirements), ...checkHashes(this.requirements, this.options)];
    return {
      value: { requirements: this.requirements, options: this.options, files: this.files },
      diagnostics: [...this.diagnostics, ...checks],
    };
  }

  private read(open: OpenFile, lines: readonly SourceLine[]): void {
    for (const line of logicalLines(lines)) {
      if (line.text.length > LONGEST_LINE) {
        open.findings.error(
          line.placeOf(0),
          `expected a requirement, found a line of ${line.text.length} characters`,
        );
      } else {
        this.readLine(open, line);
      }
    }
    this.diagnostics.push(...open.findings.list);
  }

  private readLine(open: OpenFile, line: LogicalLine): void {
    const { findings } = open;
    if (/^\{[%#{]/.test(line.text)) {
      findings.error(
        line.placeOf(0),
        `unrendered Jinja: expected a requirement, found ${shown(line.text)}`,
        "This is a template: render it first.",
      );
      return;
    }
    const { requirement, optionsAt } = splitOptions(line.text);
    const { options, left, faults } = parseOptions(line.text, optionsAt);
    for (const { offset, message, hint } of faults) findings.error(line.placeOf(offset), message, hint);
    if (faults.length > 0) return;
    const editable = options.find((option) => option.name === "editable");
    const dropped = left[0];
    if (dropped) {
      findings.warning(
        line.placeOf(dropped.offset),
        `pip drops ${shown(dropped.text)} without a word: it stands after an option on the same line`,
        "Write it on a line of its own, or put a value with spaces in quotes.",
      );
    }
    if (requirement === "" && !editable) {
      this.readOptionLine(open, line, options);
      return;
    }
    for (const option of options) {
      if (!["hash", "config-settings", "global-option", "editable"].includes(option.name)) {
        findings.warning(
          line.placeOf(option.offset),
          `pip ignores --${option.name} on the line of a requirement`,
          "Write the option on a line of its own.",
        );
      }
    }
    const read: RequirementLine = {
      text: requirement === "" ? (editable?.value ?? "") : requirement,
      editable: requirement === "",
      constraint: open.constraint,
      offset: requirement === "" ? (editable?.offset ?? 0) : 0,
      hashes: options.filter((option) => option.name === "hash"),
      line,
    };
    const found = readRequirement(read, findings, this.context);
    if (found.requirement) this.requirements.push(found.requirement);
    if (found.named) this.files.push(found.named);
  }

  private readOptionLine(open: OpenFile, line: LogicalLine, options: readonly ParsedOption[]): void {
    const includes = options.filter(
      (option) => option.name === "requirement" || option.name === "constraint",
    );
    const include = includes.find((option) => option.name === "requirement") ?? includes[0];
    for (const option of options) {
      const place = line.placeOf(option.offset);
      if (option === include) this.include(open, option, place);
      else if (includes.includes(option)) {
        open.findings.warning(
          place,
          `pip drops --${option.name} ${shown(option.value)}: it takes one included file from a line`,
          "Write it on a line of its own.",
        );
      } else this.setOption(open, option, place);
    }
  }

  private setOption({ findings, path }: OpenFile, option: ParsedOption, place: Place): void {
    const { name, value } = option;
    const { options } = this;
    switch (name) {
      case "index-url":
        this.checkAddress(value, name, place, findings);
        options.indexUrl = value;
        break;
      case "extra-index-url":
        this.checkAddress(value, name, place, findings);
        options.extraIndexUrls.push(value);
        break;
      case "find-links":
        options.findLinks.push(value);
        if (!isUrl(value)) this.localLinks(value, path, place, findings);
        else this.checkAddress(value, name, place, findings);
        break;
      case "no-binary":
        options.noBinary.push(value);
        break;
      case "only-binary":
        options.onlyBinary.push(value);
        break;
      case "trusted-host":
        options.trustedHosts.push(value);
        break;
      case "no-index":
        options.noIndex = true;
        break;
      case "pre":
        options.pre = true;
        break;
      case "prefer-binary":
        options.preferBinary = true;
        break;
      case "require-hashes":
        options.requireHashes = true;
        break;
      case "use-feature":
        options.useFeatures.push(value);
        this.checkFeature(value, place, findings);
        break;
      case "hash":
        findings.warning(place, "--hash stands on a line without a requirement: pip ignores it");
        break;
      case "global-option":
        findings.warning(place, "--global-option is gone from pip 25.3: only an older pip takes it");
        break;
      default:
        break;
    }
  }

  private checkFeature(value: string, place: Place, findings: FindingsOfFile): void {
    if (REMOVED_FEATURES.includes(value)) {
      findings.error(
        place,
        `--use-feature=${value} is no longer known to pip: expected one of ${FEATURES.join(", ")}`,
        "Remove the line.",
      );
    } else if (!FEATURES.includes(value)) {
      findings.warning(
        place,
        `--use-feature=${shown(value).slice(1, -1)} is unknown: pip stops if it does not know it`,
      );
    }
  }

  private checkAddress(value: string, name: string, place: Place, findings: FindingsOfFile): void {
    const { unset } = expandVariables(value, this.context.env);
    if (unset.length > 0) {
      findings.warning(
        place,
        `the environment variable ${unset.join(", ")} in --${name} is not set: pip takes "\${${unset[0]}}" literally`,
        `Set it before the build: export ${unset[0]}=…`,
      );
    } else if (/\$[A-Za-z_]/.test(value)) {
      findings.warning(
        place,
        `pip does not expand "$NAME" in --${name} ${shown(value)}: expected "\${NAME}", in upper-case letters`,
      );
    } else if (!["http", "https", "file"].includes(schemeOf(value)) && !value.startsWith("/")) {
      findings.warning(
        place,
        `--${name} ${shown(value)} is no address: expected one that begins with https://`,
      );
    }
  }

  private localLinks(value: string, path: string, place: Place, findings: FindingsOfFile): void {
    const resolved = pathFrom(posix.dirname(path), value);
    const there = this.context.existsBeside?.(resolved) ?? true;
    this.name("find-links", value, resolved, there, place, findings);
    if (!there) findings.warning(place, `the directory ${shown(value)} of --find-links is not there`);
  }

  private name(
    kind: NamedFile["kind"],
    written: string,
    resolved: string,
    there: boolean,
    place: Place,
    findings: FindingsOfFile,
  ): void {
    this.files.push({ kind, written, resolved, exists: there, file: findings.file, line: place.line });
  }

  private include(open: OpenFile, option: ParsedOption, place: Place): void {
    const kind = option.name === "constraint" ? "constraint" : "requirement";
    const { text: value, unset, changed } = expandVariables(option.value, this.context.env);
    const { findings } = open;
    const flag = kind === "constraint" ? "-c" : "-r";
    if (["http", "https"].includes(schemeOf(value))) {
      findings.note(
        place,
        `${flag} ${shown(option.value)} is fetched by pip during the build and not checked here`,
      );
      return;
    }
    const target = pathOfFileUrl(value) ?? value;
    const resolved = pathFrom(posix.dirname(open.path), target);
    const label = changed ? shown(option.value) : shown(target);
    if (open.chain.includes(resolved)) {
      findings.error(
        place,
        `${flag} ${label} includes itself: ${[...open.chain, resolved].map((one) => shown(one)).join(" → ")}`,
      );
      return;
    }
    if (open.chain.length > DEEPEST || ++this.included > MOST_FILES) {
      findings.error(
        place,
        `too many included files: expected at most ${MOST_FILES}, nested at most ${DEEPEST} deep`,
      );
      return;
    }
    const bytes = this.context.readBeside(resolved);
    this.name(kind, option.value, resolved, bytes !== undefined, place, findings);
    if (bytes === undefined) {
      const what = kind === "constraint" ? "constraints file" : "requirements file";
      if (unset.length > 0) {
        findings.error(place, `the environment variable ${unset.join(", ")} in ${flag} ${label} is not set`);
      } else if (exists(this.context, resolved)) {
        findings.error(place, `the included ${what} ${label} cannot be read: expected an ordinary file`);
      } else {
        const hint = posix.isAbsolute(resolved)
          ? "Put it there, or remove the line."
          : `Put it at ${shown(this.shownPath(resolved))}, or remove the line.`;
        findings.error(
          place,
          `the included ${what} ${label} is not there: expected it beside this file`,
          hint,
        );
      }
      return;
    }
    this.readIncluded({ kind, resolved, chain: open.chain, constraint: open.constraint }, bytes);
  }

  private readIncluded(
    include: { kind: string; resolved: string; chain: readonly string[]; constraint: boolean },
    bytes: Uint8Array,
  ): void {
    const file = this.shownPath(include.resolved);
    if (bytes.length === 0) return;
    const { value: text, diagnostics } = textOf(file, bytes, { pythonCoding: true, largest: LARGEST_FILE });
    this.diagnostics.push(...diagnostics);
    if (text === undefined) return;
    const foreign = recogniseForeign(text, "requirements");
    const findings = new FindingsOfFile(file);
    if (foreign) {
      findings.error({ line: foreign.line, column: 1 }, foreign.message, foreign.hint);
      this.diagnostics.push(...findings.list);
      return;
    }
    this.read(
      {
        findings,
        path: include.resolved,
        constraint: include.kind === "constraint",
        chain: [...include.chain, include.resolved],
      },
      linesOf(text),
    );
  }

  private shownPath(resolved: string): string {
    return posix.isAbsolute(resolved) ? resolved : posix.join(posix.dirname(this.file), resolved);
  }
}
