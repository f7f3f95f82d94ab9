import { isVariableName, readShellAssignment, shellAssignments, shellQuote } from "./shell-data.ts";

/** What a launcher must know to join a container that is held open (src/templates/warm.sh reads it). */
export interface HolderRecord {
  /** The container's main process. */
  pid: number;
  /** Its start time in clock ticks since boot: field 22 of /proc/PID/stat. */
  start: string;
  /** /proc/sys/kernel/random/boot_id. */
  boot: string;
  /** Absolute path of the nsenter that was tried. */
  nsenter: string;
  /** Whether that nsenter has `--wdns` (util-linux 2.38 and later). */
  changesDirectory: boolean;
  /** What made the container, as the launcher put it together. */
  words: string;
  variables: RuntimeVariables;
}

/** What the runtime does to the environment of the programs that it starts, besides what it is told. */
export interface RuntimeVariables {
  /** Set to the same value in every start of this container. */
  set: Readonly<Record<string, string>>;
  /** What follows the caller's PATH in USER_PATH; undefined where the runtime sets no USER_PATH. */
  pathEnd: string | undefined;
  /** What follows the launcher's LD_LIBRARY_PATH, where there is one. */
  librariesEnd: string;
}

/** The variables by which a launcher that starts a holder tells what it made: its words, and LD_LIBRARY_PATH. */
export const HELD = { words: "KAPSELI_HELD", libraries: "KAPSELI_HELD_LIBRARIES" } as const;

/** Variables of a container that are the runtime's own; SINGULARITYENV_X is never handed on. */
const OF_RUNTIME = /^(?:SINGULARITY|APPTAINER)(?!ENV_)|^(?:PS1|PROMPT_COMMAND)$/;

/** The values that the launcher was told of and that the runtime changed. */
export interface Told {
  path: string;
  libraries: string;
}

/**
 * What the runtime did to the environment of a container's main process.
 *
 * @param inside the environment of that process.
 * @param told what PATH was when the launcher was called, and which LD_LIBRARY_PATH it was to give.
 * @returns undefined when a value cannot be explained, or cannot be set by a shell.
 */
export function runtimeVariables(
  inside: ReadonlyMap<string, string>,
  told: Told,
): RuntimeVariables | undefined {
  const set: Record<string, string> = {};
  for (const [name, value] of inside) {
    if (!OF_RUNTIME.test(name)) continue;
    if (!isVariableName(name)) return undefined;
    set[name] = value;
  }
  const userPath = inside.get("USER_PATH");
  const libraries = inside.get("LD_LIBRARY_PATH") ?? "";
  if (userPath !== undefined && !userPath.startsWith(told.path)) return undefined;
  if (!libraries.startsWith(told.libraries)) return undefined;
  return {
    set,
    pathEnd: userPath?.slice(told.path.length),
    librariesEnd: libraries.slice(told.libraries.length),
  };
}

/** The text of a record. The last line says that it is whole. */
export function renderHolderRecord(record: HolderRecord): string {
  const { variables } = record;
  const exports = Object.entries(variables.set)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `  export ${name}=${shellQuote(value)}\n`);
  return [
    shellAssignments({
      __k_w_pid: String(record.pid),
      __k_w_start: record.start,
      __k_w_boot: record.boot,
      __k_w_nsenter: record.nsenter,
      __k_w_changes_directory: record.changesDirectory ? "1" : "",
      __k_w_words: record.words,
      __k_w_path_end: variables.pathEnd ?? "",
      __k_w_libraries_end: variables.librariesEnd,
    }),
    `__k_w_environment() {\n${exports.join("")}  :\n}\n`,
    "__k_w_end=1\n",
  ].join("");
}

/** The process of a record that was written earlier; undefined when it is none of ours, or cut. */
export function readHolderProcess(text: string): { pid: number; start: string; boot: string } | undefined {
  const [pid, start, boot] = ["pid", "start", "boot"].map((name) =>
    readShellAssignment(text, `__k_w_${name}`),
  );
  if (!pid || !start || !boot || !text.endsWith("__k_w_end=1\n")) return undefined;
  return { pid: Number(pid), start, boot };
}
