import launcherTemplate from "../templates/launcher.sh";
import environTemplate from "../templates/run-environ.sh";
import stubTemplate from "../templates/stub.sh";
import warmTemplate from "../templates/warm.sh";
import type { MountWay } from "../tools/singularity.ts";
import type { EnvironmentChange } from "./activation.ts";
import { readShellAssignment, shellAssignments, shellQuote } from "./shell-data.ts";
import { utf8Check } from "./utf8-patterns.ts";
import { type ExtraVariable, environmentLine, extraVariableLine } from "./variable-lines.ts";

/** Everything a launcher knows; found and tried at build time. */
export interface LauncherData {
  /** Unique to this build; what is mounted holds `.kapseli/ID`. */
  id: string;
  generation: number;
  /** The place the environment was built for. */
  root: string;
  layout: Layout;
  /** What programs see as `env_root`; empty where there is no environment (wrapped containers and directories). */
  environmentRoot: string;
  /** An absolute path, or a name that is looked up in the caller's PATH at each start. */
  runtimePath: string;
  runtimeFlags: readonly string[];
  way: MountWay;
  /** Below the mount: the program that the generation's `interpreter` covers, where that is there. */
  interpreter?: string;
  /** The base inside the generation (`root`, `root.sqfs`, `base.sif`) or the absolute path of a shared one. */
  base: string;
  baseKind: "host" | "image";
  /** Top-level names (`proc`, `usr` …) that are never bound from the host. */
  hiddenTopLevel: readonly string[];
  /** Names that may be called. */
  commands: readonly string[];
  /** Image layout: commands that are not `ROOT/bin/NAME`, with the absolute path inside of each. */
  redirects: Readonly<Record<string, string>>;
  /** Programs know their environment by the path they are called by (a venv): a link elsewhere is resolved. */
  byPath: boolean;
  /** What activation changes; left out for `_debug_*`, with CW_NO_CONDA_ACTIVATE and in venvs. */
  environment: readonly EnvironmentChange[];
  /** Directories for LD_LIBRARY_PATH, around the caller's SINGULARITYENV_LD_LIBRARY_PATH. */
  libraryPaths: { first: readonly string[]; last: readonly string[] };
  isolation?: Isolation;
  /** Applied at every start, in this order, after everything else was put together. */
  extraVariables: readonly ExtraVariable[];
  /** Whether the generation holds `environ.bash`, which bash on the host sources before every start. */
  environ: boolean;
}

/** Where the programs of an environment are inside. */
export type Layout =
  /** The image is mounted at `root` and covers the prefix. */
  | { kind: "image" }
  /**
   * The generation's `view` (`bin/NAME` links to the programs, `.kapseli/ID`) covers the prefix, wherever that is,
   * and the image is mounted at `mount`, where it has `.kapseli/ID` and the same links in `.kapseli/bin`. Without
   * `mount` there is no image: the programs are the base's.
   */
  | { kind: "view"; mount?: string };

