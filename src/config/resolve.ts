import {
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { ExitCode, KapseliError } from "../errors.ts";
import { builtInValues, type Config, KEYS, type KeyName, type Origin, type Setting } from "./keys.ts";

export interface ConfigSources {
  /** The site file, if there is one. */
  site?: { file: string; text: string };
  environment: Readonly<Record<string, string | undefined>>;
  /** The user's home directory, also where HOME is not set. */
  home: string;
  cwd: string;
  /** Values given by flags, with the flag's name. */
  flags: Partial<Record<KeyName, { value: unknown; flag: string }>>;
}

const SECTIONS = ["defaults", "force"] as const;
/** Sections that the compatible site files have and that hold nothing this version uses. */
const OTHER_SECTIONS = ["prepends", "appends"];

interface SiteValue {
  key: KeyName;
  value: unknown;
  origin: Extract<Origin, { from: "site" }>;
}

function isKey(name: string): name is KeyName {
  return Object.hasOwn(KEYS, name);
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

/** A value with its aliases resolved; undefined when they would grow without bounds. */
function plainValue(pair: Pair, document: Document.Parsed): unknown {
  try {
    return isNode(pair.value) ? pair.value.toJS(document) : pair.value;
  } catch {
    return undefined;
  }
}

/** Reads a site file into typed values; problems are texts with file and line. */
function readSite(site: { file: string; text: string }): {
  values: SiteValue[];
  errors: string[];
  warnings: string[];
} {
  const lines = new LineCounter();
  const document = parseDocument(site.text, { lineCounter: lines });
  const lineOf = (pair: Pair): number =>
    isScalar(pair.key) && pair.key.range ? lines.linePos(pair.key.range[0]).line : 1;
  const errors = document.errors.map((error) => {
    const line = lines.linePos(error.pos[0]).line;
    return `${site.file}:${line}: ${error.message.split("\n")[0]}`;
  });
  const warnings: string[] = [];
  const values: SiteValue[] = [];
  if (errors.length > 0) return { values, errors, warnings };
  if (document.contents === null) return { values, errors, warnings };
  if (!isMap(document.contents)) {
    errors.push(`${site.file}:1: expected a mapping with the keys defaults, force, prepends, appends`);
    return { values, errors, warnings };
  }
  for (const top of (document.contents as YAMLMap).items) {
    const section = SECTIONS.find((name) => name === keyText(top));
    if (section === undefined) {
      if (!OTHER_SECTIONS.includes(keyText(top))) {
        warnings.push(`${site.file}:${lineOf(top)}: unknown section ${keyText(top)}`);
      }
      continue;
    }
    if (!isMap(top.value)) {
      if (isScalar(top.value) && top.value.value === null) continue;
      errors.push(`${site.file}:${lineOf(top)}: expected a mapping below ${section}`);
      continue;
    }
    for (const pair of top.value.items) {
      const key = keyText(pair as Pair);
      const line = lineOf(pair as Pair);
      if (!isKey(key)) {
        warnings.push(`${site.file}:${line}: unknown key ${key}`);
        continue;
      }
      const parsed = KEYS[key].safeParse(plainValue(pair as Pair, document));
      if (!parsed.success) {
        errors.push(`${site.file}:${line}: ${key}: ${parsed.error.issues[0]?.message ?? "wrong type"}`);
        continue;
      }
      values.push({ key, value: parsed.data, origin: { from: "site", file: site.file, line, section } });
    }
  }
  return { values, errors, warnings };
}

/**
 * Merges built-in values, site defaults, flags, the site's forced values, and CW_BUILD_TMPDIR, later ones over
 * earlier ones. Pure.
 *
 * @throws {KapseliError} `badInput` with every problem of the site file at once; `usage` for a flag's value.
 */
export function resolveConfig(sources: ConfigSources): { config: Config; warnings: string[] } {
  const site = sources.site ? readSite(sources.site) : { values: [], errors: [], warnings: [] };
  const [first, ...others] = site.errors;
  if (first !== undefined) {
    throw new KapseliError(ExitCode.badInput, first, {
      others,
      hint: "Correct the site file, or name another one in CW_GLOBAL_YAML.",
    });
  }
  const merged = {} as Record<KeyName, Setting<unknown>>;
  for (const [key, value] of Object.entries(builtInValues(sources.environment, sources.home, sources.cwd))) {
    merged[key as KeyName] = { value, origin: { from: "default" } };
  }
  const takeSite = (section: "defaults" | "force"): void => {
    for (const { key, value, origin } of site.values) {
      if (origin.section === section) merged[key] = { value, origin };
    }
  };
  takeSite("defaults");
  for (const [key, given] of Object.entries(sources.flags)) {
    const parsed = KEYS[key as KeyName].safeParse(given.value);
    if (!parsed.success) {
      const problem = parsed.error.issues[0]?.message ?? "wrong value";
      throw new KapseliError(ExitCode.usage, `${given.flag}: ${problem}`);
    }
    merged[key as KeyName] = { value: parsed.data, origin: { from: "flag", flag: given.flag } };
  }
  takeSite("force");
  const buildDirectory = sources.environment.CW_BUILD_TMPDIR;
  if (buildDirectory && merged.build_tmpdir_base.origin.from !== "flag") {
    merged.build_tmpdir_base = {
      value: buildDirectory,
      origin: { from: "environment", variable: "CW_BUILD_TMPDIR" },
    };
  }
  return { config: merged as Config, warnings: site.warnings };
}
