import { isMap, isScalar, isSeq } from "yaml";
import { FindingsOfFile, type Place, type Reading } from "./diagnostic.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type DependencyList, readDependencies } from "./environment-dependencies.ts";
import type { PipSection } from "./pip-section.ts";
import type { ReadContext } from "./read-context.ts";
import { begun, shown } from "./shown-text.ts";
import type { CondaDependency } from "./spec-list.ts";
import { kindOf, YamlFile, type YamlNode } from "./yaml-document.ts";

/** A channel as written: a name, an address, `nodefaults`. It may hold credentials. */
export interface Channel {
  text: string;
  line: number;
  column: number;
}

/** What an environment file asks for. */
export interface CondaEnvironment {
  name?: string;
  /** In order of priority, without `nodefaults`. Empty: the engine's own configuration decides. */
  channels: Channel[];
  /** Whether `nodefaults` is among the channels: the configured default channels are not to be added. */
  nodefaults: boolean;
  dependencies: CondaDependency[];
  /** The `pip:` list; absent when there is none. */
  pip?: PipSection;
  /** Environment variables to set in the environment; values as written. */
  variables: Record<string, string>;
  /** Where the exported environment was. No engine uses it when another prefix is given. */
  prefix?: string;
}

/** Source: conda, "Managing environments", and `conda/env/env.py`, `VALID_KEYS`. micromamba takes the same. */
const KEYS = ["name", "channels", "dependencies", "variables", "prefix"] as const;

/** Words that others use for those keys and that no spelling distance finds. */
const SYNONYMS: Readonly<Record<string, (typeof KEYS)[number]>> = {
  requirements: "dependencies",
  packages: "dependencies",
  deps: "dependencies",
  requires: "dependencies",
  env: "variables",
  environment: "variables",
  vars: "variables",
  env_vars: "variables",
};

/** Keys of other tools that are at home beside conda's. */
const KEYS_OF_OTHERS: Readonly<Record<string, string>> = {
  platforms: "conda-lock",
  category: "conda-lock",
  env_specs: "anaconda-project",
  commands: "anaconda-project",
  downloads: "anaconda-project",
};

/**
 * Reads an environment file as conda and micromamba take it.
 * Source of the format: conda, "Managing environments: Creating an environment file manually".
 */
export function readEnvironmentYml(
  file: string,
  text: string,
  context: ReadContext,
): Reading<CondaEnvironment> {
  const findings = new FindingsOfFile(file);
  const jinja = jinjaLines(text);
  for (const place of jinja) {
    findings.error(
      place,
      "unrendered Jinja: expected a plain environment file, found a template's control line",
      "Render the template first.",
    );
  }
  const yaml = new YamlFile(text, jinja.length > 0 ? new FindingsOfFile(file) : findings);
  const value: CondaEnvironment = { channels: [], nodefaults: false, dependencies: [], variables: {} };
  if (!isMap(yaml.root)) {
    if (yaml.brokenFrom === Number.POSITIVE_INFINITY) {
      findings.error(
        yaml.root === undefined ? {} : yaml.placeOf(yaml.root),
        `expected a mapping with the key \`dependencies\`, found ${kindOf(yaml.root)}`,
      );
    }
    return { value: undefined, diagnostics: findings.list };
  }

  let dependencies: DependencyList | undefined;
  const unknown: { key: string; place: Partial<Place> }[] = [];
  for (const { key, place, value: node } of yaml.entries(yaml.root, findings)) {
    switch (key) {
      case "name":
        readName(node, place, value, yaml, findings);
        break;
      case "channels":
        readChannels(node, place, value, yaml, findings);
        break;
      case "dependencies":
        dependencies = readDependencies(yaml, node, place, text, findings, context);
        break;
      case "variables":
        readVariables(node, place, value, yaml, findings);
        break;
      case "prefix":
        if (isScalar(node) && node.value !== null) value.prefix = yaml.written(node);
        findings.note(place, "`prefix` is ignored: the environment is made where --prefix says");
        break;
      default:
        unknown.push({ key, place });
    }
  }
  if (dependencies) {
    value.dependencies = dependencies.dependencies;
    if (dependencies.pip) value.pip = dependencies.pip;
    findings.list.push(...dependencies.diagnostics);
  } else if (yaml.brokenFrom === Number.POSITIVE_INFINITY) {
    const meant = unknown.find((one) => meantKey(one.key) === "dependencies");
    findings.error(
      meant?.place ?? {},
      meant
        ? `expected the key \`dependencies\`, found ${shown(meant.key)}`
        : "the key `dependencies` is missing: expected a list of packages",
      meant
        ? "Did you mean `dependencies`?"
        : "Add `dependencies:` and below it one `- package` on each line.",
    );
    if (meant) unknown.splice(unknown.indexOf(meant), 1);
  }
  reportUnknown(unknown, findings);
  return { value, diagnostics: findings.list };
}

function meantKey(key: string): string | undefined {
  return Object.hasOwn(SYNONYMS, key.toLowerCase()) ? SYNONYMS[key.toLowerCase()] : didYouMean(key, KEYS);
}

