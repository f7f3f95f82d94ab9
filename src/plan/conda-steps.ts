import { basename, dirname, join } from "node:path";
import type { CondaEnvironment } from "../inputs/environment-yml.ts";
import type { ExplicitPackage } from "../inputs/explicit-list.ts";
import linkScriptRunner from "../templates/run-link-scripts.sh";
import uvInstaller from "../templates/uv_install.py";
import { type ChannelSettings, channelUrls } from "../tools/conda-channel.ts";
import { condaVariables, createArgv, firstPackageCache, rootPrefix } from "../tools/conda-cli.ts";
import * as pip from "../tools/pip.ts";
import * as rattler from "../tools/rattler.ts";
import { UV_VARIABLES, pipInstallArgv as uvInstallArgv } from "../tools/uv.ts";
import type { Container } from "./containers.ts";
import { condaFileForEngine, pipSectionFile } from "./engine-files.ts";
import type { CondaReadyEngine, PlannedCommand, PlannedFile } from "./plan.ts";
import { RATTLER_SCRIPTS } from "./rattler-scripts.ts";
import type { BuildRequest, Input } from "./request.ts";
import type { workPaths } from "./work-paths.ts";

export interface CondaStepInputs {
  request: Pick<BuildRequest, "options" | "prefix"> & { input: Input };
  engine: CondaReadyEngine;
  /** The environment's directory inside, and the same in the work tree. */
  root: string;
  tree: string;
  /** uv, where it installs what pip would. */
  uv?: string;
  paths: ReturnType<typeof workPaths>;
  cache: string;
  /** Absolute; empty: packages are kept below `cache`. */
  packageCaches: readonly string[];
  /** conda's name of the platform, e.g. `linux-64`. */
  platform: string;
  /** Channels for a file that names none. */
  defaultChannels: readonly string[];
  /** Variables for the solver, besides the caller's own (CONDA_OVERRIDE_*). */
  solverVariables: Readonly<Record<string, string>>;
  /** Where channel names lead. */
  channelSettings: ChannelSettings;
  inBase: Container;
  overHost: Container;
}

/** conda's build number: the last part of the build string, as conda-build writes it. */
function buildNumber(build: string): number {
  return Number(/(?:^|_)(\d+)$/.exec(build)?.[1] ?? 0);
}

function rattlerPackage(item: ExplicitPackage): rattler.RattlerPackage {
  const { url, name, version, build, subdir, hash } = item;
  return {
    url,
    name,
    version,
    build,
    buildNumber: buildNumber(build),
    subdir,
    ...(hash ? { [hash.algorithm]: hash.value } : {}),
  };
}

