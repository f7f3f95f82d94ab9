import { ExitCode, KapseliError } from "../errors.ts";

/**
 * Makes the venv on the given Python and installs the requirements; `script` is templates/uv-install.sh, `installer`
 * templates/uv_install.py.
 *
 * @param install.python a Python's path, or what uv's `--python` takes (a version); empty: the venv is there
 * @param install.requirements a path; empty: the venv alone
 */
export function installArgv(install: {
  script: string;
  installer: string;
  uv: string;
  python: string;
  root: string;
  requirements: string;
  systemSitePackages: boolean;
}): [string, ...string[]] {
  const { script, installer, uv, python, root, requirements } = install;
  const venv = install.systemSitePackages ? ["--system-site-packages"] : [];
  return ["/bin/sh", script, uv, python, root, requirements, installer, ...venv];
}

/**
 * Installs a requirements file into an environment that is there; `installer` is templates/uv_install.py.
 *
 * @param further options for `uv pip install`, each beginning with `--`
 */
export function pipInstallArgv(
  installer: string,
  uv: string,
  root: string,
  requirements: string,
  further: readonly string[] = [],
): [string, ...string[]] {
  return [`${root}/bin/python3`, "-I", "-S", installer, uv, root, requirements, ...further];
}

/**
 * Prints pinned requirements with the hashes that the index has for them, one `--hash` for each file of a version.
 *
 * @param offline by what uv has cached alone
 */
export function hashesArgv(
  uv: string,
  root: string,
  requirements: string,
  offline: boolean,
): [string, ...string[]] {
  const what = ["--generate-hashes", "--no-deps", "--no-header", "--no-annotate"];
  const how = [...(offline ? ["--offline"] : []), "--no-progress", "--python", `${root}/bin/python3`];
  return [uv, "pip", "compile", ...what, ...how, requirements];
}

/** uv's variables outside of containers, where it links files as it likes. */
export const UV_VARIABLES_ON_HOST = {
  UV_NO_PROGRESS: "1",
  UV_SYSTEM_CERTS: "1",
  UV_NATIVE_TLS: "1",
} as const;

/**
 * The cache is on another mount inside the container, where hard links are refused: copies, without a warning. Sites
 * have certificates of their own, which uv's built-in list lacks; both names of the setting, old and new.
 */
export const UV_VARIABLES = { UV_LINK_MODE: "copy", ...UV_VARIABLES_ON_HOST } as const;

/** The longest first line of a script that uv writes as a plain one: 127 bytes with `#!`, as older kernels take. */
const LONGEST_INTERPRETER = 125;

/**
 * Whether scripts that uv wrote for an environment at another place are right for this one when its path is put into
 * them. For a path with blanks or quotes, or a long one, uv writes them in another form.
 */
export function hasPlainScripts(root: string): boolean {
  return /^[\w./@%+=:,-]+$/.test(root) && `${root}/bin/python3`.length <= LONGEST_INTERPRETER;
}

/** A Python that uv downloads goes into the environment, so that it is there at run time. */
export function ownPythons(root: string): Record<string, string> {
  return { UV_PYTHON_INSTALL_DIR: `${root}/uv/python` };
}

/** Settings of uv's that would send the installation elsewhere. */
export const UV_VARIABLES_REMOVED = [
  "UV_SYSTEM_PYTHON",
  "UV_BREAK_SYSTEM_PACKAGES",
  "UV_PYTHON",
  "UV_PROJECT",
] as const;

/** What uv is doing, from one line of its output. */
export function uvProgress(line: string): string | undefined {
  const match = /^\s*(Resolved|Prepared|Installed|Downloading|Building|Built)\s+(.+?)(?:\s+in\s.*)?$/.exec(
    line,
  );
  return match ? `${match[1]?.toLowerCase()} ${match[2]}` : undefined;
}

const CAUSES: readonly (readonly [RegExp, string, string])[] = [
  [
    /^error: files are not what their packages say/m,
    "files of packages are damaged, also after they were fetched anew",
    "The disk of uv's cache (UV_CACHE_DIR) or of the work directory is at fault: choose others.",
  ],
  [
    /Failed to (?:download|fetch).*(?:python-build-standalone|cpython-|pypy)|No download found for request|No interpreter found/i,
    "uv could not get the Python that is asked for",
    "Load a module with that Python, name a mirror in UV_PYTHON_INSTALL_MIRROR, or leave out --pyver.",
  ],
  [
    /\b401 Unauthorized|\b403 Forbidden|status code 40[13]/i,
    "the package index refuses these credentials, or wants some",
    "Put them into the environment (UV_INDEX_URL) or ~/.netrc; never into files that others read.",
  ],
  [
    /No space left|quota exceeded/i,
    "there was no space left",
    "Choose a directory with more room with --tmpdir.",
  ],
  [
    /invalid peer certificate|UnknownIssuer|certificate/i,
    "the package index's certificate is not trusted",
    "Name the site's CA bundle in SSL_CERT_FILE.",
  ],
  [
    /Failed to fetch|error sending request|connection (?:refused|reset)|timed out|dns error/i,
    "the package index could not be reached",
    "Check the network from this host, HTTPS_PROXY and the index URL.",
  ],
  [
    /invalid package format|structure of .* was invalid|Failed to (?:read|extract|unzip)|invalid zip/i,
    "a package came damaged or incomplete from the index",
    "Try again; if it stays so, the index or a proxy on the way to it is at fault.",
  ],
  [
    /Hash mismatch|hash-checking|Hashes are required/i,
    "a package does not have the hash that the requirements give",
    "Make the requirements file anew, or find out who changed the package.",
  ],
  [
    /Failed to build|Build backend|build failure/i,
    "a package could not be built from its source",
    "The lines above say why; often a compiler or a header is missing. A version with a ready wheel avoids it.",
  ],
  [
    /Couldn't parse requirement|File not found/i,
    "uv could not read the requirements",
    "The lines above name the file and the place.",
  ],
  [
    /not found in the package registry|there (?:is|are) no versions? of/i,
    "uv found no version of a package that fits",
    "Check the names and versions that uv names above.",
  ],
  [
    /No solution found/i,
    "the requirements contradict each other",
    "Loosen one of the versions that uv names above.",
  ],
];

/** Turns the output of a uv that failed into one error. */
export function explainUvFailure(output: readonly string[], exitCode: number): KapseliError {
  const start = output.findIndex((line) => /^\s*(error|×)/.test(line));
  const lines = (start < 0 ? output.slice(-15) : output.slice(start)).slice(0, 15);
  const text = output.join("\n");
  const [, message, hint] = CAUSES.find(([pattern]) => pattern.test(text)) ?? [
    undefined,
    `uv failed with exit code ${exitCode}`,
    "The log has everything uv said.",
  ];
  return new KapseliError(ExitCode.installFailed, message, { lines, hint });
}
