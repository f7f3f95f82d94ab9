import type { CondaRequest, ConfigAction } from "./conda-request.ts";
import { refuse } from "./conda-words.ts";

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

/**
 * Reads `conda config …`. conda's own grammar here takes two words after an option, which no option parser of ours
 * knows.
 *
 * @throws {Refused}
 */
export function config(command: string, args: readonly string[]): CondaRequest {
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

/** The lines of `conda config --show` for one key. */
export function configLines(key: string, value: string | readonly string[] | undefined): string {
  if (Array.isArray(value) || LIST_KEYS.includes(key)) {
    const items = Array.isArray(value) ? value : [];
    return items.length === 0 ? `${key}: []\n` : `${key}:\n${items.map((item) => `  - ${item}\n`).join("")}`;
  }
  return `${key}: ${value ?? ""}\n`;
}
