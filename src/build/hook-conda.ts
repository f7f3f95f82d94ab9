import { dirname } from "node:path";
import { condaPlatform, containerFor, defaultChannels, solverVariables } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { channelSettings } from "../tools/conda-channel.ts";
import type { CondaReadyEngine, CondaSetting } from "./conda-calls.ts";
import type { BuildContext } from "./context.ts";
import { condaEngine } from "./engine.ts";
import type { BuildInputs } from "./state.ts";

function isCondaEngine(engine: Plan["engine"]): engine is CondaReadyEngine {
  return engine.engine !== "none" && engine.engine !== "pip" && engine.engine !== "uv";
}

/** The channels that the environment was made from, as its input or an earlier generation says. */
export function channelsOf({ request, facts }: Pick<BuildInputs, "request" | "facts">): readonly string[] {
  const content = request.input?.content;
  const named =
    content?.format === "environment-yml"
      ? content.value.channels.map(({ text }) => text)
      : (request.origin?.channels ?? []);
  return named.length > 0 ? named : defaultChannels(facts.environment);
}

/**
 * With what `conda` works in hook scripts: what installs the environment, or, on an update, what would. Undefined
 * where there is nothing to install with; then scripts can do without it or fail themselves.
 */
export async function condaForHooks(
  inputs: BuildInputs,
  context: BuildContext,
  plan: Plan,
): Promise<CondaSetting | undefined> {
  const { config, facts, request } = inputs;
  const engine = isCondaEngine(plan.engine)
    ? plan.engine
    : await condaEngine(context, request.input?.content).catch((error: Error) => {
        context.report({ event: "debug", message: `conda in scripts: ${error.message}` });
        return undefined;
      });
  if (!engine || !isCondaEngine(engine)) return undefined;
  return {
    engine,
    channels: channelsOf(inputs),
    channelSettings: channelSettings(
      facts.environment,
      {},
      request.input ? dirname(request.input.path) : facts.cwd,
    ),
    cache: config.cache_directory.value,
    platform: condaPlatform(facts.architecture),
    solverVariables: solverVariables(plan.base, facts.environment),
    inBase: containerFor(plan, facts, config),
    overHost: containerFor(plan, facts, config, "host"),
  };
}
