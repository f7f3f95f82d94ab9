/**
 * What the tests of `tykky activate` stand on: a copy of what the tool installs below etc/, in a directory whose name
 * needs quoting everywhere, and directories that look like environments. No container is started.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const TERMINAL = fileURLToPath(new URL("terminal.py", import.meta.url));

export interface Site {
  /** Holds everything; the home directory of those who call. */
  home: string;
  /** The installation: bin/ and etc/. */
  root: string;
  /** A directory of environments. */
  environments: string;
  remove(): void;
}

export function newSite(): Site {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "kapseli-activate-")));
  const root = join(home, "it's an inställation");
  cpSync(join(PROJECT, "etc"), join(root, "etc"), { recursive: true });
  executable(join(root, "bin", "kapseli"), 'echo kapseli "$@"');
  const environments = join(home, "environments");
  mkdirSync(environments);
  return { home, root, environments, remove: () => rmSync(home, { recursive: true, force: true }) };
}

/** A program that is one line of shell. */
export function executable(path: string, line: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
}

/** A prefix as Kapseli makes it, with one command, which says where it is. */
export function environment(prefix: string, command = "which-one"): string {
  mkdirSync(join(prefix, "current"), { recursive: true });
  writeFileSync(join(prefix, "current", "launcher.sh"), "");
  executable(join(prefix, "bin", command), 'echo "from $0"');
  return prefix;
}

/** A prefix as Tykky makes it. */
export function tykkyEnvironment(prefix: string): string {
  executable(join(prefix, "bin", "which-one"), 'echo "from $0"');
  writeFileSync(join(prefix, "common.sh"), "");
  return prefix;
}

export function isThere(program: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;
}

export type Ran = Pick<SpawnSyncReturns<string>, "status" | "stdout" | "stderr">;

export interface Call {
  cwd?: string;
  env?: Record<string, string>;
  input?: string;
}

/** Runs a program with nothing in its environment but a plain PATH, HOME and what is given. */
export function run(
  site: Site,
  argv: readonly string[],
  { cwd = site.home, env = {}, input }: Call = {},
): Ran {
  const [file = "", ...args] = argv;
  return spawnSync(file, args, {
    cwd,
    env: { PATH: "/usr/bin:/bin", HOME: site.home, TERM: "dumb", LC_ALL: "C.UTF-8", ...env },
    encoding: "utf8",
    // bash takes a socket, which node gives, for a sign that it was called over the network.
    ...(input === undefined ? { stdio: ["ignore", "pipe", "pipe"] } : { input }),
    timeout: 60_000,
  });
}

/** Types at a program. Each step waits for a text to be shown, then types another. */
export function type(site: Site, argv: readonly string[], steps: [string, string][], call: Call = {}): Ran {
  return run(site, ["python3", TERMINAL, ...argv], { ...call, input: JSON.stringify(steps) });
}

/** Shells whose TAB completes. What a terminal needs before: a prompt to wait for, and the functions. */
export const TAB_SHELLS: { shell: string; argv: string[]; before: string }[] = [
  {
    shell: "bash",
    argv: ["bash", "--norc", "-i"],
    before: `PS1='READY'' '; . "$ROOT/etc/profile.d/tykky.sh"`,
  },
  {
    shell: "bash with unusual options",
    argv: ["bash", "--norc", "-i"],
    before: `PS1='READY'' '; . "$ROOT/etc/profile.d/tykky.sh"; set -uf; IFS=e:; shopt -s failglob`,
  },
  {
    shell: "zsh, compinit before",
    argv: ["zsh", "-f", "-i"],
    before: `autoload -Uz compinit; compinit -D -u; . "$ROOT/etc/profile.d/tykky.sh"; PS1='READY'' '`,
  },
  {
    shell: "zsh, compinit after, with unusual options",
    argv: ["zsh", "-f", "-i"],
    before: `. "$ROOT/etc/profile.d/tykky.sh"; autoload -Uz compinit; compinit -D -u; setopt ksh_arrays sh_word_split nounset; PS1='READY'' '`,
  },
  {
    shell: "fish",
    argv: ["fish", "--no-config", "-i"],
    before: `function fish_prompt; echo -n READY' '; end; source "$ROOT/etc/profile.d/tykky.fish"`,
  },
];
