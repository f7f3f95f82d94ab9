import { ExitCode, KapseliError } from "../errors.ts";
import { withoutCredentials } from "./redact.ts";

/** Makes the venv; `--copies` is not used: the interpreter stays the host's (or the base's) own. */
export function venvArgv(python: string, root: string, systemSitePackages: boolean): [string, ...string[]] {
  return [python, "-m", "venv", ...(systemSitePackages ? ["--system-site-packages"] : []), root];
}

/**
 * Installs a requirements file into the environment at `root`. `.pyc` files are made afterwards in parallel.
 *
 * @param report where pip writes what it installed, with hashes (pip >= 22.2)
 * @param further options besides
 */
export function installArgv(
  root: string,
  requirements: string,
  report?: string,
  further: readonly string[] = [],
): [string, ...string[]] {
  return [
    `${root}/bin/python3`,
    "-m",
    "pip",
    "install",
    "--no-compile",
    "--progress-bar",
    "off",
    "--no-input",
    "--disable-pip-version-check",
    ...(report === undefined ? [] : ["--report", report]),
    ...further,
    "-r",
    requirements,
  ];
}

/** What pip says of a package that is not a whole one, or not the one that the index has. */
const DAMAGED =
  /BadZipFile|Bad CRC-32|Error -3 while decompressing|Wheel .* is invalid|DO NOT MATCH THE HASHES|has an invalid wheel|EOFError/;
/** A download that was kept; a wheel that was built here. */
const FROM_CACHE = /^\s*(?:Using cached |Processing \/.*\/wheels\/[0-9a-f]{2}\/)/;

/**
 * What to run instead where pip failed over a damaged file of its cache, which it never looks at again by itself.
 *
 * @param argv of `installArgv`, maybe within a container's
 * @param output of the pip that failed
 * @returns undefined where that was not the reason.
 */
export function argvWithoutCache(
  argv: readonly [string, ...string[]],
  output: readonly string[],
): [string, ...string[]] | undefined {
  const at = argv.includes("--no-cache-dir") ? -1 : argv.indexOf("--no-compile");
  const isDamaged = output.some((line) => DAMAGED.test(line));
  if (at < 0 || !isDamaged || !output.some((line) => FROM_CACHE.test(line))) return undefined;
  const [file, ...rest] = argv;
  return [file, ...rest.slice(0, at - 1), "--no-cache-dir", ...rest.slice(at - 1)];
}

/** pip's own settings that would send the installation elsewhere or stop it from asking nobody. */
export const PIP_VARIABLES_REMOVED = [
  "PIP_TARGET",
  "PIP_PREFIX",
  "PIP_ROOT",
  "PIP_USER",
  "PIP_REQUIRE_VIRTUALENV",
  "PIP_DRY_RUN",
] as const;

