import { resolve } from "node:path";
import { reachable } from "../build/environment.ts";
import { findForeignEnvironment } from "../build/in-place.ts";
import { putBack } from "../build/put-back.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, realpath, stat } from "../host/files.ts";
import {
  baseOf,
  hooksOf,
  installationFiles,
  missingKey,
  optionsOf,
  type Requested,
  type Setting,
} from "./request-setting.ts";
import { requireAbsolutePaths, requireWrapperPaths } from "./wrapper-paths.ts";

export async function wrappedContainer(setting: Setting): Promise<Requested> {
  const { config } = setting;
  requireWrapperPaths(config.wrapper_paths.value, "wrap-container");
  requireAbsolutePaths(config.wrapper_paths.value);
  return {
    request: {
      tool: "container",
      prefix: await reachable(resolve(config.installation_prefix.value)),
      options: await optionsOf(setting),
      hooks: { pre: [], post: [] },
      portable: false,
    },
    base: await baseOf(config.container_src.value, config),
    given: setting.layers.own.wrapper_paths.value,
  };
}

export async function wrappedDirectory(setting: Setting): Promise<Requested> {
  const { config } = setting;
  requireWrapperPaths(config.wrapper_paths.value, "wrap-install");
  const source = config.wrap_src.value;
  if (source === undefined) throw missingKey("wrap_src", "wrapdisk");
  const directory = await realpath(resolve(source)).catch(() => undefined);
  if (directory === undefined || !(await stat(directory)).isDirectory()) {
    const what = directory === undefined ? "does not exist" : "is no directory";
    throw new KapseliError(ExitCode.badInput, `The directory ${source} ${what}`, { hint: "Check the path." });
  }
  const prefix = await reachable(resolve(config.installation_prefix.value));
  const masked = config.mask_wrap_install.value === true;
  if (`${prefix}/`.startsWith(`${directory}/`)) {
    throw new KapseliError(
      ExitCode.badInput,
      `the prefix ${prefix} lies in ${directory}, which is to be packed`,
      {
        hint: "Choose another one with --prefix; wrap-install --in-place makes an environment of a directory where it is.",
      },
    );
  }
  if (await exists(`${directory}/current/launcher.sh`)) {
    throw new KapseliError(ExitCode.badInput, `${directory} is a prefix already: its image holds the files`, {
      hint: "Name the directory that the software was installed in.",
    });
  }
  return {
    request: {
      tool: "directory",
      prefix,
      options: await optionsOf(setting),
      hooks: await hooksOf(config),
      files: await installationFiles(config),
      wrap: { directory, masked },
      portable: false,
    },
    base: await baseOf(config.container_src.value, config),
    given: setting.layers.own.wrapper_paths.value,
  };
}

export async function inPlace(setting: Setting, directory: string, compile: boolean): Promise<Requested> {
  const { config } = setting;
  const given = resolve(directory);
  if (!setting.wanted.dryRun) await putBack(given, setting.report);
  const found = await findForeignEnvironment(given);
  const hooks = await hooksOf(config);
  if (hooks.pre.length + hooks.post.length > 0) {
    throw new KapseliError(ExitCode.usage, "scripts cannot be run while an environment is wrapped in place", {
      hint: `Wrap it without them, then: ${found.tool}-containerize update --post-install SCRIPT ${found.directory}`,
    });
  }
  const options = await optionsOf(setting);
  return {
    request: {
      tool: found.tool,
      prefix: found.directory,
      // Its updates install as its maker did.
      options: { ...options, uv: options.uv || found.uv },
      hooks,
      portable: false,
      inPlace: { directory: found.directory, compile },
    },
    base: await baseOf(config.container_src.value, config),
    given: setting.layers.own.wrapper_paths.value,
  };
}