/** conda drops PyPI's extras (`name[extra]`) from a specification; rattler would refuse them. */
function withoutExtras(spec: string): string {
  return spec.replace(/^([^[=<>!~ ]+)\s*\[[\w\s,.-]*\]/, "$1");
}

function rattlerRequest(inputs: CondaStepInputs): rattler.RattlerRequest {
  const { request, root, tree, cache, platform } = inputs;
  const { content } = request.input;
  const { linkScripts } = inputs.paths;
  const [packageCache] = inputs.packageCaches;
  const own = packageCache === undefined ? {} : { packageCache };
  const common = {
    tree,
    prefix: root,
    published: request.prefix,
    linkScripts,
    platform,
    cache: `${cache}/rattler`,
    ...own,
  };
  if (content.format === "explicit") {
    const packages = content.value.packages.map(rattlerPackage);
    return { ...common, channels: [], specs: [], packages, variables: {} };
  }
  const environment: Pick<CondaEnvironment, "channels" | "dependencies" | "variables" | "pip"> =
    content.format === "environment-yml"
      ? content.value
      : {
          channels: [],
          dependencies: content.format === "spec-list" ? content.value.dependencies : [],
          variables: {},
        };
  const named = environment.channels.map((channel) => channel.text);
  const specs = environment.dependencies.map((dependency) => withoutExtras(dependency.text));
  const wantsPip =
    environment.pip && !environment.dependencies.some((dependency) => dependency.name === "pip");
  return {
    ...common,
    channels: (named.length > 0 ? named : inputs.defaultChannels).flatMap((channel) =>
      channelUrls(channel, inputs.channelSettings),
    ),
    specs: wantsPip ? [...specs, "pip"] : specs,
    packages: null,
    variables: environment.variables,
  };
}

/** Where pip is to report what it installs; by a variable, which a pip before 22.2 ignores. */
function reporting({ uv, paths }: CondaStepInputs): Record<string, string> {
  return uv === undefined ? { PIP_REPORT: paths.sectionReport } : {};
}

/** What installs the pip: section: pip, or uv in its place. */
function pipSection(inputs: CondaStepInputs): { files: PlannedFile[]; commands: PlannedCommand[] } {
  const { request, root, paths, uv } = inputs;
  const { content, path } = request.input;
  if (content.format !== "environment-yml" || !content.value.pip || content.value.pip.lines.length === 0) {
    return { files: [], commands: [] };
  }
  const argv =
    uv === undefined
      ? pip.installArgv(root, paths.pipSection)
      : uvInstallArgv(paths.uvInstaller, uv, root, paths.pipSection);
  return {
    files: [
      pipSectionFile(request.input, content.value.pip, paths.pipSection),
      ...(uv === undefined ? [] : [{ path: paths.uvInstaller, content: uvInstaller }]),
    ],
    commands: [
      {
        purpose: `install the pip: section of ${basename(path)}`,
        output: uv === undefined ? "pip" : "uv",
        argv: inputs.inBase(argv, dirname(path)),
        environment: uv === undefined ? reporting(inputs) : UV_VARIABLES,
      },
    ],
  };
}

/** The files and commands that install a conda environment. */
export function condaInstall(inputs: CondaStepInputs): { files: PlannedFile[]; commands: PlannedCommand[] } {
  const { request, engine, root, paths } = inputs;
  const { content } = request.input;
  if (engine.engine !== "rattler") {
    // With uv, the pip: section is left to it.
    const file = condaFileForEngine(request.input, paths.inputs, inputs.uv === undefined);
    const create = createArgv({
      engine: engine.engine,
      path: engine.path,
      root,
      file: file.path,
      format: content.format === "requirements" ? "spec-list" : content.format,
      cache: rootPrefix(inputs.cache),
    });
    // micromamba is one static file; mamba and conda are installations with a Python of their host's.
    const container = engine.engine === "micromamba" ? inputs.inBase : inputs.overHost;
    const command: PlannedCommand = {
      purpose: `install with ${engine.engine}`,
      output: engine.engine,
      argv: container(create, dirname(request.input.path)),
      environment: {
        ...condaVariables(engine.engine, rootPrefix(inputs.cache), inputs.packageCaches),
        ...reporting(inputs),
      },
      room: {
        packages: firstPackageCache(rootPrefix(inputs.cache), inputs.packageCaches),
        tree: inputs.tree,
        image: request.prefix,
      },
    };
    const section = inputs.uv === undefined ? { files: [], commands: [] } : pipSection(inputs);
    return { files: [file, ...section.files], commands: [command, ...section.commands] };
  }

  const files: PlannedFile[] = [
    ...Object.entries(RATTLER_SCRIPTS).map(([name, content]) => ({
      path: join(dirname(paths.rattlerScript), name),
      content,
    })),
    { path: paths.rattlerRequest, content: JSON.stringify(rattlerRequest(inputs)) },
    { path: paths.linkScriptRunner, content: linkScriptRunner },
  ];
  const commands: PlannedCommand[] = [
    {
      purpose: "install with rattler",
      output: "rattler",
      // On the host itself: it writes the prefix into the files without being there, and only where the cache and
      // the work tree are one mount can files be linked instead of copied.
      argv: rattler.installArgv(engine.python, paths.rattlerScript, paths.rattlerRequest),
      environment: inputs.solverVariables,
    },
    {
      purpose: "run the packages' post-link scripts",
      output: "kapseli",
      argv: inputs.inBase(["/bin/sh", paths.linkScriptRunner, root, paths.linkScripts]),
      onlyWith: paths.linkScripts,
    },
  ];
  const section = pipSection(inputs);
  return { files: [...files, ...section.files], commands: [...commands, ...section.commands] };
}
