import { shown } from "../inputs/shown-text.ts";

/**
 * Variables and host facts in configuration values, put in without a shell. Tykky evaluates its values with one, so
 * a site file may hold `$(uname -m)`: the few commands that such files need are recognised as the facts they ask for.
 */

/** What is known of the host for configuration files. */
export interface NamedFacts {
  /** As `uname -m` says it: x86_64, aarch64. */
  architecture: string;
  hostname: string;
  /** The user's login name. */
  user: string;
}

/** The facts' names; they hold whatever the caller's environment has under these names. */
export const FACT_VARIABLES: Readonly<Record<string, { fact: keyof NamedFacts; meaning: string }>> = {
  KAPSELI_ARCH: { fact: "architecture", meaning: "the host's architecture: `x86_64`, `aarch64`" },
  KAPSELI_HOSTNAME: { fact: "hostname", meaning: "the host's name" },
  KAPSELI_USER: { fact: "user", meaning: "the user's login name, also where USER is not set" },
};

/** Commands that stand for a fact or a variable. None of them is ever run. */
export const COMMAND_VARIABLES: Readonly<Record<string, string>> = {
  "uname -m": "KAPSELI_ARCH",
  arch: "KAPSELI_ARCH",
  "uname -n": "KAPSELI_HOSTNAME",
  hostname: "KAPSELI_HOSTNAME",
  whoami: "KAPSELI_USER",
  "id -un": "KAPSELI_USER",
  pwd: "PWD",
};

export interface Expanded {
  text: string;
  /** Names of variables that are not set; they are empty in the text. */
  unset: string[];
  /** Why the text cannot be expanded, one sentence each. */
  problems: string[];
}

/** `\$` and `` \` `` and `$$` first: what they protect is no beginning of anything else. */
const PIECE =
  /\\([$`])|\$(\$)|\$([A-Za-z_][A-Za-z0-9_]*)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^{}$`]|\$[A-Za-z_][A-Za-z0-9_]*)*))?\}|\$\(([^()]*)\)|(`[^`]*`?|\$\([\s\S]*|\$\{[^}]*\}?)/g;

/** The commands that are understood, for messages. */
function understood(): string {
  return Object.keys(COMMAND_VARIABLES)
    .map((command) => `$(${command})`)
    .join(", ");
}

/**
 * Puts variables and facts into a text: `$NAME`, `${NAME}`, `${NAME:-text}` (the text, which may hold `$NAME`,
 * where it is unset or empty), and the commands of `COMMAND_VARIABLES`. `$$`, `\$` and `` \` `` stand for the sign
 * itself; a `$` before anything else stays. What was put in is not looked at again.
 *
 * @param variables the caller's environment with PWD, HOME and the facts
 */
export function expand(text: string, variables: Readonly<Record<string, string | undefined>>): Expanded {
  const unset: string[] = [];
  const problems: string[] = [];
  const variable = (name: string): string => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value === undefined && !unset.includes(name)) unset.push(name);
    return value ?? "";
  };
  const withPlain = (otherwise: string): string =>
    otherwise.replace(/\$([A-Za-z_][A-Za-z0-9_]*)/g, (_all, name: string) => variable(name));
  const expanded = text.replace(
    PIECE,
    (
      all,
      escaped?: string,
      dollar?: string,
      plain?: string,
      braced?: string,
      otherwise?: string,
      command?: string,
      odd?: string,
    ) => {
      if (escaped !== undefined) return escaped;
      if (dollar !== undefined) return dollar;
      if (plain !== undefined) return variable(plain);
      if (braced !== undefined) {
        const value = Object.hasOwn(variables, braced) ? variables[braced] : undefined;
        return otherwise !== undefined && !value ? withPlain(otherwise) : variable(braced);
      }
      if (command !== undefined) {
        const words = command.trim().split(/\s+/).join(" ");
        const name = Object.hasOwn(COMMAND_VARIABLES, words) ? COMMAND_VARIABLES[words] : undefined;
        if (name !== undefined) return variable(name);
      }
      problems.push(
        odd?.startsWith("${")
          ? `${shown(odd)} is not understood: use \${NAME} or \${NAME:-text}`
          : `${shown(all)} is not run: use a variable that is set before the tool starts, or one of ${understood()}`,
      );
      return all;
    },
  );
  return { text: expanded, unset, problems };
}

/** The variables that configuration files see. `environment` holds, but for the cwd and the facts. */
export function configVariables(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
  cwd: string,
  facts: NamedFacts | undefined,
): Record<string, string | undefined> {
  const named = Object.entries(FACT_VARIABLES).map(([name, { fact }]) => [name, facts?.[fact]]);
  return { ...environment, HOME: environment.HOME || home, PWD: cwd, ...Object.fromEntries(named) };
}
