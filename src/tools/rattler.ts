import { ExitCode, KapseliError } from "../errors.ts";

/** One package of an explicit list. */
export interface RattlerPackage {
  url: string;
  name: string;
  version: string;
  build: string;
  buildNumber: number;
  subdir: string;
  sha256?: string;
  md5?: string;
}

/** Where it keeps what channels hold, in the tool's cache directory; templates/rattler_install.py names it, too. */
export function indexDirectory(cache: string): string {
  return `${cache}/rattler/repodata`;
}

/** What `templates/rattler_install.py` reads. */
export interface RattlerRequest {
  /** Where the files go. */
  tree: string;
  /** The prefix that is written into them. */
  prefix: string;
  /** Where the image will be, which need not be there yet; given: whether it has room. */
  published?: string;
  /** Where the names of packages with post-link scripts are written. */
  linkScripts: string;
  platform: string;
  channels: readonly string[];
  specs: readonly string[];
  /** Null: solve `specs`; else exactly these. */
  packages: readonly RattlerPackage[] | null;
  variables: Readonly<Record<string, string>>;
  cache: string;
  /** Where packages are kept, if not below `cache`. */
  packageCache?: string;
  /** Given: the environment is there already and is changed so; `specs` and `packages` are not looked at. */
  change?: RattlerChange;
}

/** What is to become of an environment that is there. Either `remove` or the others. */
export interface RattlerChange {
  specs: readonly string[];
  /** Names of packages to take out, with all that need them. */
  remove: readonly string[];
  /** Names of installed packages to bring to the newest version that fits. */
  update: readonly string[];
  updateAll: boolean;
  /** Installed packages may not change at all. */
  freeze: boolean;
  noDeps: boolean;
  onlyDeps: boolean;
  reinstall: boolean;
  /** Nothing changes: only the packages that go and have a pre-unlink script are written to `linkScripts`. */
  unlinkScriptsOnly: boolean;
  /** `flexible` is conda's: strict where that has a solution, else disabled. */
  priority: "strict" | "flexible" | "disabled";
}

export function installArgv(python: string, script: string, request: string): [string, ...string[]] {
  return [python, "-I", script, request];
}

/** What one line of the driver's output says. */
export type RattlerMessage =
  | {
      kind: "progress";
      phase: string;
      done: number;
      total: number;
      name: string;
      /** Of the packages that were begun, while they come. */
      bytes?: { done: number; total: number };
    }
  | { kind: "error"; about: string; message: string }
  | { kind: "warning"; message: string }
  /** Packages as `name version build`. */
  | { kind: "changed"; added: string[]; removed: string[] }
  | { kind: "other" };

export function parseRattlerLine(line: string): RattlerMessage {
  if (!line.startsWith("{")) return { kind: "other" };
  let message: Record<string, unknown>;
  try {
    message = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { kind: "other" };
  }
  if (message.progress) {
    const { phase, done, total, name, bytes } = message.progress as Record<string, unknown>;
    const came = bytes as Record<string, unknown> | undefined;
    return {
      kind: "progress",
      phase: String(phase),
      done: Number(done),
      total: Number(total),
      name: String(name),
      ...(came ? { bytes: { done: Number(came.done), total: Number(came.total) } } : {}),
    };
  }
  if (message.error) {
    const { kind, message: text } = message.error as Record<string, unknown>;
    return { kind: "error", about: String(kind), message: String(text) };
  }
  if (message.changed) {
    const { added, removed } = message.changed as Record<string, unknown[]>;
    return { kind: "changed", added: (added ?? []).map(String), removed: (removed ?? []).map(String) };
  }
  if (message.warning) return { kind: "warning", message: String(message.warning) };
  return { kind: "other" };
}

/** What to do when a virtual package is what is missing: the machine that builds is not the one that runs. */
function virtualPackageHint(message: string): string | undefined {
  if (/__cuda/.test(message)) {
    return "This host has no GPU driver, so no CUDA version was assumed. For GPU nodes say which their driver has: CONDA_OVERRIDE_CUDA=12.4 (nvidia-smi shows it there).";
  }
  if (/__glibc/.test(message)) {
    return "The base's C library is too old for a package. Take an older version of the package, or a newer base (--base).";
  }
  return undefined;
}

