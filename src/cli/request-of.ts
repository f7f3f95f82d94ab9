import { basename, resolve } from "node:path";
import { kindOfPath } from "../build/base.ts";
import { reachable } from "../build/environment.ts";
import {
  type Existing,
  type OwnEnvironment,
  readExisting,
  type TykkyInstallation,
} from "../build/existing.ts";
import { findForeignEnvironment } from "../build/in-place.ts";
import type { Config } from "../config/keys.ts";
import { extraEnvironment } from "../config/kinds.ts";
import type { LayeredConfig } from "../config/resolve.ts";
import { slimContainer } from "../config/slim-container.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { readCatalogue } from "../host/catalogue.ts";
import type { HostFacts } from "../host/facts.ts";
import { exists, readdir, realpath, stat } from "../host/files.ts";
import { readInputFile } from "../host/input-file.ts";
import { type BaseChoice, chooseBase } from "../plan/base-choice.ts";
import { condaPlatform } from "../plan/make-plan.ts";
import type { BuildRequest, EnvironmentOptions, IncludedFile, Input, Origin, Tool } from "../plan/request.ts";
import { WITHOUT_EFFECT } from "../prefix/variable-lines.ts";
import { wrapperItem } from "../prefix/wrapped.ts";
import type { Report } from "../report/events.ts";
import { checkedInput } from "./checked-input.ts";
import { hookScripts, readScript, runTimeExtras } from "./user-scripts.ts";
import type { Wanted } from "./wanted.ts";

/** A build as it goes to build/. */
export interface Requested {
  request: BuildRequest;
  base: BaseChoice;
  /** Items of `-w` that this command line or its YAML file gives. */
  given: readonly string[];
}

interface Setting {
  wanted: Wanted;
  config: Config;
  layers: Pick<LayeredConfig, "own" | "withOwn">;
  facts: HostFacts;
  report: Report;
}

function inputReader({ facts, report }: Setting) {
  return (tool: "conda" | "pip", file: string, what: string): Promise<Input> =>
    checkedInput({ tool, file, what }, condaPlatform(facts.architecture), facts.environment, report);
}

async function baseOf(source: string, config: Config): Promise<BaseChoice> {
  const { entries } = await readCatalogue();
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
): Promise<Pick<EnvironmentOptions, "own" | "wrapperPaths" | "extra" | "libraries" | "environ">> {
  const now = await runTimeExtras(layers.own);
  const given = layers.own.wrapper_paths.value;
  const libraries = layers.own.wrapper_ld_library_paths.value;
  const environ = now.environ ?? before.environ;
  const own = {
    wrapperPaths: joinedPaths(before.wrapperPaths, removed, given, mount),
    extra: now.extra.length > 0 ? now.extra : before.extra,
    libraries: libraries.length > 0 ? libraries : before.libraries,
    ...(environ === undefined ? {} : { environ }),
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
  };
}

