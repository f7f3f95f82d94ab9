import type { LayeredConfig } from "../config/resolve.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Report } from "../report/events.ts";
import { newEnvironment } from "./request-new.ts";
import { rebuilt } from "./request-rebuild.ts";
import type { Requested, Setting } from "./request-setting.ts";
import { relocated, updated } from "./request-update.ts";
import { inPlace, wrappedContainer, wrappedDirectory } from "./request-wrap.ts";
import type { Wanted } from "./wanted.ts";

/**
 * What a configuration asks for, whether options or a YAML file said it.
 *
 * @throws {KapseliError} `badInput` for a missing key, file or environment.
 */
export async function requestOf(
  wanted: Wanted,
  layers: Pick<LayeredConfig, "config" | "own" | "withOwn">,
  facts: HostFacts,
  report: Report,
): Promise<Requested> {
  const { config } = layers;
  const setting: Setting = { wanted, config, layers, facts, report };
  const mode = config.mode.value;
  if (wanted.command === "wrap-install" && wanted.inPlace) {
    return inPlace(setting, wanted.directory, wanted.compile);
  }
  if (wanted.command === "relocate") return relocated(setting, wanted.directory);
  if (wanted.command === "rebuild") return rebuilt(setting, wanted.from, wanted.generation);
  if (wanted.command === "advanced") refuseOtherMode(wanted.tool, mode, wanted.yaml);
  switch (mode) {
    case "conda":
    case "venv": {
      const tool = mode === "conda" ? "conda" : "pip";
      return config.update_installation.value ? updated(setting, tool) : newEnvironment(setting, tool);
    }
    case "wrapcont":
      return wrappedContainer(setting);
    case "wrapdisk":
      return wrappedDirectory(setting);
    default:
      throw new KapseliError(ExitCode.badInput, "mode is missing", {
        hint: "Set mode to conda, venv, wrapcont or wrapdisk.",
      });
  }
}

/** `advanced` of one tool makes what that tool makes. */
function refuseOtherMode(tool: "conda" | "pip", mode: string | undefined, yaml: string): void {
  const fits = tool === "conda" ? ["conda"] : ["venv"];
  if (mode === undefined || fits.includes(mode) || mode.startsWith("wrap")) return;
  const other = tool === "conda" ? "pip-containerize" : "conda-containerize";
  throw new KapseliError(ExitCode.badInput, `mode ${mode} in ${yaml} is ${other}'s`, {
    hint: `Run ${other} advanced, or set mode to ${fits[0]}.`,
  });
}