/** What pip is doing, from one line of its output; undefined for lines that say nothing new. */
export function pipProgress(line: string): string | undefined {
  const match =
    /^\s*(Collecting|Downloading|Using cached|Building wheel for|Installing collected packages:)\s+(\S+)/.exec(
      line,
    );
  if (!match) return undefined;
  const [, verb, what] = match;
  const subject = (what ?? "")
    .split("/")
    .at(-1)
    ?.replace(/[,#?].*$/, "");
  return verb?.startsWith("Installing") ? "installing" : `${verb?.toLowerCase()} ${subject}`;
}

interface Cause {
  pattern: RegExp;
  message: (match: RegExpExecArray) => string;
  hint: string;
}

const UNREACHABLE = {
  message: "the package index could not be reached",
  hint: "Check the network from this host, HTTPS_PROXY, and the index URL (pip config list).",
};

const NO_VERSION = /No matching distribution found for (.+)/;

/** pip only warns of an http index of another host, and then says that there are no versions. */
const NOT_SECURE = /The repository located at (\S+) is not a trusted or secure host and is being ignored/;

/** pip does not say that an index refused to answer (401, 403): to it such an index has no versions. */
function refusalHint(output: readonly string[]): string {
  const named = output.flatMap((line) => /^\s*Looking in indexes: (.+)$/.exec(line)?.[1] ?? [])[0];
  const which = named === undefined ? "the index" : `the index (${withoutCredentials(named)})`;
  return `Where it should be there, ${which} may have refused to answer: a wrong password, a proxy; pip does not say so.`;
}

/** In order: a full disk makes anything fail; what hides the network's trouble (no version found, for nothing could be asked) comes after it. */
const CAUSES: readonly Cause[] = [
  {
    pattern:
      /fatal: unable to access|fatal: could not read|fatal: repository|git (?:clone|fetch|checkout|version) .*did not run successfully|Could not resolve host/,
    message: () => "a git repository could not be fetched",
    hint: "Check its address and revision, the network from this host, and that git is on PATH; a private one needs your key or token.",
  },
  {
    pattern: /No space left on device|Disk quota exceeded/,
    message: () => "there was no space left",
    hint: "Choose a directory with more room with --tmpdir, or empty pip's cache (pip cache purge).",
  },
  {
    pattern: /\b40[13] (?:Client )?Error|401 Unauthorized|403 Forbidden|Credentials not correct/i,
    message: () => "the package index refuses these credentials, or wants some",
    hint: "Put them into the environment (PIP_INDEX_URL) or ~/.netrc; never into files that others read.",
  },
  {
    pattern: /CERTIFICATE_VERIFY_FAILED|SSLError/,
    message: () => "the package index's certificate is not trusted",
    hint: "Name the site's CA bundle in PIP_CERT or SSL_CERT_FILE.",
  },
  {
    pattern:
      /Could not fetch URL|Max retries exceeded|NewConnectionError|Temporary failure in name resolution|ConnectTimeoutError|ReadTimeoutError|ProxyError|IncompleteRead|Connection (?:reset|aborted|refused)/i,
    message: () => UNREACHABLE.message,
    hint: UNREACHABLE.hint,
  },
  {
    pattern: /Wheel .* is invalid|BadZipFile|incomplete-download|Download (?:was )?incomplete/i,
    message: () => "a package came damaged or incomplete from the index",
    hint: "Try again (after `pip cache purge`); if it stays so, the index or a proxy on the way to it is at fault.",
  },
  {
    pattern: NO_VERSION,
    message: (match) => `pip found no version of ${match[1]} that fits`,
    hint: "Check the name and the version, and whether it supports this Python; `pip index versions NAME` lists what there is.",
  },
  {
    pattern: /ResolutionImpossible|conflicting dependencies/,
    message: () => "the requirements contradict each other",
    hint: "Loosen one of the versions that pip names above.",
  },
  {
    pattern: /THESE PACKAGES DO NOT MATCH THE HASHES|Hashes are required|--require-hashes mode/,
    message: () => "a package does not have the hash that the requirements give",
    hint: "Make the requirements file anew (pip-compile --generate-hashes), or find out who changed the package.",
  },
  {
    pattern:
      /(Failed (?:to build|building wheel for)|Building wheel for|metadata-generation-failed|subprocess-exited-with-error)/i,
    message: () => "a package could not be built from its source",
    hint: "The lines above say why; often a compiler or a header is missing. A version with a ready wheel avoids it.",
  },
  {
    pattern: /: No module named pip$/,
    message: () => "the environment has no pip that could install requirements",
    hint: "Give it pip first: name it among the dependencies, or run conda install -y pip in a post-install script.",
  },
  {
    pattern: /Could not open requirements file|Invalid requirement/,
    message: () => "pip could not read the requirements",
    hint: "The lines above name the file and line.",
  },
];

/** What only repeats or surrounds what was said. */
const NOISE = /^\s*(?:note: This error originates from a subprocess.*)?$/;
const SHOWN_LINES = 20;

/** From pip's first error on; of a long build output the beginning and the end, where compilers say why. */
function linesThatMatter(output: readonly string[]): string[] {
  const start = output.findIndex((line) => /^\s*(ERROR:|error:|×)/.test(line));
  if (start < 0) return output.slice(-15);
  const end = output.findIndex((line, index) => index > start && /^\s*\[end of output\]/.test(line));
  const said = output.slice(start, end < 0 ? undefined : end).filter((line) => !NOISE.test(line));
  return said.length <= SHOWN_LINES ? said : [...said.slice(0, 4), "…", ...said.slice(5 - SHOWN_LINES)];
}

/** Turns the output of a pip that failed into one error. `output` holds its last lines, stdout and stderr together. */
export function explainPipFailure(output: readonly string[], exitCode: number): KapseliError {
  const lines = linesThatMatter(output);
  // A retry that was warned about may have succeeded; not where pip then saw no version at all.
  const nothingSeen = output.some((line) => line.includes("(from versions: none)"));
  const ignored = output.flatMap((line) => NOT_SECURE.exec(line)?.[1] ?? [])[0];
  if (nothingSeen && ignored !== undefined) {
    const host = ignored.replace(/:\d+$/, "");
    return new KapseliError(ExitCode.installFailed, "pip ignores the package index: it is not encrypted", {
      lines: [`${ignored} is reached by http://`, ...lines],
      hint: `Use its https:// address; if it has none and you trust the network, name its host: PIP_TRUSTED_HOST=${host}`,
    });
  }
  const decisive = output.filter((line) => nothingSeen || !/^\s*WARNING: Retrying/.test(line));
  // pip only warns while it cannot connect, and then says that there are no versions.
  const unanswered = output.filter((line) => /^\s*WARNING: Retrying .*\bbroken by\b/.test(line)).at(-1);
  if (unanswered !== undefined && nothingSeen) {
    const { message, hint } = UNREACHABLE;
    return new KapseliError(ExitCode.installFailed, message, { lines: [unanswered.trim(), ...lines], hint });
  }
  for (const cause of CAUSES) {
    for (const line of decisive) {
      const match = cause.pattern.exec(line);
      if (match) {
        const more = nothingSeen && cause.pattern === NO_VERSION ? ` ${refusalHint(output)}` : "";
        return new KapseliError(ExitCode.installFailed, cause.message(match), {
          lines,
          hint: `${cause.hint}${more}`,
        });
      }
    }
  }
  return new KapseliError(ExitCode.installFailed, `pip failed with exit code ${exitCode}`, {
    lines,
    hint: "The log has everything pip said.",
  });
}
