import type { Config, Setting } from "../config/keys.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Overlay } from "../host/overlay.ts";
import type { Undo } from "../host/undo.ts";
import type { BaseChoice } from "../plan/base-choice.ts";
import type { Container } from "../plan/containers.ts";
import type { Plan, PlannedFile, Step } from "../plan/plan.ts";
import type { BuildRequest } from "../plan/request.ts";
import type { workPaths } from "../plan/work-paths.ts";
import type { EnvironmentChange } from "../prefix/activation.ts";
import type { generationPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import type { Report } from "../report/events.ts";
import type { FoundCommands } from "./commands.ts";
import type { BuildContext } from "./context.ts";
import type { Hooks } from "./hooks.ts";
import type { HashSearch } from "./index-hashes.ts";
import type { PackedImage } from "./pack.ts";
import type { Installed } from "./packages.ts";
import type { OlderGenerations } from "./publish.ts";

/** What a build begins with. */
export interface BuildInputs {
  request: BuildRequest;
  base: BaseChoice;
  config: Config;
  /** Keys of configuration files that mean nothing to us; hooks see them. */
  custom: Readonly<Record<string, Setting<unknown>>>;
  /** The configuration as scripts see it: `CW_<KEY>`. */
  scriptVariables: Readonly<Record<string, string>>;
  /** Items of `-w` on this command line; they must be there, remembered ones may be gone. */
  given: readonly string[];
  facts: HostFacts;
  report: Report;
  signal: AbortSignal;
}

/** What a build made. */
export interface BuildResult {
  prefix: string;
  root: string;
  /** The directory to put on PATH. */
  bin: string;
  generation: number;
  commands: readonly string[];
  /** Bytes of the image; 0 where there is none. */
  imageSize: number;
  older: OlderGenerations;
  seconds: number;
  manifest: Manifest;
}

/** Launchers in the work directory, with which a generation can be tried. */
export interface Staged {
  /** A file with the text of every name in bin. */
  stub: string;
  stageBin: string;
}

/** What the steps of one build share: what is given, and what each has found or made for those after it. */
export interface BuildState {
  readonly inputs: BuildInputs;
  readonly context: BuildContext;
  readonly plan: Plan;
  /** The image that is changed, without unpacking it. */
  readonly overlay?: Overlay;
  readonly undo: Undo;
  readonly created: Date;
  /** Seconds per step. */
  readonly seconds: Record<string, number>;
  readonly generation: ReturnType<typeof generationPaths>;
  readonly work: ReturnType<typeof workPaths>;
  readonly container: Container;
  /** The environment's directory in what is packed; of no meaning without an image. */
  readonly environmentTree: string;

  hooks?: Hooks;
  /** Files that are in the work tree until everything is installed. */
  helpers: readonly PlannedFile[];
  /** What was compiled comes into the cache, beside other steps. */
  keeping?: Promise<void>;
  /** Activation that runs beside another step. */
  activation?: Promise<EnvironmentChange[]>;
  /** The search for hashes of what uv installed, which runs beside other steps. */
  hashes?: HashSearch;
  environment: EnvironmentChange[];
  commands?: FoundCommands;
  wrapperLinks: readonly string[];
  /** Directories of shared libraries beside the commands', where those are to be found first. */
  libraryDirectories: readonly string[];
  installed?: Installed;
  image?: PackedImage;
  /** The interpreter that is kept beside the image: its path below the mount. */
  interpreter?: { path: string; sha256: string };
  /** Launchers that are made beside another step. */
  staging?: Promise<Staged>;
  staged?: Staged;
  /** The removal of the work tree, which takes as long as the steps after packing. */
  clearing?: Promise<void>;
  result?: BuildResult;
}

/** Does one step. @returns what is to be said of it. */
export type StepRunner = (state: BuildState, step: Step) => Promise<string | undefined>;

/** A value that an earlier step of the plan made. */
export function made<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new RangeError(`the plan has no step before this one that makes ${what}`);
  return value;
}
