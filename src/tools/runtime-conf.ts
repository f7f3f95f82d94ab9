/** What a runtime says of how it was built (`apptainer buildcfg`, `singularity buildcfg`). */
export interface BuildConfiguration {
  /** Its configuration file. */
  file: string | undefined;
  /** Directory with its helpers, where a setuid installation has `bin/starter-suid`. */
  helpers: string[];
}

/** Reads the `NAME=value` lines; names begin with the runtime's own. */
export function parseBuildConfiguration(printed: string): BuildConfiguration {
  const value = (name: RegExp): string | undefined => name.exec(printed)?.[1]?.trim() || undefined;
  const libexec = value(/^LIBEXECDIR=(.*)$/m);
  return {
    file: value(/^\w+_CONF_FILE=(.*)$/m),
    helpers: libexec === undefined ? [] : [`${libexec}/apptainer`, `${libexec}/singularity`],
  };
}

/** One directive and what it keeps from working. */
export interface DirectiveProblem {
  directive: string;
  value: string;
  means: string;
}

/**
 * What each directive keeps from working when it is `no` (apptainer.conf and singularity.conf, whose comments explain
 * them). A trial says whether that matters: there are other ways for most.
 */
const MEANINGS: Readonly<Record<string, string>> = {
  "allow container dir": "a directory cannot be a base: the host base becomes a small image",
  "allow container squashfs": "a SquashFS file cannot be a base, nor, in some versions, be mounted",
  "allow container sif": "a SIF cannot be a base",
  "user bind control": "nothing of the host can be bound: no environment can be run",
  "enable fusemount": "--fusemount, one of the ways to mount images, does not work",
  "allow setuid": "a setuid installation works only with user namespaces",
  "allow user ns": "user namespaces cannot be used",
};

/** The directives that are off and matter here. */
export function directiveProblems(configuration: string): DirectiveProblem[] {
  return Object.entries(MEANINGS).flatMap(([directive, means]): DirectiveProblem[] => {
    const pattern = new RegExp(`^\\s*${directive}\\s*=\\s*(\\S+)\\s*$`, "m");
    const value = pattern.exec(configuration)?.[1];
    return value?.toLowerCase() === "no" ? [{ directive, value, means }] : [];
  });
}

/** The compressions that a mksquashfs knows, from its help (`Compressors available`). */
export function parseCompressors(help: string): string[] {
  const [, list = ""] = help.split(/Compressors available[^\n]*\n/);
  const names: string[] = [];
  for (const line of list.split("\n")) {
    const name = /^\s+(gzip|lzo|lz4|xz|zstd|lzma)\b/.exec(line)?.[1];
    // Options of a compressor stand below its name.
    if (name !== undefined && !names.includes(name)) names.push(name);
    else if (/^-/.test(line)) break;
  }
  return names;
}

/** The version that squashfs-tools print: `mksquashfs version 4.5.1 (2022/03/17)`. */
export function parseToolVersion(printed: string): string | undefined {
  return /version (\d[\w.-]*)/.exec(printed)?.[1];
}

/** The package index that pip is configured with, from `pip config list`; undefined: its own default. */
export function parsePipIndex(printed: string): string | undefined {
  for (const section of [":env:", "install", "global"]) {
    const value = new RegExp(`^${section}\\.index-url='(.*)'$`, "m").exec(printed)?.[1];
    if (value) return value;
  }
  return undefined;
}
