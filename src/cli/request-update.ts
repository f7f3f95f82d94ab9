import { resolve } from "node:path";
import {
  type Existing,
  type OwnEnvironment,
  readExisting,
  type TykkyInstallation,
} from "../build/existing.ts";
import { isLockAsWritten, textOf } from "../build/read-manifest.ts";
import { extraEnvironment } from "../config/kinds.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { readdir } from "../host/files.ts";
import type { BaseChoice } from "../plan/base-choice.ts";
import type { EnvironmentOptions, Origin, Tool } from "../plan/request.ts";
import type { Manifest } from "../prefix/manifest.ts";
import type { Report } from "../report/events.ts";
import { given } from "./build-command.ts";
import {
  baseOf,
  hooksOf,
  inputReader,
  installationFiles,
  optionsOf,
  type Requested,
  type Setting,
} from "./request-setting.ts";
import { readScript } from "./user-scripts.ts";

function refuseOtherTool(directory: string, tool: "conda" | "pip", is: Tool, made: Existing["made"]): void {
  if (is === tool) return;
  const anew =
    made === "tykky"
      ? "Make it anew: run that command again with another --prefix, or move this one away first."
      : "Make it anew; the same command in the same prefix replaces it.";
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

/** How an environment was installed and is run, by its manifest; of what it is run with the user's part. */
export function rememberedOptions({ options }: Manifest): Before["options"] {
  const { pyver, environ, compress, wrapperPaths, extra, libraries, ...others } = options;
  const own = { wrapperPaths, extra, libraries, ...given({ environ, compress }) };
  return { ...others, own, ...(pyver === undefined ? {} : { pyver }) };
}

/** The base that an environment has. */
export function keptBase({ base }: Manifest, paths: { base: string }): BaseChoice {
  if (base.kind === "host") return { kind: "host" };
  const { digest, size, shared, source } = base;
  const recorded = shared || digest === undefined || size === undefined ? {} : { recorded: { digest, size } };
  return { kind: "kept", path: shared ? source : paths.base, source, shared, ...recorded };
}

async function ownBefore(existing: OwnEnvironment): Promise<Before> {
  const { manifest, paths } = existing;
  const names = await readdir(paths.inputs).catch(() => []);
  const lock = await textOf(paths.lock).catch(() => undefined);
  return {
    tool: manifest.tool,
    origin: {
      image: paths.image,
      ...(manifest.image ? { sha256: manifest.image.sha256 } : {}),
      location: manifest.location,
      wrapperLinks: manifest.wrapperLinks,
      ...(lock !== undefined && isLockAsWritten(lock, manifest) ? { lock } : {}),
      ...(manifest.inPlace ? { inPlace: true } : {}),
      ...(manifest.channels ? { channels: manifest.channels } : {}),
      inputs: names
        .filter((name) => /^\d+$/.test(name))
        .sort((a, b) => Number(a) - Number(b))
        .map((name) => `${paths.inputs}/${name}`),
    },
    options: rememberedOptions(manifest),
    base: keptBase(manifest, paths),
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

export async function updated(setting: Setting, tool: "conda" | "pip"): Promise<Requested> {
  const { wanted, config } = setting;
  const directory = config.installation_prefix.value;
  const existing: Existing = await readExisting(resolve(directory));
  const before =
    existing.made === "kapseli" ? await ownBefore(existing) : await tykkyBefore(existing, setting.report);
  refuseOtherTool(directory, tool, before.tool, existing.made);
  const removed = "removeWrapperPaths" in wanted ? wanted.removeWrapperPaths : [];
  if (config.env_file.value !== undefined) {
    const message = `env_file has no effect on an update: ${directory} keeps what it has`;
    setting.report({ event: "warning", message });
  }
  const { own } = before.options;
  const today = await optionsOf(setting, { own, removed, mount: before.origin.location.mount });
  const file = config.requirements_file.value;
  const read = inputReader(setting);
  const input = file === undefined ? undefined : await read("pip", file, "The file");
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

/** Rewrites an environment for its place; one that is where it was built needs nothing. */
export async function relocated(setting: Setting, directory: string): Promise<Requested> {
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
