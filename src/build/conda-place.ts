import type { Container } from "../plan/containers.ts";
import type { CondaReadyEngine, Plan } from "../plan/plan.ts";
import type { StepId } from "../report/events.ts";
import type { ChannelSettings } from "../tools/conda-channel.ts";
import { rootPrefix } from "../tools/conda-cli.ts";

/** With what a hook's conda commands are carried out. */
export interface CondaSetting {
  engine: CondaReadyEngine;
  /** The channels of the environment's creation, as written, in their order. */
  channels: readonly string[];
  channelSettings: ChannelSettings;
  /** The tool's cache directory; the engine's own is below it, as in plan/conda-steps.ts. */
  cache: string;
  /** Where packages are kept instead (tools/condarc.ts), first the one that is written to; absent: below `cache`. */
  packageCaches?: readonly string[];
  /** conda's name of the platform, e.g. `linux-64`. */
  platform: string;
  /** For the solver (CONDA_OVERRIDE_*). */
  solverVariables: Readonly<Record<string, string>>;
  inBase: Container;
  overHost: Container;
}

/** Where a hook's conda commands act. */
export interface CondaPlace {
  root: string;
  tree: string;
  envName: string;
  /** What `conda info --base` names. */
  base: string;
  /** A directory for files of ours. */
  work: string;
  environment: Plan["environment"];
  /** The step in which progress is reported. */
  step: StepId;
}

/** The directories in which the engine keeps packages. */
export function packageCachesOf(setting: CondaSetting): readonly string[] {
  const { engine, cache, packageCaches } = setting;
  const own = engine.engine === "rattler" ? `${cache}/rattler/pkgs` : `${rootPrefix(cache)}/pkgs`;
  return packageCaches && packageCaches.length > 0 ? packageCaches : [own];
}
