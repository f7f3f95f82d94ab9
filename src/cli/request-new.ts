import { resolve } from "node:path";
import { reachable } from "../build/environment.ts";
import { slimContainer } from "../config/slim-container.ts";
import {
  baseOf,
  hooksOf,
  inputReader,
  installationFiles,
  missingKey,
  optionsOf,
  type Requested,
  type Setting,
} from "./request-setting.ts";

/** A new environment from an input file. */
export async function newEnvironment(setting: Setting, tool: "conda" | "pip"): Promise<Requested> {
  const { wanted, config } = setting;
  const read = inputReader(setting);
  const file = tool === "conda" ? config.env_file.value : config.requirements_file.value;
  if (file === undefined) {
    throw tool === "conda" ? missingKey("env_file", "conda") : missingKey("requirements_file", "venv");
  }
  const input = await read(tool, file, tool === "conda" ? "Env file" : "The file");
  const requirements = tool === "conda" ? config.requirements_file.value : undefined;
  const isSlim = wanted.command === "pip-new" && wanted.slim;
  const options = await optionsOf(setting);
  const { pyver, ...others } = options;
  const source = isSlim
    ? slimContainer(config.slim_container_src.value, config.pyver.value)
    : config.container_src.value;
  return {
    request: {
      tool,
      prefix: await reachable(resolve(config.installation_prefix.value)),
      input,
      ...(requirements === undefined ? {} : { requirements: await read("pip", requirements, "The file") }),
      // In slim mode the version chose the base.
      options: isSlim || pyver === undefined ? others : options,
      hooks: await hooksOf(config),
      files: await installationFiles(config),
      portable: wanted.portable,
    },
    base: await baseOf(source, config),
    given: setting.layers.own.wrapper_paths.value,
  };
}
