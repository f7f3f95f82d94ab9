import type { LayeredConfig } from "../config/resolve.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Report } from "../report/events.ts";
import { newEnvironment } from "./request-new.ts";
import type { Requested, Setting } from "./request-setting.ts";
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
    const { inPlace } = await import("./request-wrap.ts");
    return inPlace(setting, wanted.directory, wanted.compile);
  }
  if (wanted.command === "relocate") {
    const { relocated } = await import("./request-update.ts");
    return relocated(setting, wanted.directory);
  }
  if (wanted.command === "rebuild") {
    const { rebuilt } = await import("./request-rebuild.ts");
    return rebuilt(setting, wanted.from, wanted.generation);
  }
  if (wanted.command === "advanced") refuseOtherMode(wanted.tool, mode, wanted.yaml);
  switch (mode) {
    case "conda":
    case "venv": {
      const tool = mode === "conda" ? "conda" : "pip";
      if (!config.update_installation.value) return newEnvironment(setting, tool);
      const { updated } = await import("./request-update.ts");
      return updated(setting, tool);
    }
    case "wrapcont":
    case "wrapdisk": {
      const { wrappedContainer, wrappedDirectory } = await import("./request-wrap.ts");
      return mode === "wrapcont" ? wrappedContainer(setting) : wrappedDirectory(setting);
    }
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
