import { posix } from "node:path";
import { parseArgs } from "node:util";

/** The version of conda whose command line the shim follows; `conda --version` says it. */
export const SHIM_CONDA_VERSION = "24.11.0";
const SHIM_MAMBA_VERSION = "2.0.0";

/** What the shim's caller knows when a hook calls it. */
export interface ShimPlace {
  /** The environment's path inside. */
  root: string;
  envName: string;
  /** What `conda info --base` names: the directory of the shim. */
  base: string;
  /** The caller's working directory. */
  cwd: string;
  /** The caller's CONDA_PREFIX. */
  activePrefix: string;
}

/** What `conda install` and its kin are asked for. */
export interface CondaInstall {
  command: "install";
  specs: string[];
  /** Names of installed packages to bring up to date. */
  update: string[];
  updateAll: boolean;
  /** Files of specs, as written; the shim hands their text over in this order. */
  files: string[];
  /** `-c`, in their order. */
  channels: string[];
  overrideChannels: boolean;
  freeze: boolean;
  noDeps: boolean;
  onlyDeps: boolean;
  reinstall: boolean;
  priority?: ChannelPriority;
  json: boolean;
}

export type ChannelPriority = "strict" | "flexible" | "disabled";

export type ConfigAction =
  | { action: "show"; keys: string[]; json: boolean }
  | { action: "get"; keys: string[] }
  | { action: "set" | "append" | "prepend" | "remove" | "remove-key"; key: string; value: string };

/** One command line of conda's, understood. */
export type CondaRequest =
  | CondaInstall
  | { command: "remove"; packages: string[]; force: boolean; json: boolean }
  | {
      command: "list";
      pattern?: string;
      fullName: boolean;
      format: "table" | "json" | "export" | "canonical" | "explicit";
      hash?: "md5" | "sha256";
      pip: boolean;
    }
  | { command: "config"; actions: ConfigAction[] }
  | { command: "info"; format: "table" | "json" | "envs" | "base" }
  | { command: "env-list"; json: boolean }
  | { command: "env-export"; builds: boolean; fromHistory: boolean; json: boolean; file?: string }
  | { command: "env-vars"; action: "list" | "set" | "unset"; values: string[]; json: boolean }
  | { command: "env-update"; file: string; prune: boolean }
  /** Runs in the caller's own container: the words from `from` on. */
  | { command: "run"; from: number; cwd?: string }
  /** Nothing is left to do; `said` is what the user reads. */
  | { command: "nothing"; said: string; output: string };

/** A command line that a hook cannot have carried out; the text names the command. */
export interface Refusal {
  refused: string;
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

const TARGET: Options = { name: { type: "string", short: "n" }, prefix: { type: "string", short: "p" } };
/** They ask for what is so anyway: nobody is asked, output goes to the log, files are copied into the image. */
const QUIET: Options = {
  yes: { type: "boolean", short: "y" },
  quiet: { type: "boolean", short: "q" },
  verbose: { type: "boolean", short: "v" },
  json: { type: "boolean" },
};
const CHANNELS: Options = {
  channel: { type: "string", short: "c", multiple: true },
  "override-channels": { type: "boolean" },
  "strict-channel-priority": { type: "boolean" },
  "no-channel-priority": { type: "boolean" },
};
const INSTALL: Options = {
  ...TARGET,
  ...QUIET,
  ...CHANNELS,
  file: { type: "string", short: "f", multiple: true },
  "freeze-installed": { type: "boolean" },
  "no-update-deps": { type: "boolean" },
  "no-deps": { type: "boolean" },
  "only-deps": { type: "boolean" },
  "force-reinstall": { type: "boolean" },
  "update-all": { type: "boolean" },
  all: { type: "boolean" },
  copy: { type: "boolean" },
  "no-shortcuts": { type: "boolean" },
  "show-channel-urls": { type: "boolean" },
};

interface Parsed {
  values: Record<string, string | boolean | (string | boolean)[] | undefined>;
  positionals: string[];
}

class Refused extends Error {}

const refuse = (command: string, why: string): never => {
  throw new Refused(`${command}: not possible in a hook: ${why}`);
};

function parsed(command: string, args: readonly string[], options: Options, positionals = true): Parsed {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: positionals, strict: true }) as Parsed;
  } catch (error) {
    const text = (error as Error).message;
    const option = /Unknown option '([^']*)'/.exec(text)?.[1];
    if (option !== undefined) return refuse(`${command} ${option}`, "this option is not known here");
    return refuse(command, text.split("\n")[0] ?? text);
  }
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Whether a path of the caller's is the environment, under either of its names. */
function isEnvironment(path: string, place: ShimPlace): boolean {
  const full = posix.resolve(place.cwd, path);
  return full === place.root || full === `${place.root}/miniforge/envs/${place.envName}`;
}