/** An environment that sees nothing of the host but what is named here, the home directory and TMPDIR. */
export interface Isolation {
  /** Absolute host paths; those that a host has are bound at their own path. */
  mountPoints: readonly string[];
  /** The base's own PATH and LD_LIBRARY_PATH, as recorded. */
  path: string;
  libraries: string;
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

function shellFunction(name: string, body: string): string {
  return `${name}() {\n${body}  :\n}\n`;
}

function redirectFunction(redirects: LauncherData["redirects"]): string {
  const cases = Object.entries(redirects).map(
    ([name, path]) => `    ${shellQuote(name)}) __k_self=${shellQuote(path)} ;;\n`,
  );
  const body = cases.length === 0 ? "" : `  case $__k_name in\n${cases.join("")}  esac\n`;
  return shellFunction("__k_redirect", body);
}

/** @throws {RangeError} for what `-B` cannot carry. */
function mountPointsFunction(mountPoints: readonly string[]): string {
  const lines = mountPoints.map((path) => {
    if (!/^\/[^:,"]*[^:,"/]$/.test(path)) {
      throw new RangeError(`${JSON.stringify(path)} cannot be a mount point of an isolated environment`);
    }
    return `  __k_offer ${shellQuote(path)}\n`;
  });
  return shellFunction("__k_mount_points", lines.join(""));
}

/**
 * The text of `launcher.sh`: a data block, every value single-quoted, and the static template. Bytes, because
 * the UTF-8 patterns are not UTF-8 themselves.
 *
 * @throws {RangeError} for a variable's name that no shell can set, and for a mount point with `:` `,` or `"`.
 */
export function renderLauncher(data: LauncherData): Buffer {
  const { way, layout, isolation, libraryPaths } = data;
  const mount = layout.kind === "image" ? data.root : (layout.mount ?? "");
  const flags = data.runtimeFlags.map(shellQuote).join(" ");
  const block = shellAssignments({
    __k_id: data.id,
    __k_number: String(data.generation),
    __k_root: data.root,
    __k_on_view: layout.kind === "view" ? "1" : "",
    __k_mount: mount,
    __k_environment_root: data.environmentRoot,
    __k_runtime: data.runtimePath,
    __k_way: mount === "" ? "" : way.way,
    __k_session: way.way === "session" ? way.sessionDirectory : "",
    __k_squashfuse: way.way === "fusemount" ? way.squashfuse : "",
    __k_interpreter: data.interpreter ?? "",
    __k_base: data.base,
    __k_on_image: data.baseKind === "image" ? "1" : "",
    __k_hidden: `/${data.hiddenTopLevel.join("/")}/`,
    __k_commands: `/${data.commands.join("/")}/`,
    __k_redirects: Object.keys(data.redirects).length > 0 ? "1" : "",
    __k_by_path: data.byPath ? "1" : "",
    __k_activate: data.environment.length > 0 ? "1" : "",
    __k_first_libraries: libraryPaths.first.join(":"),
    __k_last_libraries: libraryPaths.last.join(":"),
    __k_isolated: isolation ? "1" : "",
    ...(isolation ? { __k_own_path: isolation.path, __k_own_libraries: isolation.libraries } : {}),
    ...(data.environ ? { __k_runner: environTemplate } : {}),
    // As a text it costs a start nothing where no container is held open.
    __k_warm: warmTemplate,
  });
  const functions = [
    `__k_run() {\n  ${data.environ ? "__k_source" : "exec"} "$__k_runtime" -s "$__k_verb" ${flags} "$@"\n}\n`,
    redirectFunction(data.redirects),
    shellFunction("__k_environment", data.environment.map(environmentLine).join("")),
    shellFunction("__k_extra_environment", data.extraVariables.map(extraVariableLine).join("")),
    ...(isolation ? [mountPointsFunction(isolation.mountPoints)] : []),
  ];
  return Buffer.concat([
    Buffer.from("# Written by Kapseli; what is wrong here is mended by building again.\n", "utf8"),
    Buffer.from(block + functions.join(""), "utf8"),
    utf8Check(),
    Buffer.from(launcherTemplate, "utf8"),
  ]);
}

/** What the data block of a `launcher.sh` says, for commands that work on a finished prefix. */
export interface LauncherFacts {
  id: string;
  /** The place the environment was built for. */
  root: string;
  /** Where the image is mounted; undefined where there is none. */
  mount: string | undefined;
  /** Whether the prefix shows a bound directory of links, the image being mounted elsewhere. */
  view: boolean;
  /** How; of no meaning without an image. */
  way: MountWay["way"] | "";
  /** As in `LauncherData`. */
  base: string;
  /** Whether that is an image with a system of its own. */
  onImage: boolean;
  commands: readonly string[];
}

/** Whether a generation was built for another place than its prefix is at now, and its image only works there. Pure. */
export function isElsewhere(launcher: Pick<LauncherFacts, "root" | "view">, root: string): boolean {
  return launcher.root !== root && !launcher.view;
}

/** Reads a launcher's data block. @returns undefined when it is none of ours, or cut. */
export function readLauncherFacts(text: string): LauncherFacts | undefined {
  const value = (name: string): string | undefined => readShellAssignment(text, `__k_${name}`);
  const [id, root, way, base, commands] = ["id", "root", "way", "base", "commands"].map(value);
  if (!id || !root?.startsWith("/") || way === undefined || !base || commands === undefined) return undefined;
  if (way !== "image" && way !== "session" && way !== "fusemount" && way !== "") return undefined;
  return {
    id,
    root,
    mount: way === "" ? undefined : (value("mount") ?? root),
    view: value("on_view") === "1",
    way,
    base,
    onImage: value("on_image") === "1",
    commands: commands.split("/").filter((name) => name !== ""),
  };
}
