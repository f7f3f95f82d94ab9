import { isMap, isScalar, isSeq } from "yaml";
import type * as z from "zod";
import { FindingsOfFile, type Place, type Severity } from "../inputs/diagnostic.ts";
import { didYouMean } from "../inputs/did-you-mean.ts";
import { shown } from "../inputs/shown-text.ts";
import { kindOf, YamlFile, type YamlNode } from "../inputs/yaml-document.ts";
import { expand } from "./expand.ts";
import { isKeyName, KEY_NAMES, type Key, type KeyName, keyOf } from "./keys.ts";
import { type FileOrigin, type Origin, SECTIONS, type Section } from "./origin.ts";

export interface ConfigFile {
  /** As it is shown in messages and kept as the origin of values. */
  file: string;
  text: string;
}

/** One value that a source gives for one key. */
export interface Given {
  value: unknown;
  origin: Origin;
  /** Errors if this value is the one that counts: variables in it that are not set. */
  unset: readonly string[];
}

export interface Entry extends Given {
  name: string;
  origin: FileOrigin;
}

/** What a file says. Problems are texts with file and line. */
export interface Layer {
  entries: Entry[];
  errors: string[];
  warnings: string[];
  /** Those of the warnings that concern only whoever maintains the file: a site's users can do nothing about them. */
  notes: string[];
}

/** The largest value, in nodes: far more than any site lists, far less than an alias bomb. */
const MOST_NODES = 10_000;
const DEEPEST = 20;

class TooLarge extends Error {}

interface ReadContext {
  document: YamlFile;
  findings: FindingsOfFile;
  variables: Readonly<Record<string, string | undefined>>;
  builtIn: (name: KeyName) => unknown;
}

/** A node's value with aliases followed and variables put in by `text`. */
function plain(
  { document, findings }: ReadContext,
  node: YamlNode,
  written: boolean,
  text: (value: string, node: YamlNode) => string,
): unknown {
  let nodes = 0;
  const convert = (from: unknown, depth: number): unknown => {
    if (++nodes > MOST_NODES || depth > DEEPEST) throw new TooLarge();
    const at = document.resolved(from);
    if (isSeq(at)) return at.items.map((item) => convert(item, depth + 1));
    if (isMap(at)) {
      return Object.fromEntries(
        document.entries(at, findings).map(({ key, value }) => [key, convert(value, depth + 1)]),
      );
    }
    if (!isScalar(at)) return null;
    if (typeof at.value === "string") return text(at.value, at);
    if (typeof at.value === "bigint") return document.written(at);
    if (typeof at.value !== "number") return at.value;
    return written || String(at.value) !== document.written(at) ? document.written(at) : at.value;
  };
  return convert(node, 0);
}

/** The part of a node that a schema found wrong. */
function wrongPart(error: z.ZodError, document: YamlFile, node: YamlNode): YamlNode {
  let part = node;
  for (const step of error.issues[0]?.path ?? []) {
    const next = isSeq(part)
      ? part.items[Number(step)]
      : isMap(part)
        ? part.items.find((pair) => isScalar(pair.key) && pair.key.value === step)?.value
        : undefined;
    if (next === undefined || next === null) break;
    part = document.resolved(next);
  }
  return part;
}

/** Reads the value of one key; undefined when the file gives none or a wrong one. */
function readValue(
  context: ReadContext,
  name: string,
  node: YamlNode,
  origin: FileOrigin,
  place: Partial<Place>,
): Entry | undefined {
  const { document, findings } = context;
  const known: Key | undefined = isKeyName(name) ? keyOf(name) : undefined;
  const empty = node === undefined || (isScalar(node) && node.value === null);
  if (empty && known?.kind.list !== true && known?.kind.says !== "present or not") {
    findings.warning(place, `${name} has no value and stays as it is`);
    return undefined;
  }
  const unset: string[] = [];
  let vanished = 0;
  let problems = 0;
  const expanded = (value: string, at: YamlNode): string => {
    if (known?.verbatim) return value;
    const { text, ...found } = expand(value, context.variables);
    const where = document.placeOf(at);
    for (const problem of found.problems) findings.error(where, `${name}: ${problem}`);
    problems += found.problems.length;
    for (const variable of found.unset) {
      if (++vanished <= (known?.mayBeUnset ?? 0)) continue;
      unset.push(`${origin.file}:${where.line ?? origin.line}: ${name}: the variable ${variable} is not set`);
    }
    return text;
  };
  let value: unknown;
  try {
    value = empty
      ? known?.kind.list
        ? []
        : null
      : plain(context, node, known?.kind.written ?? false, expanded);
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    findings.error(
      place,
      `${name}: the value is too large or too deep, or its aliases (*name) grow without end`,
    );
    return undefined;
  }
  if (problems > 0) return undefined;
  // Without its variables a value says nothing about its type.
  if (unset.length > 0) {
    return { name, value: known?.kind.list && !Array.isArray(value) ? [value] : value, origin, unset };
  }
  if (known === undefined) return { name, value, origin, unset };
  const parsed = known.kind.schema.safeParse(value);
  if (!parsed.success) {
    const part = wrongPart(parsed.error, document, node);
    const found = isScalar(part) && part.value !== null ? shown(document.written(part)) : kindOf(part);
    const at = document.placeOf(part);
    const message = `${name}: expected ${known.kind.expected}, found ${found}`;
    findings.error(at.line === undefined ? place : at, message);
    return undefined;
  }
  if (known.absolute && parsed.data !== "" && !String(parsed.data).startsWith("/")) {
    findings.error(place, `${name}: path is not absolute: ${shown(String(parsed.data))}`);
    return undefined;
  }
  if (
    known.kind.says === "present or not" &&
    (value === false || /^(?:no|false|off)$/i.test(String(value)))
  ) {
    findings.warning(place, `${name} counts as yes because it is there: leave it out for no`);
  }
  if (known.effect !== undefined && parsed.data !== context.builtIn(name as KeyName)) {
    findings.warning(place, `${name} has no effect: ${known.effect.slice("none because ".length)}`);
  }
  return { name, value: parsed.data, origin, unset };
}

