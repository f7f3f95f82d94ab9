import type { Placement } from "../prefix/placement.ts";
import type { StepId } from "../report/events.ts";
import type { CondaProgram } from "../tools/conda-cli.ts";
import type { Compression } from "../tools/mksquashfs.ts";
import type { OverlayAccess } from "../tools/overlay.ts";
import type { MountWay, Runtime } from "../tools/singularity.ts";
import type { Location } from "./location.ts";
import type { EnvironmentOptions, Tool } from "./request.ts";
import type { Room } from "./room.ts";

/** Whose output a command prints; decides how its progress and its failure are read. */
export type OutputOf = CondaProgram | "rattler" | "pip" | "uv" | "mksquashfs" | "kapseli";

/** One outside program that a step runs. */
export interface PlannedCommand {
  purpose: string;
  output: OutputOf;
  argv: readonly [string, ...string[]];
  /** Variables besides the plan's environment. */
  environment?: Readonly<Record<string, string>>;
  cwd?: string;
  /** It runs only when this file is there and not empty. */
  onlyWith?: string;
  /** Looked at when it says how much it will download. */
  room?: Room;
}

/** A file that a step writes into the work directory before its commands run. */
export interface PlannedFile {
  path: string;
  content: string | Uint8Array;
  executable?: boolean;
}

export interface Step {
  id: StepId;
  title: string;
  files: readonly PlannedFile[];
  commands: readonly PlannedCommand[];
  /** Packs only what an update changed over an overlay. */
  changes?: PlannedCommand;
  /** Whether the commands' programs believe the environment to be at the tree's own path, which is put right after them. */
  inTree?: boolean;
}

/** How the base is there when the build runs. */
export interface ResolvedBase {
  kind: "host" | "image";
  /** As asked for: `host`, a path or a URI. */
  source: string;
  /** What the container starts from during the build. */
  path: string;
  /** A base that lies elsewhere is used in place (a sandbox directory); else it becomes part of the generation. */
  shared: boolean;
  digest?: string;
  /** Bytes of an image file. */
  size?: number;
  /** The C library of an image base, for the solver's `__glibc`; absent where it could not be told (musl). */
  glibc?: string;
  /** Top-level names that an image base has with something in them. */
  occupiedTopLevel: readonly string[];
  /** PATH and LD_LIBRARY_PATH that an image base sets itself. */
  searchPath?: string;
  libraryPath?: string;
}

/** What trials found out about this runtime with this base. */
export interface TrialResult {
  flags: readonly string[];
  /** Flags for the build's own containers: a PID namespace, so that nothing outlives an interrupted build. */
  buildFlags: readonly string[];
  /** Whether the host base is a directory or a small image. */
  skeleton: "directory" | "image";
  way: MountWay;
  /** Whether a file can be bound over one of the mounted image. */
  bindsOverImage: boolean;
  compression: Compression;
  mksquashfsActions: boolean;
}

/** What installs, ready to be run. */
export type ReadyEngine =
  | { engine: CondaProgram; path: string; why: string }
  | { engine: "rattler"; python: string; why: string }
  | { engine: "pip"; python: string; why: string }
  | { engine: "uv"; path: string; python: string; why: string }
  /** Nothing is to be installed by us. */
  | { engine: "none"; why: string };

/** What installs conda packages. */
export type CondaReadyEngine = Extract<ReadyEngine, { engine: CondaProgram | "rattler" }>;

/** Whether an engine installs conda packages. */
export function isCondaEngine(engine: ReadyEngine): engine is CondaReadyEngine {
  return engine.engine !== "none" && engine.engine !== "pip" && engine.engine !== "uv";
}

/** Everything that a build will do, decided before it begins. */
export interface Plan {
  tool: Tool;
  /** Unique to this build; the image holds `.kapseli/ID`, by which a launcher knows that it is inside. */
  id: string;
  placement: Placement;
  location: Location;
  options: EnvironmentOptions;
  /** What will be packed: the work tree, or a directory that is packed where it is; nothing without an image. */
  tree?: string;
  workDirectory: string;
  runtime: Runtime;
  trial: TrialResult;
  base: ResolvedBase;
  engine: ReadyEngine;
  /** uv, where it installs what pip would. */
  uv?: string;
  /** Where an image is to be changed; without it, it is unpacked. */
  overlay?: OverlayAccess;
  /** Where an image is to be changed. */
  unsquashfs?: string;
  processors: number;
  /** The user's own package caches, where those are to be used; the first is written to. */
  packageCaches: readonly string[];
  /** Host paths that must be the same inside the build's containers. */
  needed: readonly string[];
  /** The input file's `variables:`; the engine records them too, where it knows how. */
  variables: Readonly<Record<string, string>>;
  /** The environment of every command: the caller's, less and plus these. */
  environment: { remove: readonly string[]; set: Readonly<Record<string, string>> };
  steps: readonly Step[];
}
