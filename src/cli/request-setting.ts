import { basename, resolve } from "node:path";
import { kindOfPath } from "../build/base.ts";
import type { Config } from "../config/keys.ts";
import type { LayeredConfig } from "../config/resolve.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { readCatalogue } from "../host/catalogue.ts";
import type { HostFacts } from "../host/facts.ts";
import { readInputFile } from "../host/input-file.ts";
import { type BaseChoice, chooseBase, isHost } from "../plan/base-choice.ts";
import { condaPlatform } from "../plan/make-plan.ts";
import type { BuildRequest, EnvironmentOptions, IncludedFile, Input } from "../plan/request.ts";
import { WITHOUT_EFFECT } from "../prefix/variable-lines.ts";
import { wrapperItem } from "../prefix/wrapped.ts";
import type { Report } from "../report/events.ts";
import { given } from "./build-command.ts";
import { checkedInput } from "./checked-input.ts";
import { hookScripts, runTimeExtras } from "./user-scripts.ts";
import type { Wanted } from "./wanted.ts";

/** A build as it goes to build/. */
export interface Requested {
  request: BuildRequest;
  base: BaseChoice;
  /** Items of `-w` that this command line or its YAML file gives. */
  given: readonly string[];
}

/** What requests are made from. */
export interface Setting {
  wanted: Wanted;
  config: Config;
  layers: Pick<LayeredConfig, "own" | "withOwn">;
  facts: HostFacts;
  report: Report;
}

export function inputReader({ facts, report }: Setting) {
  return (tool: "conda" | "pip", file: string, what: string): Promise<Input> =>
    checkedInput({ tool, file, what }, condaPlatform(facts.architecture), facts.environment, report);
}

export async function baseOf(source: string, config: Config): Promise<BaseChoice> {
  const { entries } = isHost(source) ? { entries: {} } : await readCatalogue();
  const kind = await kindOfPath(source);
  return chooseBase(source, entries, () => kind, config.share_container.value);
}

/** Paths that the runtime's `-B` cannot carry. */
function refuseOddMountPoints(config: Config): void {
  const odd = config.mount_points.value.filter((path) => !/^\/[^:,"]*[^:,"/]$/.test(path));
  if (odd.length === 0) return;
  throw new KapseliError(ExitCode.badInput, `mount_points: ${odd.join(", ")} cannot be bound`, {
    hint: "Give absolute paths below /, without a colon, a comma or a double quote in them.",
  });
}

/** What an environment has from before, where it is updated. */
interface Remembered {
  own: EnvironmentOptions["own"];
  /** Items of `-w` that are to be forgotten. */
  removed: readonly string[];
  mount: string;
}

const NOTHING: Remembered = {
  own: { wrapperPaths: [], extra: [], libraries: [] },
  removed: [],
  mount: "/environment",
};

/**
 * The user's part of what an environment is run with: what is given now, else what is remembered; items of `-w` add up.
 *
 * @returns it, and the whole with what today's site file says before, after, or in place of it
 */
async function runTimeOf(
  { layers, report }: Setting,
  { own: before, removed, mount }: Remembered,
): Promise<
  Pick<EnvironmentOptions, "own" | "wrapperPaths" | "extra" | "libraries" | "environ" | "compress">
> {
  const now = await runTimeExtras(layers.own);
  const paths = layers.own.wrapper_paths.value;
  const libraries = layers.own.wrapper_ld_library_paths.value;
  const environ = now.environ ?? before.environ;
  const compress = layers.own.compression_level.value ?? before.compress;
  const own = {
    wrapperPaths: joinedPaths(before.wrapperPaths, removed, paths, mount),
    extra: now.extra.length > 0 ? now.extra : before.extra,
    libraries: libraries.length > 0 ? libraries : before.libraries,
    ...given({ environ, compress }),
  };
  const flag = "what the environment has";
  const config = layers.withOwn({
    ...(own.wrapperPaths.length > 0 ? { wrapper_paths: { value: own.wrapperPaths, flag } } : {}),
    ...(own.extra.length > 0 || now.environ !== undefined ? { extra_envs: { value: own.extra, flag } } : {}),
    ...(own.libraries.length > 0 ? { wrapper_ld_library_paths: { value: own.libraries, flag } } : {}),
  });
  const whole = await runTimeExtras(config);
  for (const name of whole.extra.map((one) => one.name).filter((one) => WITHOUT_EFFECT.includes(one))) {
    const message = `extra_envs: ${name} has no effect; set SINGULARITYENV_${name} instead`;
    report({ event: "warning", message });
  }
  const texts = [whole.environ, environ].filter((text) => text !== undefined);
  return {
    own,
    wrapperPaths: config.wrapper_paths.value,
    extra: whole.extra,
    libraries: config.wrapper_ld_library_paths.value,
    ...(texts.length === 0 ? {} : { environ: texts.join("\n") }),
    ...given({ compress: compress ?? config.compression_level.value }),
  };
}

/** What the configuration says of how an environment is to be installed and run. */
export async function optionsOf(
  setting: Setting,
  remembered: Remembered = NOTHING,
): Promise<EnvironmentOptions> {
  const { config } = setting;
  if (config.isolate.value) refuseOddMountPoints(config);
  // Wherever the image will be mounted: an item that leads out of it is refused before anything is installed.
  for (const item of config.wrapper_paths.value) wrapperItem(item, "/environment");
  const { pyver } = config;
  return {
    uv: config.use_uv.value === true,
    ...(pyver.value === undefined ? {} : { pyver: pyver.value }),
    systemSitePackages: config.enable_site_packages.value === true,
    nocache: config.pipcache.value === false,
    isolated: config.isolate.value,
    ...(await runTimeOf(setting, remembered)),
  };
}

export async function hooksOf(config: Config): Promise<BuildRequest["hooks"]> {
  return { pre: await hookScripts(config, "pre_install"), post: await hookScripts(config, "post_install") };
}

/** The files that installers and scripts are to find by their base names. */
export async function installationFiles(config: Config): Promise<IncludedFile[]> {
  const paths = config.installation_file_paths.value ?? [];
  const files: IncludedFile[] = [];
  for (const path of paths) {
    const name = basename(path);
    if (files.some((file) => file.name === name)) {
      throw new KapseliError(ExitCode.badInput, `installation_file_paths: two files are called ${name}`, {
        hint: "They are put into one directory: give one of them another name.",
      });
    }
    const { bytes } = await readInputFile(resolve(path), "The file");
    files.push({ name, bytes });
  }
  return files;
}

export function missingKey(key: string, mode: string): KapseliError {
  return new KapseliError(ExitCode.badInput, `${key} is missing: mode ${mode} needs it`, {
    hint: "Set it in the YAML file.",
  });
}

/** Takes what is asked to be forgotten out of the remembered items and adds the new ones, each once. */
function joinedPaths(
  remembered: readonly string[],
  removed: readonly string[],
  given: readonly string[],
  mount: string,
): string[] {
  const same = (item: string): string => wrapperItem(item, mount);
  const gone = new Set(removed.map(same));
  for (const item of removed.filter((one) => !remembered.some((other) => same(other) === same(one)))) {
    throw new KapseliError(
      ExitCode.badInput,
      `--remove-wrapper-paths ${item}: it is not among those remembered`,
      {
        hint: remembered.length === 0 ? "There are none." : `They are ${remembered.join(", ")}.`,
      },
    );
  }
  const kept = remembered.filter((item) => !gone.has(same(item)));
  // Given again, an item counts at its new place.
  const again = new Set(given.map(same));
  return [...kept.filter((item) => !again.has(same(item))), ...given];
}