/** The only environment there is must be meant: by name, by path, or because it is active. */
function checkTarget(command: string, { values }: Parsed, place: ShimPlace): void {
  const [name, prefix] = [text(values.name), text(values.prefix)];
  const only = `there is only the environment ${place.envName}`;
  if (name !== undefined && name !== place.envName) {
    refuse(`${command} -n ${name}`, name === "base" ? `there is no base installation; ${only}` : only);
  }
  if (prefix !== undefined && !isEnvironment(prefix, place)) refuse(`${command} -p ${prefix}`, only);
  if (name === undefined && prefix === undefined && !isEnvironment(place.activePrefix || "/", place)) {
    refuse(command, `no environment is active here; name it with -n ${place.envName}`);
  }
}

function priorityOf({ values }: Parsed): ChannelPriority | undefined {
  if (values["no-channel-priority"]) return "disabled";
  return values["strict-channel-priority"] ? "strict" : undefined;
}

function install(command: string, args: readonly string[], place: ShimPlace, update: boolean): CondaRequest {
  const call = parsed(command, args, INSTALL);
  const { values, positionals } = call;
  checkTarget(command, call, place);
  const files = texts(values.file);
  const updateAll = Boolean(values["update-all"] || values.all);
  for (const one of positionals) {
    if (/\.(?:conda|tar\.bz2)(?:#.*)?$/.test(one)) {
      refuse(`${command} ${one}`, "name a package and its channel, not a package's file");
    }
  }
  if (positionals.length + files.length === 0 && !updateAll) refuse(command, "it names no package");
  const byName = update && files.length === 0;
  const constrained = byName ? positionals.find((one) => !/^[\w.-]+$/.test(one)) : undefined;
  if (constrained !== undefined) refuse(`${command} ${constrained}`, "use conda install for a version");
  const priority = priorityOf(call);
  return {
    command: "install",
    specs: byName ? [] : positionals,
    update: byName ? positionals : [],
    updateAll,
    files,
    channels: texts(values.channel),
    overrideChannels: Boolean(values["override-channels"]),
    freeze: Boolean(values["freeze-installed"] || values["no-update-deps"]),
    noDeps: Boolean(values["no-deps"]),
    onlyDeps: Boolean(values["only-deps"]),
    reinstall: Boolean(values["force-reinstall"]),
    ...(priority === undefined ? {} : { priority }),
    json: Boolean(values.json),
  };
}

function remove(command: string, args: readonly string[], place: ShimPlace): CondaRequest {
  const call = parsed(command, args, {
    ...TARGET,
    ...QUIET,
    ...CHANNELS,
    all: { type: "boolean" },
    force: { type: "boolean" },
    "force-remove": { type: "boolean" },
  });
  checkTarget(command, call, place);
  if (call.values.all) refuse(`${command} --all`, "the environment is what is being built");
  if (call.positionals.length === 0) refuse(command, "it names no package");
  const force = Boolean(call.values.force || call.values["force-remove"]);
  return { command: "remove", packages: call.positionals, force, json: Boolean(call.values.json) };
}

function list(command: string, args: readonly string[], place: ShimPlace): CondaRequest {
  const call = parsed(command, args, {
    ...TARGET,
    ...QUIET,
    export: { type: "boolean", short: "e" },
    explicit: { type: "boolean" },
    canonical: { type: "boolean", short: "c" },
    md5: { type: "boolean" },
    sha256: { type: "boolean" },
    "full-name": { type: "boolean", short: "f" },
    "no-pip": { type: "boolean" },
    "show-channel-urls": { type: "boolean" },
  });
  checkTarget(command, call, place);
  const { values, positionals } = call;
  const [pattern] = positionals;
  if (pattern !== undefined) {
    try {
      new RegExp(pattern, "i");
    } catch {
      refuse(`${command} ${pattern}`, "this is no regular expression");
    }
  }
  const hash = values.sha256 ? "sha256" : values.md5 ? "md5" : undefined;
  const formats = ["explicit", "export", "canonical", "json"] as const;
  return {
    command: "list",
    ...(pattern === undefined ? {} : { pattern }),
    fullName: Boolean(values["full-name"]),
    format: formats.find((format) => values[format]) ?? "table",
    ...(hash === undefined ? {} : { hash }),
    pip: !values["no-pip"],
  };
}

/** Keys that are lists; others hold one value. */
const LIST_KEYS = ["channels", "default_channels", "pkgs_dirs", "envs_dirs"];
/** What `conda config` can change for what follows in the build; all else is refused. */
const CHANGED_LISTS = ["channels"];
const CHANGED_VALUES: Readonly<Record<string, RegExp>> = {
  channel_priority: /^(?:strict|flexible|disabled|true|false)$/i,
  channel_alias: /^\S+$/,
};
/** Settings of prompts, reports and shells, of which a hook has none: the shim says so. */
const WITHOUT_EFFECT = [
  "always_yes",
  "always_copy",
  "auto_activate_base",
  "auto_update_conda",
  "changeps1",
  "env_prompt",
  "notify_outdated_conda",
  "quiet",
  "report_errors",
  "show_channel_urls",
  "solver",
  "verbosity",
];

/** Whether `conda config --set KEY` is taken but changes nothing. */
export function isWithoutEffect(key: string): boolean {
  return WITHOUT_EFFECT.includes(key);
}

function configChange(
  command: string,
  action: "set" | "append" | "prepend" | "remove" | "remove-key",
  key: string,
  value: string,
): ConfigAction {
  const shown = `${command} --${action} ${key}`;
  const known = "channels, channel_priority and channel_alias can be changed";
  if (action === "append" || action === "prepend" || action === "remove") {
    if (!CHANGED_LISTS.includes(key)) refuse(shown, known);
  } else if (CHANGED_LISTS.includes(key) && action === "set") {
    refuse(shown, "a list takes --add, --append or --remove");
  } else if (!Object.hasOwn(CHANGED_VALUES, key) && !isWithoutEffect(key) && !CHANGED_LISTS.includes(key)) {
    refuse(shown, known);
  }
  const form = CHANGED_VALUES[key];
  if (action === "set" && form && !form.test(value)) refuse(`${shown} ${value}`, "this is no value for it");
  return { action, key, value };
}

const CONFIG_CHANGES: Readonly<Record<string, Extract<ConfigAction, { key: string }>["action"] | undefined>> =
  {
    "--set": "set",
    "--add": "prepend",
    "--prepend": "prepend",
    "--append": "append",
    "--remove": "remove",
    "--remove-key": "remove-key",
  };

/** conda's own grammar here takes two words after an option, which no option parser of ours knows. */
function config(command: string, args: readonly string[]): CondaRequest {
  const actions: ConfigAction[] = [];
  const json = args.includes("--json");
  const words = args
    .filter((word) => !["--json", "--system", "--env", "-q", "-v", "-y"].includes(word))
    .flatMap((word) => /^(--[a-z-]+)=(.*)$/s.exec(word)?.slice(1) ?? [word]);
  const many = (from: number): string[] => {
    const end = words.findIndex((word, at) => at >= from && word.startsWith("--"));
    return words.slice(from, end < 0 ? undefined : end);
  };
  for (let at = 0; at < words.length; ) {
    const word = words[at] ?? "";
    const [first, second] = [words[at + 1], words[at + 2]];
    if (word === "--show" || word === "--get") {
      const keys = many(at + 1);
      actions.push(word === "--show" ? { action: "show", keys, json } : { action: "get", keys });
      at += 1 + keys.length;
      continue;
    }
    if (word === "--show-sources") {
      // There is one source: the build.
      actions.push({ action: "show", keys: ["channels", "channel_priority", "pkgs_dirs"], json });
      at += 1;
      continue;
    }
    const action = CONFIG_CHANGES[word];
    if (action === undefined) {
      const reason = word.startsWith("-") ? "this option is not known here" : "a word without an option";
      return refuse(`${command} ${word}`, reason);
    }
    if (first === undefined || (action !== "remove-key" && second === undefined)) {
      return refuse(`${command} ${word}`, "it takes a key and a value");
    }
    actions.push(configChange(command, action, first, action === "remove-key" ? "" : (second ?? "")));
    at += action === "remove-key" ? 2 : 3;
  }
  if (actions.length === 0) refuse(command, "say what to show or change");
  return { command: "config", actions };
}

function info(command: string, args: readonly string[]): CondaRequest {
  const { values } = parsed(
    command,
    args,
    {
      ...QUIET,
      envs: { type: "boolean", short: "e" },
      base: { type: "boolean" },
      all: { type: "boolean", short: "a" },
    },
    false,
  );
  const format = values.base
    ? "base"
    : values.envs
      ? values.json
        ? "json"
        : "envs"
      : values.json
        ? "json"
        : "table";
  return { command: "info", format };
}

function env(program: string, args: readonly string[], place: ShimPlace): CondaRequest {
  const [sub = "", ...rest] = args;
  const command = `${program} env ${sub}`.trim();
  switch (sub) {
    case "list": {
      const { values } = parsed(command, rest, QUIET, false);
      return { command: "env-list", json: Boolean(values.json) };
    }
    case "export": {
      const call = parsed(
        command,
        rest,
        {
          ...TARGET,
          ...QUIET,
          ...CHANNELS,
          file: { type: "string", short: "f" },
          "no-builds": { type: "boolean" },
          "no-build": { type: "boolean" },
          "from-history": { type: "boolean" },
        },
        false,
      );
      checkTarget(command, call, place);
      const { values } = call;
      const file = text(values.file);
      return {
        command: "env-export",
        builds: !(values["no-builds"] || values["no-build"]),
        fromHistory: Boolean(values["from-history"]),
        json: Boolean(values.json),
        ...(file === undefined ? {} : { file }),
      };
    }
    case "update": {
      const call = parsed(
        command,
        rest,
        {
          ...TARGET,
          ...QUIET,
          file: { type: "string", short: "f" },
          prune: { type: "boolean" },
        },
        false,
      );
      checkTarget(command, call, place);
      return {
        command: "env-update",
        file: text(call.values.file) ?? "environment.yml",
        prune: Boolean(call.values.prune),
      };
    }
    case "config": {
      const [vars, action, ...names] = rest;
      if (vars === "vars" && (action === "list" || action === "set" || action === "unset")) {
        const call = parsed(`${command} vars ${action}`, names, { ...TARGET, ...QUIET });
        checkTarget(`${command} vars ${action}`, call, place);
        for (const value of action === "set" ? call.positionals : []) {
          if (!/^[A-Za-z_]\w*=/.test(value)) refuse(`${command} vars set ${value}`, "expected NAME=VALUE");
        }
        return { command: "env-vars", action, values: call.positionals, json: Boolean(call.values.json) };
      }
      return refuse(
        [command, vars, action].filter(Boolean).join(" "),
        "only `vars list|set|unset` is known here",
      );
    }
    default:
      return refuse(
        command,
        "the environment is made by the build; `list`, `export`, `update` and `config vars` work",
      );
  }
}

/** How many words come before the command of `conda run`, whose options end at its first plain word. */
function run(program: string, args: readonly string[], place: ShimPlace): CondaRequest {
  const command = `${program} run`;
  const flags = ["--no-capture-output", "--live-stream", "-v", "-vv", "--verbose", "-s", "-q", "--quiet"];
  const taking = ["-n", "--name", "-p", "--prefix", "--cwd"];
  const values: Record<string, string> = {};
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at] ?? "";
    if (word === "--") {
      at++;
      break;
    }
    if (!word.startsWith("-")) break;
    if (flags.includes(word)) continue;
    const [, long, value] = /^(--[a-z-]+)=(.*)$/s.exec(word) ?? [];
    const key = long ?? word;
    if (!taking.includes(key)) refuse(`${command} ${word}`, "this option is not known here");
    const given = value ?? args[++at];
    if (given === undefined) return refuse(`${command} ${word}`, "it takes a value");
    values[{ "-n": "name", "-p": "prefix" }[key] ?? key.slice(2)] = given;
  }
  if (at >= args.length) refuse(command, "it names no program");
  // `conda run` without a name means the active environment, and ours where none is: there is no other.
  if (values.name !== undefined || values.prefix !== undefined) {
    checkTarget(command, { values, positionals: [] }, place);
  }
  return { command: "run", from: at + 1, ...(values.cwd === undefined ? {} : { cwd: values.cwd }) };
}