const NO_ROOM = [
  "there is not enough space for the packages",
  "Choose a directory with more room with --tmpdir or CW_BUILD_TMPDIR.",
] as const;

const EXPLANATIONS: Readonly<Record<string, readonly [string, string]>> = {
  solve: [
    "the packages asked for cannot be installed together",
    "The lines above are the solver's explanation: correct a name, loosen a version, or add the channel that has it.",
  ],
  "unknown-package": [
    "a package was not found in the channels",
    "Check its name and version, and whether another channel (conda-forge, bioconda) has it.",
  ],
  channel: [
    "a channel could not be read",
    "Check the channel's name or URL in the file (one that names none uses conda-forge, or CONDA_CHANNELS), the network from this host, and HTTPS_PROXY.",
  ],
  credentials: [
    "a channel refuses these credentials, or wants some",
    "Give them in the environment or in ~/.netrc (docs/recipes.md); never in files that others read.",
  ],
  spec: [
    "a dependency is not a valid conda specification",
    "Correct it in the file; PyPI extras like name[extra] belong below pip:.",
  ],
  hash: [
    "a package does not have the hash that its list or channel gives",
    "Try again; if it stays so, the list is old (make it anew), or a mirror or somebody changed the package.",
  ],
  "not-installed": [
    "a package is not installed",
    "`conda list` shows what is; the package may go by another name.",
  ],
  silent: [
    "a server of packages sent nothing any more",
    "Try again: what was downloaded is kept. CONDA_REMOTE_READ_TIMEOUT_SECS sets how many seconds of silence are waited for (120).",
  ],
  missing: ["a package of the list is not there", "Check the list's URLs."],
  room: NO_ROOM,
  space: [
    "there was no space left",
    "Choose a directory with more room with --tmpdir; the package cache is in KAPSELI_CACHE.",
  ],
  install: [
    "a package could not be downloaded or linked",
    "The lines above say which; if the network failed, try again: what was downloaded is kept.",
  ],
};

/** That packages do not fit, by whichever installer. */
export function noRoomError(why: string): KapseliError {
  const [what, hint] = NO_ROOM;
  return new KapseliError(ExitCode.installFailed, what, { lines: [why], hint });
}

/** Turns what the driver reported, and its last lines otherwise, into one error. */
export function explainRattlerFailure(output: readonly string[], exitCode: number): KapseliError {
  for (const line of output) {
    const message = parseRattlerLine(line);
    if (message.kind !== "error") continue;
    // Only a package that the user named himself is "not found"; of others the solver explains who wants them.
    const about =
      message.about === "solve" && /^[^:]*: No candidates were found for /.test(message.message)
        ? "unknown-package"
        : /No space left|quota exceeded/i.test(message.message)
          ? "space"
          : message.about === "channel" && /\b40[13]\b|unauthorized|forbidden/i.test(message.message)
            ? "credentials"
            : message.about === "install" && /\bhash mismatch\b/i.test(message.message)
              ? "hash"
              : message.about;
    const [what, hint] = EXPLANATIONS[about] ?? ["rattler failed", "The log has everything it said."];
    const missing = /No candidates were found for ([^\n]+?)\.?\s*$/m
      .exec(message.message)?.[1]
      ?.replace(/ \*$/, "");
    const headline = about === "unknown-package" && missing ? `${what}: ${missing}` : what;
    const lines = message.message.split("\n").filter((text) => text.trim() !== "");
    return new KapseliError(ExitCode.installFailed, headline, {
      lines: lines.slice(0, 30),
      hint: virtualPackageHint(message.message) ?? hint,
    });
  }
  return new KapseliError(ExitCode.installFailed, `rattler failed with exit code ${exitCode}`, {
    lines: output.slice(-15),
    hint: "The log has everything it said.",
  });
}
