import { isMap, isScalar, isSeq, type Scalar } from "yaml";
import { type Diagnostic, FindingsOfFile, type Place } from "./diagnostic.ts";
import { didYouMean } from "./did-you-mean.ts";
import { DuplicateSpecs } from "./duplicate-specs.ts";
import { parseMatchSpec } from "./match-spec.ts";
import { type PipSection, readPipLists } from "./pip-section.ts";
import { DEFAULT_PLATFORM, type ReadContext } from "./read-context.ts";
import { begun, shown } from "./shown-text.ts";
import type { CondaDependency } from "./spec-list.ts";
import { kindOf, type YamlFile, type YamlNode } from "./yaml-document.ts";

/** The `dependencies` of an environment file. */
export interface DependencyList {
  dependencies: CondaDependency[];
  pip?: PipSection;
  diagnostics: Diagnostic[];
}

/**
 * Reads the list under `dependencies`: conda specs, at most one `pip:` list, and mamba's `sel(linux): spec`.
 * Sources: conda, "Managing environments"; mamba, "Specification of environments" (platform selectors).
 */
export function readDependencies(
  yaml: YamlFile,
  node: YamlNode,
  keyPlace: Partial<Place>,
  text: string,
  found: FindingsOfFile,
  context: ReadContext,
): DependencyList {
  const reader = new DependencyReader(yaml, text, new FindingsOfFile(found.file), context);
  if (isSeq(node)) {
    reader.read(node.items, { line: keyPlace.line ?? 1, column: keyPlace.column ?? 1 });
  } else {
    reader.findings.error(
      keyPlace,
      `\`dependencies\` is ${isScalar(node) && node.value === null ? "empty" : kindOf(node)}: expected a list of packages`,
      "Write one `- package` on each line below it.",
    );
  }
  return {
    dependencies: reader.dependencies,
    ...(reader.pip ? { pip: reader.pip } : {}),
    diagnostics: reader.findings.list,
  };
}

class DependencyReader {
  readonly dependencies: CondaDependency[] = [];
  pip: PipSection | undefined;
  private readonly pipLists: { node: YamlNode; place: Place }[] = [];
  private readonly duplicates = new DuplicateSpecs();
  private readonly lines: string[];
  private readonly platform: string;
  private readonly yaml: YamlFile;
  private readonly context: ReadContext;
  readonly findings: FindingsOfFile;

  constructor(yaml: YamlFile, text: string, findings: FindingsOfFile, context: ReadContext) {
    this.yaml = yaml;
    this.findings = findings;
    this.context = context;
    this.lines = text.split(/\r?\n/);
    this.platform = context.platform ?? DEFAULT_PLATFORM;
  }

  read(items: readonly unknown[], keyPlace: Place): void {
    if (items.length === 0)
      this.findings.warning(keyPlace, "`dependencies` is an empty list: nothing is installed");
    for (const item of items) {
      const place = { ...keyPlace, ...this.yaml.placeOf(item) };
      if (place.line >= this.yaml.brokenFrom) break;
      const entry = this.yaml.resolved(item);
      if (isScalar(entry)) this.scalar(entry, place);
      else if (isMap(entry)) this.mapping(entry, place);
      else if (entry !== undefined) {
        const kind = kindOf(entry);
        this.findings.error(
          place,
          `expected a package, found ${kind === "a list" ? "a list inside the list" : kind}`,
        );
      }
    }
    if (this.pipLists.length > 0) {
      this.pip = readPipLists(this.yaml, this.pipLists, this.findings, this.context);
    }
    if (this.pip && !this.dependencies.some((one) => one.name === "pip")) {
      this.findings.warning(
        { line: this.pip.line },
        "there is a `pip:` list but no dependency `pip`: the engine adds it",
        "Add `- pip` to the dependencies.",
      );
    }
  }

  private scalar(entry: Scalar, place: Place): void {
    if (entry.value === null) {
      this.findings.error(place, "this list entry is empty: expected a package", "Remove the line.");
    } else if (typeof entry.value !== "string") {
      this.findings.error(
        place,
        `expected a package, found ${kindOf(entry)} (${shown(this.yaml.written(entry))})`,
      );
    } else {
      const quoted = entry.type === "QUOTE_DOUBLE" || entry.type === "QUOTE_SINGLE";
      if (entry.type === "PLAIN" && (this.yaml.lastLineOf(entry) ?? place.line) > place.line) {
        this.findings.warning(
          place,
          `this list entry goes on over ${(this.yaml.lastLineOf(entry) ?? place.line) - place.line + 1} lines, ` +
            `which YAML joins to ${shown(entry.value)}`,
          "Begin each package with `- `, all in the same column.",
        );
      }
      this.spec(entry.value, { line: place.line, column: place.column + (quoted ? 1 : 0) });
      this.selectorComment(place.line);
    }
  }