/** What the configuration says of how an environment is to be installed and run. */
async function optionsOf(setting: Setting, remembered: Remembered = NOTHING): Promise<EnvironmentOptions> {
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

async function hooksOf(config: Config): Promise<BuildRequest["hooks"]> {
  return { pre: await hookScripts(config, "pre_install"), post: await hookScripts(config, "post_install") };
}

/** The files that installers and scripts are to find by their base names. */
async function installationFiles(config: Config): Promise<IncludedFile[]> {
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

function missingKey(key: string, mode: string): KapseliError {
  return new KapseliError(ExitCode.badInput, `${key} is missing: mode ${mode} needs it`, {
    hint: "Set it in the YAML file.",
  });
}

async function newEnvironment(setting: Setting, tool: "conda" | "pip"): Promise<Requested> {
  const { wanted, config } = setting;
  const read = inputReader(setting);
  const file = tool === "conda" ? config.env_file.value : config.requirements_file.value;
  if (file === undefined) {
    throw tool === "conda" ? missingKey("env_file", "conda") : missingKey("requirements_file", "venv");
  }
  const input = await read(tool, file, tool === "conda" ? "Env file" : "Requirements file");
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
      ...(requirements === undefined
        ? {}
        : { requirements: await read("pip", requirements, "Requirements file") }),
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

function refuseOtherTool(directory: string, tool: "conda" | "pip", is: Tool): void {
  if (is === tool) return;
  const anew = "Make it anew; the same command in the same prefix replaces it.";
  const [what, hint] = {
    conda: ["a conda environment", `Update it with conda-containerize update ${directory}`],
    pip: ["a pip environment", `Update it with pip-containerize update ${directory}`],
    directory: ["made by wrap-install, which cannot be updated", anew],
    container: ["made by wrap-container, which cannot be updated", anew],
  }[is];
  throw new KapseliError(ExitCode.badInput, `${directory} is ${what}`, hint === undefined ? {} : { hint });
}

interface Before {
  tool: Tool;
  origin: Origin;
  options: Pick<EnvironmentOptions, "own" | "uv" | "pyver" | "systemSitePackages" | "isolated">;
  base: BaseChoice;
  prefix: string;
}

async function ownBefore(existing: OwnEnvironment): Promise<Before> {
  const { manifest, paths } = existing;
  const { pyver, environ, wrapperPaths, extra, libraries, ...options } = manifest.options;
  const own = { wrapperPaths, extra, libraries, ...(environ === undefined ? {} : { environ }) };
  const { base } = manifest;
  const path = base.shared ? base.source : paths.base;
  const names = await readdir(paths.inputs).catch(() => []);
  return {
    tool: manifest.tool,
    origin: {
      image: paths.image,
      location: manifest.location,
      wrapperLinks: manifest.wrapperLinks,
      ...(manifest.inPlace ? { inPlace: true } : {}),
      ...(manifest.channels ? { channels: manifest.channels } : {}),
      inputs: names
        .filter((name) => /^\d+$/.test(name))
        .sort((a, b) => Number(a) - Number(b))
        .map((name) => `${paths.inputs}/${name}`),
    },
    options: {
      ...options,
      own,
      ...(pyver === undefined ? {} : { pyver }),
    },
    base:
      base.kind === "host"
        ? { kind: "host" }
        : { kind: "kept", path, source: base.source, shared: base.shared },
    prefix: existing.prefix,
  };
}

/** Files of a Tykky installation in its prefix (tykky-surface.md §7). */
const TYKKY_FILES = ["bin", "_bin", "common.sh", "share", "pyvenv.cfg", "lib", "lib64"];

const TYKKY_TOOLS = { conda: "conda", venv: "pip", wrapcont: "container", wrapdisk: "directory" } as const;

/** What a Tykky installation sets at each start, by its conf.yaml; what cannot be carried over is said. */
async function tykkyExtras(
  { conf, prefix }: TykkyInstallation,
  report: Report,
): Promise<Pick<EnvironmentOptions["own"], "extra" | "environ">> {
  const given = conf.keys.extra_envs ?? [];
  const parsed = extraEnvironment.schema.safeParse(given === "" ? [] : given);
  const warn = (message: string): void => report({ event: "warning", message });
  if (!parsed.success) {
    warn(`extra_envs in ${prefix}/share/conf.yaml is not understood: it is not carried over`);
    return { extra: [] };
  }
  const texts: string[] = [];
  for (const { file } of parsed.data.flatMap((item) => ("file" in item ? [item] : []))) {
    try {
      // Where a relative path began is not known any more.
      texts.push(await readScript(resolve(prefix, file)));
    } catch {
      warn(
        `${file}, the --environ script of ${prefix}, cannot be read any more: give it again with --environ`,
      );
    }
  }
  return {
    extra: parsed.data.flatMap((item) => ("name" in item ? [item] : [])),
    ...(texts.length === 0 ? {} : { environ: texts.join("\n") }),
  };
}

async function tykkyBefore(tykky: TykkyInstallation, report: Report): Promise<Before> {
  const { conf, image = "" } = tykky;
  const [below = ""] = tykky.environmentDirectories;
  const mount = conf.installationPath;
  const present = new Set(await readdir(tykky.prefix));
  const names = [...TYKKY_FILES, conf.image, conf.containerImage].filter((name) => present.has(name));
  return {
    tool: TYKKY_TOOLS[conf.mode],
    origin: {
      image,
      location: { mount, environment: below === "" ? mount : `${mount}/${below}`, view: true },
      wrapperLinks: [],
      inputs: tykky.previousInputs,
      converts: {
        tool: "Tykky",
        files: names,
        ...(tykky.venv ? { venvConfiguration: tykky.venv.configuration } : {}),
      },
    },
    options: {
      uv: conf.useUv,
      systemSitePackages: false,
      own: {
        wrapperPaths: conf.wrapperPaths,
        ...(await tykkyExtras(tykky, report)),
        libraries: conf.wrapperLibraryPaths,
      },
      isolated: conf.isolate,
    },
    // Without isolation, Tykky binds the host's directories over its container: the host is the base.
    base: conf.isolate
      ? {
          kind: "kept",
          path: tykky.container,
          source: conf.containerSource ?? tykky.container,
          shared: conf.sharedContainer,
        }
      : { kind: "host" },
    prefix: tykky.prefix,
  };
}

async function updated(setting: Setting, tool: "conda" | "pip"): Promise<Requested> {
  const { wanted, config } = setting;
  const directory = config.installation_prefix.value;
  const existing: Existing = await readExisting(resolve(directory));
  const before =
    existing.made === "kapseli" ? await ownBefore(existing) : await tykkyBefore(existing, setting.report);
  refuseOtherTool(directory, tool, before.tool);
  const removed = "removeWrapperPaths" in wanted ? wanted.removeWrapperPaths : [];
  if (config.env_file.value !== undefined) {
    const message = `env_file has no effect on an update: ${directory} keeps what it has`;
    setting.report({ event: "warning", message });
  }
  const { own } = before.options;
  const today = await optionsOf(setting, { own, removed, mount: before.origin.location.mount });
  const file = config.requirements_file.value;
  const read = inputReader(setting);
  const input = file === undefined ? undefined : await read("pip", file, "Requirements file");
  return {
    request: {
      tool,
      prefix: before.prefix,
      ...(input === undefined ? {} : { input }),
      origin: before.origin,
      options: {
        ...today,
        uv: before.options.uv,
        systemSitePackages: before.options.systemSitePackages,
        isolated: before.options.isolated,
        ...(before.options.pyver === undefined ? {} : { pyver: before.options.pyver }),
      },
      hooks: await hooksOf(config),
      files: await installationFiles(config),
      portable: false,
    },
    base: wanted.base === undefined ? before.base : await baseOf(wanted.base, config),
    given: setting.layers.own.wrapper_paths.value,
  };
}

function requireWrapperPaths(config: Config, command: string): void {
  if (config.wrapper_paths.value.length > 0) return;
  throw new KapseliError(ExitCode.badInput, `${command} requires -w/--wrapper-paths`, {
    hint: "Name the directories or programs that are to be callable.",
  });
}

async function wrappedContainer(setting: Setting): Promise<Requested> {
  const { config } = setting;
  requireWrapperPaths(config, "wrap-container");
  const relative = config.wrapper_paths.value.filter((item) => !item.startsWith("/"));
  if (relative.length > 0) {
    throw new KapseliError(
      ExitCode.badInput,
      `Only absolute paths are accepted by wrap-container for -w/--wrapper-paths: ${relative.join(", ")}`,
      { hint: "Give paths as they are inside the container, such as /usr/bin." },
    );
  }
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

async function wrappedDirectory(setting: Setting): Promise<Requested> {
  const { config } = setting;
  requireWrapperPaths(config, "wrap-install");
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

async function inPlace(setting: Setting, directory: string, compile: boolean): Promise<Requested> {
  const { config } = setting;
  const found = await findForeignEnvironment(resolve(directory));
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

/** Rewrites an environment for its place; one that is where it was built needs nothing. */
async function relocated(setting: Setting, directory: string): Promise<Requested> {
  const existing = await readExisting(resolve(directory));
  if (existing.made === "tykky") {
    const { mode } = existing.conf;
    const tool = mode === "conda" || mode === "venv" ? `${TYKKY_TOOLS[mode]}-containerize update` : undefined;
    throw new KapseliError(ExitCode.badInput, `${directory} was made by Tykky: it works wherever it is`, {
      ...(tool === undefined ? {} : { hint: `${tool} ${directory} makes it one of ours.` }),
    });
  }
  const hint = "Only an environment that was moved or copied needs to be relocated.";
  if (existing.manifest.location.view) {
    throw new KapseliError(
      ExitCode.badInput,
      `${directory} works wherever it is: its image has a path of its own`,
      { hint },
    );
  }
  if (!existing.moved) {
    throw new KapseliError(ExitCode.badInput, `${directory} is where it was built: there is nothing to do`, {
      hint,
    });
  }
  return updated(setting, existing.manifest.tool === "pip" ? "pip" : "conda");
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