function unknownKey(name: string): string {
  const meant = didYouMean(name, KEY_NAMES);
  return `unknown key ${shown(name)}${meant === undefined ? "" : `: did you mean ${meant}?`}`;
}

/** Reads the keys of one mapping. */
function readKeys(
  context: ReadContext,
  map: Extract<YamlNode, { items: unknown[] }>,
  originAt: (line: number) => FileOrigin,
  strict: boolean,
): Entry[] {
  if (!isMap(map)) return [];
  return context.document.entries(map, context.findings).flatMap(({ key, place, value }) => {
    if (key === "<<") {
      context.findings.error(place, "merge keys (<<) are not understood: write the keys out");
      return [];
    }
    if (!isKeyName(key)) {
      if (strict) {
        context.findings.error(place, unknownKey(key));
        return [];
      }
      context.findings.note(place, `${unknownKey(key)} (hook scripts see it)`);
    }
    return readValue(context, key, value, originAt(place.line ?? 1), place) ?? [];
  });
}

function layerOf(findings: FindingsOfFile, entries: Entry[]): Layer {
  const located = findings.list.some(({ severity, line }) => severity === "error" && line !== undefined);
  // The document's own error about aliases has no line; where a value's has one, that is the better of the two.
  const kept = findings.list.filter(
    ({ line, message }) => line !== undefined || !located || !/aliases/.test(message),
  );
  const texts = (...severities: Severity[]): string[] =>
    kept
      .filter((one) => severities.includes(one.severity))
      .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
      .map(({ file, line, message }) => `${file}${line === undefined ? "" : `:${line}`}: ${message}`);
  return { entries, errors: texts("error"), warnings: texts("warning", "note"), notes: texts("note") };
}

export interface LayerContext {
  variables: Readonly<Record<string, string | undefined>>;
  builtIn: (name: KeyName) => unknown;
}

/** Reads a site file: the sections `defaults`, `prepends`, `appends` and `force`, each of which may be missing. */
export function readSiteLayer({ file, text }: ConfigFile, outer: LayerContext): Layer {
  const findings = new FindingsOfFile(file);
  const document = new YamlFile(text, findings);
  const context: ReadContext = { ...outer, document, findings };
  const root = document.root;
  if (root === undefined || (isScalar(root) && root.value === null)) return layerOf(findings, []);
  if (!isMap(root)) {
    // What cannot be read may have been meant for one.
    if (document.brokenFrom === Number.POSITIVE_INFINITY)
      findings.error({ line: 1 }, `expected a mapping with the keys ${SECTIONS.join(", ")}`);
    return layerOf(findings, []);
  }
  const entries: Entry[] = [];
  for (const { key, place, value } of document.entries(root, findings)) {
    const section = SECTIONS.find((name) => name === key);
    if (section === undefined) {
      const meant = didYouMean(key, SECTIONS);
      findings.warning(
        place,
        isKeyName(key)
          ? `${key} stands outside the sections and does nothing: put it below defaults`
          : `unknown section ${shown(key)}${meant === undefined ? "" : `: did you mean ${meant}?`}`,
      );
      continue;
    }
    if (value === undefined || (isScalar(value) && value.value === null)) continue;
    if (!isMap(value)) {
      findings.error(place, `expected a mapping below ${section}, found ${kindOf(value)}`);
      continue;
    }
    const found = readKeys(context, value, (line) => ({ from: "site", file, line, section }), false);
    entries.push(...found.filter((entry) => fitsSection(entry, section, findings)));
  }
  return layerOf(findings, entries);
}

/** Only lists can be added to; of keys that nobody knows, whatever they are is taken. */
function fitsSection(entry: Entry, section: Section, findings: FindingsOfFile): boolean {
  if (section === "defaults" || section === "force" || !isKeyName(entry.name)) return true;
  if (keyOf(entry.name).kind.list) return true;
  const message = `${entry.name} takes one value, and ${section} adds to lists: put it below defaults or force`;
  findings.error({ line: entry.origin.line }, message);
  return false;
}

/**
 * Reads a user's file: keys without sections.
 *
 * @param strict unknown keys are errors, as for `advanced`
 */
export function readUserLayer({ file, text }: ConfigFile, strict: boolean, outer: LayerContext): Layer {
  const findings = new FindingsOfFile(file);
  const document = new YamlFile(text, findings);
  const context: ReadContext = { ...outer, document, findings };
  const root = document.root;
  if (root === undefined || (isScalar(root) && root.value === null)) return layerOf(findings, []);
  if (!isMap(root)) {
    if (document.brokenFrom === Number.POSITIVE_INFINITY)
      findings.error({ line: 1 }, "expected a mapping of configuration keys");
    return layerOf(findings, []);
  }
  return layerOf(
    findings,
    readKeys(context, root, (line) => ({ from: "user", file, line }), strict),
  );
}