function reportUnknown(
  unknown: readonly { key: string; place: Partial<Place> }[],
  findings: FindingsOfFile,
): void {
  const others: { key: string; place: Partial<Place> }[] = [];
  for (const one of unknown) {
    const meant = meantKey(one.key);
    const tool = Object.hasOwn(KEYS_OF_OTHERS, one.key) ? KEYS_OF_OTHERS[one.key] : undefined;
    if (tool !== undefined || meant === undefined) others.push(one);
    else
      findings.warning(
        one.place,
        `the key ${shown(one.key)} is unknown and ignored`,
        `Did you mean \`${meant}\`?`,
      );
  }
  const first = others[0];
  if (!first) return;
  const tools = new Set(others.flatMap((one) => KEYS_OF_OTHERS[one.key] ?? []));
  const list = others.slice(0, 12).map((one) => `${shown(one.key)} (line ${one.place.line})`);
  findings.warning(
    first.place,
    others.length === 1
      ? `the key ${shown(first.key)} is unknown to conda and ignored: expected ${KEYS.join(", ")}`
      : `${others.length} keys are unknown to conda and ignored: ${list.join(", ")}${others.length > 12 ? ", …" : ""}`,
    ...(tools.size > 0 ? [`They are keys of ${[...tools].join(" and ")}.`] : []),
  );
}

function readName(
  node: YamlNode,
  place: Partial<Place>,
  value: CondaEnvironment,
  yaml: YamlFile,
  findings: FindingsOfFile,
): void {
  if (isScalar(node) && typeof node.value === "string") {
    value.name = node.value;
  } else if (isScalar(node) && node.value === null) {
    findings.warning(place, "`name` has no value, which counts as no name: expected a text");
  } else {
    if (isScalar(node)) value.name = yaml.written(node);
    findings.warning(place, `\`name\` is ${kindOf(node)}: expected a text`, "Put the value in quotes.");
  }
}

function readChannels(
  node: YamlNode,
  place: Partial<Place>,
  value: CondaEnvironment,
  yaml: YamlFile,
  findings: FindingsOfFile,
): void {
  if (isScalar(node) && node.value === null) {
    findings.warning(place, "`channels` is empty: the configured default channels are used");
    return;
  }
  if (!isSeq(node)) {
    findings.error(
      place,
      `\`channels\` is ${kindOf(node)}: expected a list of channels`,
      isScalar(node)
        ? `Write "- ${begun(yaml.written(node), 60)}" on a line of its own below it.`
        : undefined,
    );
    return;
  }
  if (node.items.length === 0) {
    findings.warning(place, "`channels` is empty: the configured default channels are used");
  }
  for (const item of node.items) {
    const entry = yaml.resolved(item);
    const at = { line: place.line ?? 1, column: place.column ?? 1, ...yaml.placeOf(item) };
    if (at.line >= yaml.brokenFrom) break;
    if (!isScalar(entry) || typeof entry.value !== "string") {
      findings.error(at, `expected the name or address of a channel, found ${kindOf(entry)}`);
    } else if (entry.value === "nodefaults") {
      value.nodefaults = true;
    } else if (/\{\{|\{%/.test(entry.value)) {
      findings.error(
        at,
        `unrendered Jinja: expected a channel, found ${shown(entry.value)}`,
        "Render the template first.",
      );
    } else if (/\s/.test(entry.value.trim()) || entry.value.trim() === "") {
      findings.error(at, `expected one channel for each list entry, found ${shown(entry.value)}`);
    } else {
      value.channels.push({ text: entry.value, ...at });
    }
  }
}

function readVariables(
  node: YamlNode,
  place: Partial<Place>,
  value: CondaEnvironment,
  yaml: YamlFile,
  findings: FindingsOfFile,
): void {
  if (isScalar(node) && node.value === null) {
    findings.warning(place, "`variables` is empty");
    return;
  }
  if (!isMap(node)) {
    const hint = 'Write `NAME: "value"` on a line of its own below it.';
    findings.error(place, `\`variables\` is ${kindOf(node)}: expected a mapping of names to texts`, hint);
    return;
  }
  const variables: [string, string][] = [];
  for (const { key, place: at, value: entry } of yaml.entries(node, findings)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      findings.error(
        at,
        `${shown(key)} cannot be the name of an environment variable: expected letters, digits and _`,
      );
    } else if (isScalar(entry) && entry.value !== null) {
      const text = typeof entry.value === "string" ? entry.value : yaml.written(entry);
      if (typeof entry.value !== "string") {
        findings.warning(
          at,
          `the variable ${key} is ${kindOf(entry)}: expected a text`,
          `Write \`${key}: "${begun(text, 40)}"\`.`,
        );
      }
      if (text.includes("\0"))
        findings.error(at, `the variable ${key} holds a NUL character: expected a text`);
      else variables.push([key, text]);
    } else {
      const found = isScalar(entry) ? "has no value" : `is ${kindOf(entry)}`;
      findings.error(at, `the variable ${key} ${found}: expected a text`, `Write \`${key}: "value"\`.`);
    }
  }
  value.variables = Object.fromEntries(variables);
}

/** Lines with a template's control statement (`{% … %}`), which no YAML file has outside of a quoted text. */
function jinjaLines(text: string): Place[] {
  const found: Place[] = [];
  for (const [index, line] of text.split(/\r?\n/, 20_000).entries()) {
    const match = /^\s*(?:-\s*)?\{[%#]/.exec(line.slice(0, 200));
    if (match) found.push({ line: index + 1, column: match[0].length - 1 });
  }
  return found;
}