  private spec(text: string, place: Place): void {
    const { spec, faults } = parseMatchSpec(text, this.platform);
    for (const { severity, offset, message, hint } of faults) {
      this.findings.add(severity, { line: place.line, column: place.column + offset }, message, hint);
    }
    if (!spec) return;
    const dependency = { ...spec, ...place };
    this.dependencies.push(dependency);
    this.duplicates.check(dependency, this.findings);
  }

  /** conda-build's `# [win]` at the end of a line is a plain comment here. Source: conda-build, "Selectors". */
  private selectorComment(line: number): void {
    const selector = /\s#\s*\[([^\]]{1,80})\]\s*$/.exec((this.lines[line - 1] ?? "").slice(-200))?.[1] ?? "";
    const excludesUs =
      /\b(?:win(?:32|64)?|osx|arm64)\b/.test(selector) && !/\b(?:not|linux|unix)\b/.test(selector);
    if (excludesUs || /\bnot\s+(?:linux|unix)\b/.test(selector)) {
      this.findings.warning(
        { line },
        `the selector "# [${selector}]" is a plain comment in an environment file: the package is required on ${this.platform} too`,
        "Remove the line if the package is not for this platform.",
      );
    }
  }

  private mapping(entry: Parameters<YamlFile["entries"]>[0], place: Place): void {
    const firstKey = this.yaml.resolved(entry.items[0]?.key);
    if (isMap(firstKey) || (this.lines[place.line - 1] ?? "").slice(place.column - 1).startsWith("{{")) {
      const found = (this.lines[place.line - 1] ?? "").slice(place.column - 1);
      this.findings.error(
        place,
        `unrendered Jinja: expected a package name, found ${shown(found)}`,
        "This is a template: render it first, or write the package's name.",
      );
      return;
    }
    for (const { key, place: at, value } of this.yaml.entries(entry, this.findings)) {
      const keyPlace = { ...place, ...at };
      const name = key.trim();
      const selector = /^sel\(([^)]*)\)$/.exec(name)?.[1]?.trim();
      if (selector !== undefined) this.selected(selector, value, keyPlace);
      else if (name === "pip") this.pipSection(value, keyPlace);
      else this.unknownInstaller(name, value, keyPlace);
    }
  }

  /** conda keeps the last of several lists (conda/env/env.py), micromamba installs each (libmamba, install.cpp). */
  private pipSection(value: YamlNode, place: Place): void {
    const first = this.pipLists[0];
    this.pipLists.push({ node: value, place });
    if (!first) return;
    this.findings.note(
      place,
      `there is another \`pip:\` list (the first is on line ${first.place.line}): micromamba and mamba install all ` +
        "of them, conda the last one only",
      "Put all pip packages into one list.",
    );
  }

  private selected(selector: string, value: YamlNode, place: Place): void {
    if (!["unix", "linux", "osx", "win"].includes(selector)) {
      this.findings.error(
        place,
        `unknown selector "sel(${selector})": expected linux, unix, osx or win in it`,
      );
      return;
    }
    const matches = [this.platform.startsWith("win-") ? "" : "unix", this.platform.split("-")[0]].includes(
      selector,
    );
    this.findings.warning(
      place,
      `"sel(${selector})" is an extension of mamba: the entry is ${matches ? "kept" : "dropped"} on ${this.platform}; ` +
        "plain conda does not know it and fails",
      "Use micromamba or mamba, or keep one environment file for each platform.",
    );
    if (!isScalar(value) || typeof value.value !== "string") {
      this.findings.error(place, `expected a package after "sel(${selector}):", found ${kindOf(value)}`);
    } else if (matches) {
      this.spec(value.value, { ...place, ...this.yaml.placeOf(value) });
    }
  }

  private unknownInstaller(name: string, value: YamlNode, place: Place): void {
    if (isScalar(value) && value.value !== null && /^[\w.-]+$/.test(name)) {
      const version = this.yaml.written(value);
      const operator = /^[=<>!~]/.test(version) ? "" : "=";
      this.findings.error(
        place,
        `expected a package, found a mapping \`${name}: …\``,
        `Write \`- ${name}${operator}${shown(version).slice(1, -1)}\`.`,
      );
      return;
    }
    const meant = didYouMean(name, ["pip"]);
    this.findings.error(
      place,
      `there is no installer of the name ${shown(name)}: expected a package or \`pip:\` with a list`,
      meant ? "Did you mean `pip:`?" : `Write \`- ${begun(name, 40)}\` without the colon for a package.`,
    );
  }
}
