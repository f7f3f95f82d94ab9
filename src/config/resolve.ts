import { ExitCode, KapseliError } from "../errors.ts";
import { configVariables, type NamedFacts } from "./expand.ts";
import {
  type BuiltInContext,
  type Config,
  type CustomSettings,
  isKeyName,
  KEY_NAMES,
  type KeyName,
  keyOf,
  type Setting,
} from "./keys.ts";
import type { Origin } from "./origin.ts";
import {
  type ConfigFile,
  type Given,
  type Layer,
  type LayerContext,
  readSiteLayer,
  readUserLayer,
} from "./read-layer.ts";

/** A value that an option gives. It is taken as it is: the user's shell has put variables in already. */
export interface FlagValue {
  value: unknown;
  /** The option's name, for messages. */
  flag: string;
  /** A list is added to what the user's file has, instead of replacing it. */
  add?: boolean;
}

export type FlagValues = Partial<Record<KeyName, FlagValue>>;

export interface ConfigSources {
  /** The site file, if there is one. */
  site?: ConfigFile;
  /** What a command line means before the user's file is read (tykky-surface.md §1.5); the file goes before it. */
  implied?: FlagValues;
  /** The YAML of `advanced` and of `-y`. `strict`: unknown keys are errors, and so are missing ones. */
  user?: ConfigFile & { strict?: boolean };
  environment: Readonly<Record<string, string | undefined>>;
  /** The user's home directory, also where HOME is not set. */
  home: string;
  cwd: string;
  /** Values given by flags; they go before the user's file. */
  flags: FlagValues;
  /** What `$(uname -m)` and the like mean; without them such texts are errors. */
  facts?: NamedFacts;
}

export interface ResolvedConfig {
  config: Config;
  /** Keys that are not among `KEYS`. */
  custom: CustomSettings;
  /** Texts with file and line. */
  warnings: string[];
  /** Those of the warnings that concern only whoever maintains the files. */
  notes: string[];
}

export interface ExaminedConfig extends ResolvedConfig {
  /** What is wrong whoever reads the files. */
  errors: string[];
  /** Values that count and hold variables that are not set here. */
  unset: string[];
}

/** What each mode cannot do without (tykky-surface.md §1.2 to §1.5). */
const NEEDED: Readonly<Record<string, readonly KeyName[]>> = {
  conda: ["env_file"],
  venv: ["requirements_file"],
  wrapcont: ["container_src", "wrapper_paths"],
  wrapdisk: ["wrap_src", "wrapper_paths"],
};

type State = Map<string, readonly Given[]>;

const isList = (given: readonly Given[] | undefined): boolean =>
  given?.every(({ value }) => Array.isArray(value)) === true;

/** What sources give for one key as one value: lists in their order, else the last. An empty built-in list is no source. */
function settingOf(given: readonly Given[]): Setting<unknown> {
  const last = given.at(-1) as Given;
  if (given.length === 1 || !isList(given)) return { value: last.value, origin: last.origin };
  const value = given.flatMap((one) => one.value as unknown[]);
  const parts: Origin[] = given
    .filter((one) => one.origin.from !== "default" || (one.value as unknown[]).length > 0)
    .map((one) => one.origin);
  const [only, ...more] = parts;
  return { value, origin: only !== undefined && more.length === 0 ? only : { from: "merged", parts } };
}

function flagValues(flags: FlagValues): { name: KeyName; given: Given; add: boolean }[] {
  return Object.entries(flags).map(([name, { value, flag, add }]) => {
    const { kind } = keyOf(name as KeyName);
    const parsed = kind.schema.safeParse(value);
    if (!parsed.success) throw new KapseliError(ExitCode.usage, `${flag}: expected ${kind.expected}`);
    const given: Given = { value: parsed.data, origin: { from: "flag", flag }, unset: [] };
    return { name: name as KeyName, given, add: add === true };
  });
}

/** What the user says: what the command line implies, the file over that, flags over or added to that. */
function userState(sources: ConfigSources, file: Layer): State {
  const state: State = new Map();
  for (const { name, given } of flagValues(sources.implied ?? {})) state.set(name, [given]);
  for (const entry of file.entries) state.set(entry.name, [entry]);
  for (const { name, given, add } of flagValues(sources.flags)) {
    const before = state.get(name);
    state.set(name, add && before !== undefined && isList(before) ? [...before, given] : [given]);
  }
  return state;
}

/** Environment variables that hold over everything, `force` too (tykky-surface.md §3). */
function takeEnvironment(state: State, environment: ConfigSources["environment"], warnings: string[]): void {
  const directory = environment.CW_BUILD_TMPDIR;
  const flagged = state.get("build_tmpdir_base")?.at(-1)?.origin.from === "flag";
  const from = (variable: string): Origin => ({ from: "environment", variable });
  if (directory && !flagged) {
    state.set("build_tmpdir_base", [{ value: directory, origin: from("CW_BUILD_TMPDIR"), unset: [] }]);
  }
  const level = environment.CW_LOG_LEVEL;
  if (level && /^-?\d{1,9}$/.test(level.trim())) {
    const value = Math.max(0, Number(level));
    state.set("log_level", [{ value, origin: from("CW_LOG_LEVEL"), unset: [] }]);
  } else if (level) {
    warnings.push(`CW_LOG_LEVEL is no number from 0 to 3 and is left out`);
  }
}

