import launcherTemplate from "../templates/launcher.sh";
import stubTemplate from "../templates/stub.sh";
import type { MountWay } from "../tools/singularity.ts";
import type { EnvironmentChange } from "./activation.ts";
import { isVariableName, readShellAssignment, shellAssignments, shellQuote } from "./shell-data.ts";
import { utf8Check } from "./utf8-patterns.ts";

/** Everything a launcher knows; found and tried at build time. */
export interface LauncherData {
  /** Unique to this build; the image holds `.kapseli/ID`. */
  id: string;
  generation: number;
  /** The place the environment was built for; the image is mounted there. */
  root: string;
  runtimePath: string;
  runtimeFlags: readonly string[];
  way: MountWay;
  /** The base inside the generation (`root`, `root.sqfs`, `base.sif`) or the absolute path of a shared one. */
  base: string;
  baseKind: "host" | "image";
  /** Top-level names (`proc`, `usr` …) that are never bound from the host. */
  hiddenTopLevel: readonly string[];
  /** Names in the environment's bin that may be called. */
  commands: readonly string[];
  environment: readonly EnvironmentChange[];
}

/** Commands that every environment has besides its own. */
export const OWN_COMMANDS = ["_debug_exec", "_debug_shell"] as const;

/** What every stub says of itself in its second line, whatever its version. */
const STUB_MARK = "One file behind every command of a Kapseli environment";

/** Whether the beginning of a file is that of a stub of ours. */
export function isStub(text: string): boolean {
  return text.slice(0, 512).includes(STUB_MARK);
}

/** The stub's text for a prefix; the same in every generation, 0755. */
export function renderStub(root: string): string {
  return stubTemplate.replace("@PREFIX@", () => shellQuote(root));
}

function environmentLine(change: EnvironmentChange): string {
  const { name } = change;
  if (!isVariableName(name)) throw new RangeError(`${JSON.stringify(name)} is no shell variable name`);
  // An unset PATH is the shell's default, which must not be lost.
  if (name === "PATH" && change.change === "prepend") {
    return `  export PATH=${shellQuote(change.value)}":\${PATH:-/usr/local/bin:/usr/bin:/bin}"\n`;
  }
  switch (change.change) {
    case "set":
      return `  export ${name}=${shellQuote(change.value)}\n`;
    case "prepend":
      return `  export ${name}=${shellQuote(change.value)}"\${${name}:+:$${name}}"\n`;
    case "append":
      return `  export ${name}="\${${name}:+$${name}:}"${shellQuote(change.value)}\n`;
    case "default":
      return `  [ -n "\${${name}+set}" ] || export ${name}=${shellQuote(change.value)}\n`;
    case "unset":
      return `  unset ${name}\n`;
  }
}

/**
 * The text of `launcher.sh`: a data block, every value single-quoted, and the static template. Bytes, because
 * the UTF-8 patterns are not UTF-8 themselves.
 */
export function renderLauncher(data: LauncherData): Buffer {
  const { way } = data;
  const flags = data.runtimeFlags.map(shellQuote).join(" ");
  const block = `${shellAssignments({
    __k_id: data.id,
    __k_number: String(data.generation),
    __k_root: data.root,
    __k_runtime: data.runtimePath,
    __k_way: way.way,
    __k_session: way.way === "session" ? way.sessionDirectory : "",
    __k_squashfuse: way.way === "fusemount" ? way.squashfuse : "",
    __k_base: data.base,
    __k_on_image: data.baseKind === "image" ? "1" : "",
    __k_hidden: `/${data.hiddenTopLevel.join("/")}/`,
    __k_commands: `/${data.commands.join("/")}/`,
    __k_activate: data.environment.length > 0 ? "1" : "",
  })}__k_run() {
  exec "$__k_runtime" -s "$__k_verb" ${flags} "$@"
}
__k_environment() {
${data.environment.map(environmentLine).join("")}  :
}
`;
  return Buffer.concat([
    Buffer.from(`# Written by Kapseli; what is wrong here is mended by building again.\n${block}`, "utf8"),
    utf8Check(),
    Buffer.from(launcherTemplate, "utf8"),
  ]);
}

/** What the data block of a `launcher.sh` says, for commands that work on a finished prefix. */
export interface LauncherFacts {
  id: string;
  /** The place the environment was built for; the image is mounted there. */
  root: string;
  way: MountWay["way"];
  /** As in `LauncherData`. */
  base: string;
  commands: readonly string[];
}

/** Reads a launcher's data block. @returns undefined when it is none of ours, or cut. */
export function readLauncherFacts(text: string): LauncherFacts | undefined {
  const [id, root, way, base, commands] = ["id", "root", "way", "base", "commands"].map((name) =>
    readShellAssignment(text, `__k_${name}`),
  );
  if (!id || !root?.startsWith("/") || !way || !base || commands === undefined) return undefined;
  if (way !== "image" && way !== "session" && way !== "fusemount") return undefined;
  return { id, root, way, base, commands: commands.split("/").filter((name) => name !== "") };
}
