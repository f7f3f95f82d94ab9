import { ExitCode, KapseliError } from "../errors.ts";

/** The engines that are a command-line program of the conda family. */
export type CondaProgram = "micromamba" | "mamba" | "conda";

export interface CondaCreate {
  engine: CondaProgram;
  /** Absolute path of the program. */
  path: string;
  root: string;
  /** The file for the engine: the user's own text, in a folder that the engine may write to. */
  file: string;
  format: "environment-yml" | "explicit" | "spec-list";
  /** Root prefix for micromamba's caches. */
  cache: string;
}

/**
 * The words that create an environment at `root`. micromamba 2.8.1 takes all three formats by `create -f`
 * (measured); conda reads env.yml by `env create` and lists by `create --file` (conda's documentation,
 * "Managing environments"); mamba 2 takes micromamba's words, mamba 1 conda's, `env create` is in both.
 */
export function createArgv(create: CondaCreate): [string, ...string[]] {
  const { engine, path, root, file, format } = create;
  if (engine === "micromamba") {
    return [path, "create", "-y", "--root-prefix", create.cache, "-p", root, "-f", file];
  }
  if (format === "environment-yml") return [path, "env", "create", "-y", "-p", root, "-f", file];
  return [path, "create", "-y", "-p", root, "--file", file];
}

/** A change to an environment that is there. */
export interface CondaChange {
  engine: CondaProgram;
  path: string;
  root: string;
  /** Root prefix for micromamba's caches. */
  cache: string;
  action: "install" | "update" | "remove";
  /** Specifications; for `remove` names. */
  packages: readonly string[];
  /** All packages are updated. */
  all?: boolean;
  /** Files of specifications that the engine may read. */
  files?: readonly string[];
  /** All channels, in their order; none besides these. */
  channels?: readonly string[];
  priority?: "strict" | "flexible" | "disabled";
  freeze?: boolean;
  noDeps?: boolean;
  onlyDeps?: boolean;
  reinstall?: boolean;
  /** remove: not what needs the packages. */
  force?: boolean;
}

/**
 * The words that install into or remove from an environment. The options are the same in conda ("Commands",
 * conda's documentation) and in micromamba and mamba 2 (`micromamba install --help`).
 */
export function changeArgv(change: CondaChange): [string, ...string[]] {
  const { engine, path, root } = change;
  const channels = change.channels ?? [];
  const flag = (wanted: boolean | undefined, name: string): string[] => (wanted ? [name] : []);
  return [
    path,
    change.action,
    "-y",
    ...(engine === "micromamba" ? ["--root-prefix", change.cache] : []),
    "-p",
    root,
    ...(channels.length > 0 ? ["--override-channels", ...channels.flatMap((one) => ["-c", one])] : []),
    ...flag(change.priority === "strict", "--strict-channel-priority"),
    ...flag(change.priority === "disabled", "--no-channel-priority"),
    ...flag(change.freeze, "--freeze-installed"),
    ...flag(change.noDeps, "--no-deps"),
    ...flag(change.onlyDeps, "--only-deps"),
    ...flag(change.reinstall, "--force-reinstall"),
    ...flag(change.force, "--force"),
    ...flag(change.all, "--all"),
    ...(change.files ?? []).flatMap((file) => ["--file", file]),
    ...change.packages,
  ];
}

/** The words that bring an environment up to an env.yml; micromamba's `update` takes such a file, too. */
export function updateFromFileArgv(
  engine: CondaProgram,
  path: string,
  root: string,
  cache: string,
  file: string,
): [string, ...string[]] {
  return engine === "micromamba"
    ? [path, "update", "-y", "--root-prefix", cache, "-p", root, "-f", file]
    : [path, "env", "update", "-p", root, "-f", file];
}

/** What micromamba and its kin take for their installation: a directory of the tool's cache. */
export function rootPrefix(cache: string): string {
  return `${cache}/micromamba-root`;
}

/** Where packages are unpacked: the first of the caller's own caches, else below the engine's root prefix. */
export function firstPackageCache(cache: string, packageCaches: readonly string[] = []): string {
  return packageCaches[0] ?? `${cache}/pkgs`;
}

/**
 * Variables that keep the engine's caches and registrations out of the user's home.
 *
 * @param packageCaches where packages are kept, if not below `cache`; the first is written to
 */
