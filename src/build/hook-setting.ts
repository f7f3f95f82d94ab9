import { readFile } from "../host/files.ts";
import { containerCommand } from "../plan/containers.ts";
import { condaPlatform, defaultChannels } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import type { BuildRequest } from "../plan/request.ts";
import { workPaths } from "../plan/work-paths.ts";
import { channelSettings } from "../tools/conda-channel.ts";
import { condarcPaths, packageDirectories } from "../tools/condarc.ts";
import type { CondaSetting } from "./conda-calls.ts";
import type { BuildContext } from "./context.ts";
import type { HookScript, HookSetting } from "./hooks.ts";

/** What the hooks of a build are, besides what its plan says. */
export interface HookRequest {
  pre: readonly HookScript[];
  post: readonly HookScript[];
  envName: string;
  mode: HookSetting["mode"];
  /** Every key of the configuration that has one value, as `CW_<KEY>`. */
  variables: Readonly<Record<string, string>>;
  /** Where the scripts start: the configuration's `workdir`, else where the user called the tool. */
  cwd: string;
}

/**
 * The package caches that the user's own conda settings name, where CW_ENABLE_CONDARC asks for them.
 *
 * @returns absolute paths, the one that is written to first; empty: the tool's own cache
 */
export async function userPackageCaches(facts: BuildContext["facts"]): Promise<string[]> {
  const { environment, home } = facts;
  if (environment.CW_ENABLE_CONDARC === undefined) return [];
  const texts = condarcPaths(environment, home).map((path) => readFile(path, "utf8").catch(() => ""));
  return packageDirectories(environment, home, await Promise.all(texts));
}

/** All that hooks need, from a build's plan. */
export async function hookSetting(
  context: BuildContext,
  request: Pick<BuildRequest, "input">,
  plan: Plan,
  hooks: HookRequest,
): Promise<HookSetting> {
  const { facts, config } = context;
  const { engine, base, placement } = plan;
  const cache = config.cache_directory.value;
  const packageCaches = await userPackageCaches(facts);
  const setting = {
    runtime: plan.runtime,
    trial: plan.trial,
    base,
    placement,
    workDirectory: plan.workDirectory,
    facts,
    excluded: config.excluded_mount_points.value,
    needed: [
      hooks.cwd,
      ...("path" in engine ? [engine.path] : []),
      ...facts.installerFiles,
      ...packageCaches,
      cache,
    ],
  };
  const inBase = containerCommand(setting, "base");
  const { content } = request.input;
  const named =
    content.format === "environment-yml" ? content.value.channels.map((channel) => channel.text) : [];
  // As the plan's own installation sees the base (plan/make-plan.ts).
  const glibc = facts.environment.CONDA_OVERRIDE_GLIBC === undefined ? base.glibc : undefined;
  const conda: CondaSetting | undefined =
    engine.engine === "pip" || engine.engine === "uv"
      ? undefined
      : {
          engine,
          channels: named.length > 0 ? named : defaultChannels(facts.environment),
          channelSettings: channelSettings(facts.environment, {}, hooks.cwd),
          cache,
          packageCaches,
          platform: condaPlatform(facts.architecture),
          solverVariables: glibc === undefined ? {} : { CONDA_OVERRIDE_GLIBC: glibc },
          inBase,
          overHost: containerCommand(setting, "host"),
        };
  return {
    container: inBase,
    environment: plan.environment,
    workDirectory: plan.workDirectory,
    tree: workPaths(plan.workDirectory).tree,
    root: placement.root,
    prefix: placement.prefix,
    envName: hooks.envName,
    mode: hooks.mode,
    cwd: hooks.cwd,
    variables: hooks.variables,
    pre: hooks.pre,
    post: hooks.post,
    activation: hooks.mode === "wrapdisk" ? "none" : hooks.mode,
    ...(conda && hooks.mode === "conda" ? { conda } : {}),
    tools: engine.engine === "uv" ? { uv: engine.path } : {},
    step: "install",
  };
}
