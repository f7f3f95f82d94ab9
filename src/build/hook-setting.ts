import { dirname, resolve } from "node:path";
import { environmentTree } from "../plan/location.ts";
import { condaPlatform, containerFor, solverVariables } from "../plan/make-plan.ts";
import { isCondaEngine, type Plan } from "../plan/plan.ts";
import { channelSettings } from "../tools/conda-channel.ts";
import type { CondaSetting } from "./conda-place.ts";
import type { BuildContext } from "./context.ts";
import { channelsOf, condaEngine } from "./engine.ts";
import type { HookSetting } from "./hooks.ts";
import type { BuildInputs } from "./state.ts";

/** What of a build's inputs hooks depend on. */
export type HookInputs = Pick<BuildInputs, "request" | "config" | "scriptVariables">;

/**
 * With what `conda` works in hook scripts: what installs the environment, or, on an update, what would. Undefined
 * where there is nothing to install with; then scripts can do without it or fail themselves.
 */
async function condaSetting(
  inputs: HookInputs,
  context: BuildContext,
  plan: Plan,
): Promise<CondaSetting | undefined> {
  const { config, request } = inputs;
  const { facts } = context;
  const engine = isCondaEngine(plan.engine)
    ? plan.engine
    : await condaEngine(context, request).catch((error: Error) => {
        context.report({ event: "debug", message: `conda in scripts: ${error.message}` });
        return undefined;
      });
  if (!engine || !isCondaEngine(engine)) return undefined;
  const directory = request.input ? dirname(request.input.path) : facts.cwd;
  return {
    engine,
    channels: channelsOf(request, facts.environment),
    channelSettings: channelSettings(facts.environment, {}, directory),
    cache: config.cache_directory.value,
    packageCaches: plan.packageCaches,
    platform: condaPlatform(facts.architecture),
    solverVariables: solverVariables(plan.base, facts.environment),
    inBase: containerFor(plan, facts, config),
    overHost: containerFor(plan, facts, config, "host"),
  };
}

const MODES = { conda: "conda", pip: "venv", directory: "wrapdisk", container: "wrapdisk" } as const;
const ACTIVATIONS = { conda: "conda", pip: "venv", directory: "none", container: "none" } as const;

/** All that hooks need, from a build's plan. */
export async function hookSetting(
  context: BuildContext,
  inputs: HookInputs,
  plan: Plan,
): Promise<HookSetting> {
  const { facts } = context;
  const { request, config, scriptVariables } = inputs;
  const { location } = plan;
  const cwd = resolve(config.workdir.value);
  const own = { ...plan, needed: [...plan.needed, cwd] };
  const conda = plan.tool === "conda" ? await condaSetting(inputs, context, own) : undefined;
  return {
    container: containerFor(own, facts, config),
    environment: plan.environment,
    workDirectory: plan.workDirectory,
    tree: environmentTree(plan),
    root: location.environment,
    installationPath: location.mount,
    prefix: plan.placement.prefix,
    envName: config.env_name.value,
    mode: MODES[plan.tool],
    cwd,
    variables: scriptVariables,
    pre: request.hooks.pre,
    post: request.hooks.post,
    activation: ACTIVATIONS[plan.tool],
    ...(conda ? { conda } : {}),
    tools: plan.uv === undefined ? {} : { uv: plan.uv },
    step: "post-install",
  };
}