export function condaVariables(
  engine: CondaProgram,
  cache: string,
  packageCaches: readonly string[] = [],
): Record<string, string> {
  // conda's documentation, "Using the .condarc conda configuration file": lists in variables are joined by commas.
  const own = {
    CONDA_PKGS_DIRS: packageCaches.length > 0 ? packageCaches.join(",") : firstPackageCache(cache),
  };
  return engine === "micromamba"
    ? { MAMBA_ROOT_PREFIX: cache, MAMBA_NO_BANNER: "1", ...own }
    : { ...own, CONDA_REGISTER_ENVS: "false" };
}

/** Variables of an active conda environment, which would be taken for the one that is built. */
export const CONDA_VARIABLES_REMOVED = [
  "CONDA_PREFIX",
  "CONDA_DEFAULT_ENV",
  "CONDA_SHLVL",
  "CONDA_PROMPT_MODIFIER",
  "CONDA_EXE",
  "CONDA_PYTHON_EXE",
] as const;

const POWERS = ["", "K", "M", "G", "T"];

/**
 * How much an engine is about to download, in bytes, by the line with the sum of its list of packages: "Total download:
 * 98MB" of micromamba and mamba (github.com/mamba-org/mamba libmamba/src/core/transaction.cpp; 1000 bytes are 1 kB there
 * since 1.0, before it were 1024), "Total:  98.4 MB" of conda (1024). `conda env create` prints no such list.
 *
 * @returns no more than it is, whichever is meant; undefined for any other line
 */
export function downloadSize(line: string): number | undefined {
  const [, amount, power] = /^\s*Total(?: download)?:\s+(\d+(?:\.\d+)?)\s*([kKMGT]?)B\s*$/.exec(line) ?? [];
  if (amount === undefined) return undefined;
  return Number(amount) * 1000 ** POWERS.indexOf((power ?? "").toUpperCase());
}

/** What the engine is doing, from one line of its output. */
export function condaProgress(line: string): string | undefined {
  if (/Collecting package metadata|Solving environment|Resolving environment/i.test(line)) return "solving";
  if (/^(Downloading|Fetching)|Downloading and Extracting/i.test(line.trim())) return "downloading";
  if (/^(Linking|Executing transaction|Preparing transaction|Transaction starting)/i.test(line.trim()))
    return "linking";
  if (/^(Installing pip|Collecting |Installing collected)/i.test(line.trim()))
    return "installing pip packages";
  return undefined;
}

const CAUSES: readonly (readonly [RegExp, string, string])[] = [
  [
    /No space left|quota exceeded/i,
    "there was no space left",
    "Choose a directory with more room with --tmpdir.",
  ],
  [
    /PackagesNotFoundError|ResolvePackageNotFound|nothing provides|does not exist|not available from current channels|No candidates were found/i,
    "a package was not found in the channels",
    "Check its name and version, and whether another channel (conda-forge, bioconda) has it.",
  ],
  [
    /UnsatisfiableError|LibMambaUnsatisfiableError|Could not solve|conflict|unsatisfiable|incompatible/i,
    "the packages asked for cannot be installed together",
    "The lines above are the solver's explanation: loosen a version or remove a package.",
  ],
  [
    /Pip failed|pip subprocess error|CondaEnvException: Pip/i,
    "the pip: section could not be installed",
    "The lines above are pip's own.",
  ],
  [
    /CondaHTTPError|CondaSSLError|Could(?: not|n't) (?:connect|resolve host)|Download error|Connection ?(?:error|failed|refused|reset|timed out|broken)|Timeout was reached|timed out|status(?: code)?: [45]\d\d|\bSSL\b|CERTIFICATE_VERIFY_FAILED|certificate/i,
    "a channel could not be reached",
    "Check the network from this host, HTTPS_PROXY, the channel's URL and its certificate.",
  ],
];

/** Turns the output of an engine that failed into one error. */
export function explainCondaFailure(
  engine: CondaProgram,
  output: readonly string[],
  exitCode: number,
): KapseliError {
  const start = output.findIndex((line) => /error|failed|could not|conflict/i.test(line));
  const lines = (start < 0 ? output.slice(-20) : output.slice(start, start + 25)).filter(
    (line) => line.trim() !== "",
  );
  const text = output.join("\n");
  for (const [pattern, message, hint] of CAUSES) {
    if (pattern.test(text)) return new KapseliError(ExitCode.installFailed, message, { lines, hint });
  }
  return new KapseliError(ExitCode.installFailed, `${engine} failed with exit code ${exitCode}`, {
    lines,
    hint: "The log has everything it said.",
  });
}