/** Missing keys by name, as `advanced` needs them; errors with the file. */
function missingKeys(file: string, state: State): string[] {
  const given = (name: KeyName): boolean =>
    (state.get(name) ?? []).some(
      ({ value, origin: { from } }) =>
        from !== "default" && from !== "site" && !(Array.isArray(value) && value.length === 0),
    );
  const mode = state.get("mode")?.at(-1)?.value;
  if (mode === undefined) {
    return [`${file}: mode is missing: it says what is built (${Object.keys(NEEDED).join(", ")})`];
  }
  if (state.get("update_installation")?.at(-1)?.value === true) return [];
  return (NEEDED[String(mode)] ?? [])
    .filter((name) => !given(name))
    .map((name) => `${file}: ${name} is missing: mode ${String(mode)} needs it`);
}

/**
 * Merges all sources without giving up at errors. Pure. The order, later ones over earlier ones: built-in values, the
 * site's `defaults`; what the command line implies, the user's file, flags; `prepends` before and `appends` after the
 * lists that come of that; `force`; CW_BUILD_TMPDIR (but not over `--tmpdir`) and CW_LOG_LEVEL.
 *
 * @throws {KapseliError} `usage` for a flag's value.
 */
export function examineConfig(sources: ConfigSources): ExaminedConfig {
  const { environment, home, cwd, facts } = sources;
  const context: BuiltInContext = { environment, home, cwd, architecture: facts?.architecture ?? "x86_64" };
  const builtIn = (name: KeyName): unknown => keyOf(name).builtIn(context);
  const layers: LayerContext = { variables: configVariables(environment, home, cwd, facts), builtIn };
  const nothing: Layer = { entries: [], errors: [], warnings: [], notes: [] };
  const site = sources.site ? readSiteLayer(sources.site, layers) : nothing;
  const user = sources.user ? readUserLayer(sources.user, sources.user.strict === true, layers) : nothing;
  const errors = [...site.errors, ...user.errors];
  const warnings = [...site.warnings, ...user.warnings];

  const state: State = new Map(
    KEY_NAMES.map((name) => [name, [{ value: builtIn(name), origin: { from: "default" }, unset: [] }]]),
  );
  const section = (wanted: string) =>
    site.entries.filter(({ origin }) => origin.from === "site" && origin.section === wanted);
  for (const entry of section("defaults")) state.set(entry.name, [entry]);
  for (const [name, given] of userState(sources, user)) state.set(name, given);
  for (const entry of section("prepends")) {
    const before = state.get(entry.name);
    if (before === undefined) state.set(entry.name, [entry]);
    else if (isList([entry, ...before])) state.set(entry.name, [entry, ...before]);
  }
  for (const entry of section("appends")) {
    const before = state.get(entry.name) ?? [];
    state.set(entry.name, isList([...before, entry]) ? [...before, entry] : [entry]);
  }
  for (const entry of section("force")) state.set(entry.name, [entry]);
  takeEnvironment(state, environment, warnings);

  if (sources.user?.strict && user.errors.length === 0) {
    errors.push(...missingKeys(sources.user.file, state));
  }
  const unset = [...state.values()].flatMap((given) => given.flatMap((one) => one.unset));
  // Making a collator takes longer than all else here.
  if (unset.length > 1) unset.sort(new Intl.Collator("en", { numeric: true }).compare);
  const settings = [...state].map(([name, given]) => [name, settingOf(given)] as const);
  return {
    config: Object.fromEntries(settings.filter(([name]) => isKeyName(name))) as unknown as Config,
    custom: Object.fromEntries(settings.filter(([name]) => !isKeyName(name))),
    warnings,
    // Whoever builds wrote the user's file: what is wrong in it is for them.
    notes: site.notes,
    errors,
    unset,
  };
}

/** What to do about errors, by the files that have them. */
function hintFor({ site, user }: ConfigSources, errors: readonly string[]): string {
  const inUser = user !== undefined && errors.some((error) => error.startsWith(`${user.file}:`));
  const inSite = site !== undefined && errors.some((error) => error.startsWith(`${site.file}:`));
  return [
    ...(inUser ? [`Correct ${user.file}.`] : []),
    ...(inSite ? ["Correct the site file, or name another one in CW_GLOBAL_YAML."] : []),
  ].join(" ");
}

/**
 * The configuration that all sources make together. Pure; `examineConfig` has the order.
 *
 * @throws {KapseliError} `badInput` with every problem of the files at once; `usage` for a flag's value.
 */
export function resolveConfig(sources: ConfigSources): ResolvedConfig {
  const { errors, unset, ...resolved } = examineConfig(sources);
  const [first, ...others] = [...errors, ...unset];
  if (first !== undefined) {
    throw new KapseliError(ExitCode.badInput, first, { others, hint: hintFor(sources, [first, ...others]) });
  }
  return resolved;
}

/** A configuration with its user's part apart: what an environment remembers is its user's, not its site's. */
export interface LayeredConfig extends ResolvedConfig {
  /** The same without the site file. */
  own: Config;
  /** The configuration with these values as the user's. */
  withOwn(values: FlagValues): Config;
}

/**
 * As `resolveConfig`, with the user's part apart.
 *
 * @throws {KapseliError} as `resolveConfig`.
 */
export function resolveLayers(sources: ConfigSources): LayeredConfig {
  const { site: _site, ...withoutSite } = sources;
  return {
    ...resolveConfig(sources),
    own: resolveConfig(withoutSite).config,
    withOwn: (values) => resolveConfig({ ...sources, flags: { ...sources.flags, ...values } }).config,
  };
}