const nothing = (said: string, output = ""): CondaRequest => ({ command: "nothing", said, output });

function activate(program: string, args: readonly string[], place: ShimPlace): CondaRequest {
  const target = args.find((word) => !word.startsWith("-"));
  const ours = target === place.envName || (target !== undefined && isEnvironment(target, place));
  if (ours && isEnvironment(place.activePrefix || "/", place)) return nothing("");
  return refuse(`${program} activate`, "a program cannot change the shell that calls it; use `conda run`");
}

function understand(program: string, words: readonly string[], place: ShimPlace): CondaRequest {
  const [sub, ...args] = words;
  const command = `${program} ${sub}`;
  switch (sub) {
    case undefined:
      return refuse(program, "name a command");
    case "--version":
    case "-V":
      return nothing("", program === "mamba" ? `${SHIM_MAMBA_VERSION}\n` : `conda ${SHIM_CONDA_VERSION}\n`);
    case "install":
      return install(command, args, place, false);
    case "update":
    case "upgrade":
      return install(command, args, place, true);
    case "remove":
    case "uninstall":
      return remove(command, args, place);
    case "list":
      return list(command, args, place);
    case "config":
      return config(command, args);
    case "info":
      return info(command, args);
    case "env":
      return env(program, args, place);
    case "export":
      return env(program, ["export", ...args], place);
    case "run":
      return run(program, args, place);
    case "clean":
      return nothing("nothing to clean: the package cache is not in the image");
    case "activate":
      return activate(program, args, place);
    case "deactivate":
      return refuse(command, "a program cannot change the shell that calls it");
    case "shell.bash":
    case "shell.posix":
    case "shell":
      // In the hook's own shell conda is a function already.
      return nothing("");
    case "create":
      return refuse(command, "the environment is made by the build from its input file");
    default:
      return refuse(command, "known are install, update, remove, list, config, env, run, info and clean");
  }
}

/**
 * Reads a command line of conda's or mamba's. Sources: conda's documentation, "Commands"; `conda COMMAND --help` of
 * conda 24. Pure.
 *
 * @param words what stands behind the program's name
 */
export function parseCondaCall(
  program: string,
  words: readonly string[],
  place: ShimPlace,
): CondaRequest | Refusal {
  try {
    // Options may stand before the command, too.
    const start = words.findIndex(
      (word) => !["-v", "-q", "--verbose", "--quiet", "--no-plugins"].includes(word),
    );
    return understand(program, start < 0 ? [] : words.slice(start), place);
  } catch (error) {
    if (error instanceof Refused) return { refused: error.message };
    throw error;
  }
}

/** The lines of `conda config --show` for one key. */
export function configLines(key: string, value: string | readonly string[] | undefined): string {
  if (Array.isArray(value) || LIST_KEYS.includes(key)) {
    const items = Array.isArray(value) ? value : [];
    return items.length === 0 ? `${key}: []\n` : `${key}:\n${items.map((item) => `  - ${item}\n`).join("")}`;
  }
  return `${key}: ${value ?? ""}\n`;
}
