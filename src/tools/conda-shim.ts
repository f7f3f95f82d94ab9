import { config } from "./conda-config-words.ts";
import { env } from "./conda-env-words.ts";
import type { ChannelPriority, CondaRequest, Refusal, ShimPlace } from "./conda-request.ts";
import {
  CHANNELS,
  checkTarget,
  isTheEnvironment,
  type Options,
  type Parsed,
  parsed,
  QUIET,
  Refused,
  refuse,
  TARGET,
  texts,
} from "./conda-words.ts";

/** The version of conda whose command line the shim follows; `conda --version` says it. */
export const SHIM_CONDA_VERSION = "24.11.0";
const SHIM_MAMBA_VERSION = "2.0.0";

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
  const ours = target === place.envName || (target !== undefined && isTheEnvironment(target, place));
  if (ours && isTheEnvironment(place.activePrefix || "/", place)) return nothing("");
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
