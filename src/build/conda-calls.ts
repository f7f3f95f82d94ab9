import { join, posix } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, readdir, readFile, stat, writeFile } from "../host/files.ts";
import type { HookRequest, RequestAnswer } from "../host/hook-requests.ts";
import type { Container } from "../plan/containers.ts";
import { type HookFile, readHookFile } from "../plan/hook-file.ts";
import type { Plan, PlannedCommand, ReadyEngine } from "../plan/plan.ts";
import { errorText } from "../report/error-text.ts";
import type { StepId } from "../report/events.ts";
import rattlerScript from "../templates/rattler_install.py";
import linkScriptRunner from "../templates/run-link-scripts.sh";
import { type ChannelSettings, channelUrls } from "../tools/conda-channel.ts";
import { type CondaChange, changeArgv, condaVariables, updateFromFileArgv } from "../tools/conda-cli.ts";
import { configLines, isWithoutEffect } from "../tools/conda-config-words.ts";
import { exported, information, type ListedPackage, listing } from "../tools/conda-output.ts";
import type { ChannelPriority, CondaInstall, CondaRequest, ConfigAction } from "../tools/conda-request.ts";
import { parseCondaCall, SHIM_CONDA_VERSION } from "../tools/conda-shim.ts";
import * as pip from "../tools/pip.ts";
import * as rattler from "../tools/rattler.ts";
import { redactSecrets } from "../tools/redact.ts";
import { ownVariables } from "./activation.ts";
import type { BuildContext } from "./context.ts";
import { removeCredentials } from "./credentials.ts";
import { runPlanned } from "./install.ts";
import { condaRecords, pipOnly } from "./packages.ts";

export type CondaReadyEngine = Extract<ReadyEngine, { engine: "rattler" | "micromamba" | "mamba" | "conda" }>;

/** With what a hook's conda commands are carried out. */
export interface CondaSetting {
  engine: CondaReadyEngine;
  /** The channels of the environment's creation, as written, in their order. */
  channels: readonly string[];
  channelSettings: ChannelSettings;
  /** The tool's cache directory; the engine's own is below it, as in plan/conda-steps.ts. */
  cache: string;
  /** Where packages are kept instead (tools/condarc.ts), first the one that is written to; absent: below `cache`. */
  packageCaches?: readonly string[];
  /** conda's name of the platform, e.g. `linux-64`. */
  platform: string;
  /** For the solver (CONDA_OVERRIDE_*). */
  solverVariables: Readonly<Record<string, string>>;
  inBase: Container;
  overHost: Container;
}

/** Where a hook's conda commands act. */
export interface CondaPlace {
  root: string;
  tree: string;
  envName: string;
  /** What `conda info --base` names. */
  base: string;
  /** A directory for files of ours. */
  work: string;
  environment: Plan["environment"];
  /** The step in which progress is reported. */
  step: StepId;
}

const said = (stdout: string, stderr = "", status = 0): RequestAnswer => ({
  verb: "exit",
  status,
  stdout,
  stderr,
});

/** Carries out what hooks ask of conda and mamba, and remembers what they configured. */
export class CondaCalls {
  /** What `conda config` made of the channels; undefined: as at the environment's creation. */
  private channels: string[] | undefined;
  private readonly values = new Map<string, string>();
  private number = 0;

  constructor(
    private readonly context: BuildContext,
    private readonly setting: CondaSetting,
    private readonly place: CondaPlace,
  ) {}

  /** The directories in which the engine keeps packages. */
  private get packageCaches(): readonly string[] {
    const { engine, cache, packageCaches } = this.setting;
    const own = engine.engine === "rattler" ? `${cache}/rattler/pkgs` : `${this.rootPrefix}/pkgs`;
    return packageCaches && packageCaches.length > 0 ? packageCaches : [own];
  }

  private get rootPrefix(): string {
    return `${this.setting.cache}/micromamba-root`;
  }

  /**
   * Answers one call. What goes wrong is the caller's to read, as with the real conda.
   *
   * @throws the reason of an abort.
   */
  async answer(request: HookRequest): Promise<RequestAnswer> {
    const { root, envName, base } = this.place;
    const { program, words, cwd, activePrefix } = request;
    this.context.report({ event: "command", argv: [program, ...words.map((word) => redactSecrets(word))] });
    const parsed = parseCondaCall(program, words, { root, envName, base, cwd, activePrefix });
    if ("refused" in parsed) return said("", `${parsed.refused}\n`, 1);
    try {
      return await this.carryOut(parsed, request);
    } catch (error) {
      this.context.signal.throwIfAborted();
      if (!(error instanceof KapseliError)) throw error;
      return said("", `${program} ${words[0] ?? ""}: ${redactSecrets(errorText(error, false))}`, 1);
    }
  }

  private async carryOut(wanted: CondaRequest, request: HookRequest): Promise<RequestAnswer> {
    const there = await exists(join(this.place.tree, "conda-meta"));
    const outside = ["config", "info", "env-list", "nothing"];
    if (!there && !outside.includes(wanted.command)) {
      throw new KapseliError(
        ExitCode.installFailed,
        `the environment ${this.place.envName} is not made yet`,
        {
          hint: "A pre-install script runs before the installation; do this in a post-install script.",
        },
      );
    }
    switch (wanted.command) {
      case "install":
        return this.install(wanted, request);
      case "remove": {
        const { engine } = this.setting;
        const names = { packages: wanted.packages, force: wanted.force };
        const summary =
          engine.engine === "rattler"
            ? await this.changeByRattler(request, {
                ...NO_CHANGE,
                remove: wanted.packages,
                noDeps: wanted.force,
              })
            : await this.changeByProgram(request, { action: "remove", ...names });
        return said(wanted.json ? SUCCESS : summary);
      }
      case "list": {
        const packages = await this.packages(wanted.pip);
        const { root } = this.place;
        return said(listing({ ...wanted, root, platform: this.setting.platform, packages }));
      }
      case "config":
        return this.configure(wanted.actions);
      case "info":
        return said(information(this.about(there, request), wanted.format));
      case "env-list":
        return said(
          wanted.json
            ? `${JSON.stringify({ envs: there ? [this.place.root] : [] }, null, 2)}\n`
            : information(this.about(there, request), "envs"),
        );
      case "env-export": {
        const text = exported({
          ...wanted,
          name: this.place.envName,
          root: this.place.root,
          channels: this.channelList({}),
          packages: await this.packages(true),
          variables: await ownVariables(this.place.tree),
        });
        return wanted.file === undefined
          ? said(text)
          : { ...said(text), verb: "write", path: posix.resolve(request.cwd, wanted.file) };
      }
      case "env-vars":
        return this.variables(wanted);
      case "env-update":
        return this.updateFromFile(wanted, request);
      case "run":
        return {
          ...said(""),
          verb: "run",
          status: wanted.from,
          ...(wanted.cwd === undefined ? {} : { path: posix.resolve(request.cwd, wanted.cwd) }),
        };
      case "nothing":
        return said(wanted.output, wanted.said === "" ? "" : `${request.program}: ${wanted.said}\n`);
    }
  }

  private about(there: boolean, request: HookRequest) {
    const { root, envName, base } = this.place;
    return {
      envName,
      root,
      base,
      exists: there,
      active: request.activePrefix === root,
      channels: this.channelList(request.variables),
      packageCaches: this.packageCaches,
      platform: this.setting.platform,
      condaVersion: SHIM_CONDA_VERSION,
    };
  }

  private async packages(withPip: boolean): Promise<ListedPackage[]> {
    const { tree } = this.place;
    const records = await condaRecords(tree);
    const conda = records.map((record): ListedPackage => {
      const requested = record.requested_specs?.[0] ?? record.requested_spec;
      return {
        name: record.name,
        version: record.version,
        build: record.build ?? "",
        buildNumber: record.build_number ?? 0,
        channel: record.channel ?? "",
        subdir: record.subdir ?? "",
        ...(record.url === undefined ? {} : { url: record.url }),
        ...(record.md5 === undefined ? {} : { md5: record.md5 }),
        ...(record.sha256 === undefined ? {} : { sha256: record.sha256 }),
        ...(requested ? { requested } : {}),
      };
    });
    if (!withPip) return conda;
    const dists = await pipOnly(tree, records);
    const fromPip = dists.map(({ name, version }): ListedPackage => {
      return { name, version, build: "pypi_0", buildNumber: 0, channel: "pypi", subdir: "pypi" };
    });
    return [...conda, ...fromPip];
  }

  /** The channels that hold now, without those of a command line: configured, from the caller, of the creation. */
  private channelList(variables: Readonly<Record<string, string>>): string[] {
    const fromCaller = variables.CONDA_CHANNELS?.split(",").filter((one) => one !== "");
    return this.channels ?? fromCaller ?? [...this.setting.channels];
  }

  private channelsFor(
    wanted: Pick<CondaInstall, "channels" | "overrideChannels">,
    request: HookRequest,
    fromFile: readonly string[] = [],
  ): string[] {
    const further = wanted.overrideChannels ? [] : [...fromFile, ...this.channelList(request.variables)];
    return [...new Set([...wanted.channels, ...further])].filter((one) => one !== "nodefaults");
  }

  private urlsOf(channel: string, request: HookRequest): string[] {
    const alias = this.values.get("channel_alias");
    return channelUrls(channel, {
      ...this.setting.channelSettings,
      ...(alias === undefined ? {} : { channelAlias: alias }),
      directory: request.cwd,
    });
  }

  private get priority(): ChannelPriority | undefined {
    const value = this.values.get("channel_priority")?.toLowerCase();
    if (value === undefined) return undefined;
    return value === "true" ? "flexible" : value === "false" ? "disabled" : (value as ChannelPriority);
  }

  /** The files that a command line names, as the shim could read them. */
  private async filesOf(names: readonly string[], request: HookRequest) {
    return Promise.all(
      names.map(async (name, index) => {
        const bytes = await request.file(index);
        const path = posix.resolve(request.cwd, name);
        if (bytes) return { path, bytes };
        throw new KapseliError(ExitCode.badInput, `the file ${path} does not exist or cannot be read`);
      }),
    );
  }

  private async install(wanted: CondaInstall, request: HookRequest): Promise<RequestAnswer> {
    const { engine, platform } = this.setting;
    const files = await this.filesOf(wanted.files, request);
    // Programs take lists as conda does; what only an env.yml has is left to `conda env update`.
    const lists = files.map(({ path, bytes }) => readHookFile(path, bytes, platform));
    const specs = [...wanted.specs, ...lists.flatMap((list) => list.specs)];
    const channels = this.channelsFor(
      wanted,
      request,
      lists.flatMap((list) => list.channels),
    );
    const priority = wanted.priority ?? this.priority;
    const pipTexts = lists.flatMap((list) => list.pip ?? []);
    const { freeze, noDeps, onlyDeps, reinstall, update, updateAll } = wanted;
    if (engine.engine === "rattler") {
      const summary = await this.changeByRattler(
        request,
        {
          ...NO_CHANGE,
          specs,
          update,
          updateAll,
          freeze,
          noDeps,
          onlyDeps,
          reinstall,
          priority: priority ?? "strict",
        },
        channels,
      );
      await this.installPip(pipTexts, request);
      return said(wanted.json ? SUCCESS : summary);
    }
    const updating = update.length > 0 || (updateAll && specs.length === 0);
    const summary = await this.changeByProgram(request, {
      action: updating ? "update" : "install",
      packages: updating ? update : specs,
      all: updateAll,
      channels: channels.map((channel) => this.asUrl(channel, request)),
      freeze,
      noDeps,
      onlyDeps,
      reinstall,
      ...(priority === undefined ? {} : { priority }),
    });
    await this.installPip(pipTexts, request);
    return said(wanted.json ? SUCCESS : summary);
  }

  /** Only what a hook changed by `channel_alias` has to be spelled out for a program. */
  private asUrl(channel: string, request: HookRequest): string {
    if (!this.values.has("channel_alias")) return channel;
    return this.urlsOf(channel, request)[0] ?? channel;
  }

  private async changeByProgram(
    request: HookRequest,
    change: Pick<CondaChange, "action" | "packages"> & Partial<CondaChange>,
  ): Promise<string> {
    const { engine } = this.setting;
    if (engine.engine === "rattler") throw new RangeError("rattler is no program of conda's");
    const { root } = this.place;
    const before = await condaRecords(this.place.tree);
    const argv = changeArgv({
      ...change,
      engine: engine.engine,
      path: engine.path,
      root,
      cache: this.rootPrefix,
    });
    await this.runProgram(request, argv);
    const labels = (records: typeof before): string[] =>
      records.map(({ name, version, build }) => `${name} ${version} ${build ?? ""}`.trim());
    const [old, now] = [labels(before), labels(await condaRecords(this.place.tree))];
    return changeText(
      now.filter((one) => !old.includes(one)),
      old.filter((one) => !now.includes(one)),
    );
  }

  private async runProgram(request: HookRequest, argv: [string, ...string[]]): Promise<void> {
    const { engine, inBase, overHost, packageCaches } = this.setting;
    if (engine.engine === "rattler") throw new RangeError("rattler is no program of conda's");
    // As the environment was made (plan/conda-steps.ts).
    const container = engine.engine === "micromamba" ? inBase : overHost;
    await this.run({
      purpose: `${request.program} ${request.words[0] ?? ""}`,
      output: engine.engine,
      argv: container(argv, request.cwd),
      environment: {
        ...condaVariables(engine.engine, this.rootPrefix, packageCaches),
        ...this.setting.solverVariables,
        ...overrides(request.variables),
      },
    });
    await removeCredentials(this.place.tree);
  }

  private run(command: PlannedCommand): Promise<{ lines: string[] }> {
    const { environment, step } = this.place;
    return runPlanned(this.context, { environment }, step, command);
  }

  private async changeByRattler(
    request: HookRequest,
    change: rattler.RattlerChange,
    channels = this.channelList(request.variables),
  ): Promise<string> {
    const { engine, cache, platform, inBase, packageCaches } = this.setting;
    if (engine.engine !== "rattler") throw new RangeError(`${engine.engine} is not rattler`);
    const { root, tree, work } = this.place;
    const at = (name: string): string => join(work, name);
    const specs = change.specs.map((spec) => this.withChannelUrl(spec, request));
    const extra = specs.flatMap((spec) => /^(.+)::/.exec(spec)?.[1] ?? []);
    const [packageCache] = packageCaches ?? [];
    const asked: rattler.RattlerRequest = {
      tree,
      prefix: root,
      linkScripts: at("link-scripts"),
      platform,
      channels: [...new Set([...channels.flatMap((one) => this.urlsOf(one, request)), ...extra])],
      specs: [],
      packages: null,
      variables: {},
      cache: `${cache}/rattler`,
      ...(packageCache === undefined ? {} : { packageCache }),
    };
    await writeFile(at("rattler_install.py"), rattlerScript);
    await writeFile(at("run-link-scripts.sh"), linkScriptRunner);
    const install = async (unlinkScriptsOnly: boolean): Promise<string[]> => {
      const file = { ...asked, change: { ...change, specs, unlinkScriptsOnly } };
      // Channels may hold credentials.
      await writeFile(at("rattler.json"), JSON.stringify(file), { mode: 0o600 });
      const { lines } = await this.run({
        purpose: `${request.program} ${request.words[0] ?? ""}`,
        output: "rattler",
        argv: rattler.installArgv(engine.python, at("rattler_install.py"), at("rattler.json")),
        environment: { ...this.setting.solverVariables, ...overrides(request.variables) },
      });
      return lines;
    };
    const runScripts = async (kind: "post-link" | "pre-unlink"): Promise<void> => {
      if ((await stat(at("link-scripts"))).size === 0) return;
      await this.run({
        purpose: `run the packages' ${kind} scripts`,
        output: "kapseli",
        argv: inBase(["/bin/sh", at("run-link-scripts.sh"), root, at("link-scripts"), kind]),
      });
    };
    const commands = await readdir(join(tree, "bin")).catch(() => []);
    if (commands.some((name) => name.endsWith("-pre-unlink.sh"))) {
      await install(true);
      await runScripts("pre-unlink");
    }
    const lines = await install(false);
    await removeCredentials(tree);
    await runScripts("post-link");
    for (const line of lines) {
      const message = rattler.parseRattlerLine(line);
      if (message.kind === "changed") return changeText(message.added, message.removed);
    }
    return changeText([], []);
  }

  /** `channel::name` means what the channel's name means elsewhere; rattler has its own idea of it. */
  private withChannelUrl(spec: string, request: HookRequest): string {
    const match = /^([^\s[\]]+)::(.+)$/s.exec(spec);
    const url = match?.[1] === undefined ? undefined : this.urlsOf(match[1], request)[0];
    return url === undefined ? spec : `${url}::${match?.[2]}`;
  }

  private async installPip(requirements: readonly string[], request: HookRequest): Promise<void> {
    for (const text of requirements) {
      const path = join(this.place.work, `pip-section-${this.number++}.txt`);
      await writeFile(path, text, { mode: 0o600 });
      await this.run({
        purpose: "install the pip: section",
        output: "pip",
        argv: this.setting.inBase(pip.installArgv(this.place.root, path), request.cwd),
      });
    }
  }

  private async updateFromFile(
    wanted: Extract<CondaRequest, { command: "env-update" }>,
    request: HookRequest,
  ): Promise<RequestAnswer> {
    const { engine, platform } = this.setting;
    const [file] = await this.filesOf([wanted.file], request);
    if (!file) throw new RangeError("a file is read or refused");
    if (wanted.prune) {
      throw new KapseliError(ExitCode.installFailed, "conda env update --prune: not possible in a hook", {
        hint: "Remove packages by name (conda remove), or build the environment anew.",
      });
    }
    const content = readHookFile(file.path, file.bytes, platform);
    if (engine.engine !== "rattler") {
      const copy = join(this.place.work, `update-${this.number++}.yml`);
      await writeFile(copy, file.bytes, { mode: 0o600 });
      const { root } = this.place;
      await this.runProgram(
        request,
        updateFromFileArgv(engine.engine, engine.path, root, this.rootPrefix, copy),
      );
      return said("");
    }
    const channels = this.channelsFor({ channels: [], overrideChannels: false }, request, content.channels);
    const summary = await this.changeByRattler(
      request,
      { ...NO_CHANGE, specs: withPip(content), priority: this.priority ?? "strict" },
      channels,
    );
    await this.installPip(content.pip === undefined ? [] : [content.pip], request);
    if (Object.keys(content.variables).length > 0) {
      await this.changeVariables((state) => ({ ...state, ...content.variables }));
    }
    return said(summary);
  }

  private async changeVariables(
    change: (variables: Record<string, string>) => Record<string, string>,
  ): Promise<void> {
    const path = join(this.place.tree, "conda-meta", "state");
    const text = await readFile(path, "utf8").catch(() => "{}");
    const state = JSON.parse(text) as { env_vars?: Record<string, string> };
    await writeFile(path, JSON.stringify({ version: 1, ...state, env_vars: change(state.env_vars ?? {}) }));
  }

  private async variables(wanted: Extract<CondaRequest, { command: "env-vars" }>): Promise<RequestAnswer> {
    if (wanted.action === "set") {
      const pairs = wanted.values.map((pair) => {
        const equals = pair.indexOf("=");
        return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
      });
      await this.changeVariables((variables) => ({ ...variables, ...Object.fromEntries(pairs) }));
      return said("");
    }
    if (wanted.action === "unset") {
      await this.changeVariables((variables) =>
        Object.fromEntries(Object.entries(variables).filter(([name]) => !wanted.values.includes(name))),
      );
      return said("");
    }
    const variables = await ownVariables(this.place.tree);
    if (wanted.json) return said(`${JSON.stringify(variables, null, 2)}\n`);
    return said(
      Object.entries(variables)
        .map(([name, value]) => `${name} = ${value}\n`)
        .join(""),
    );
  }

  private valueOf(key: string): string | readonly string[] | undefined {
    switch (key) {
      case "channels":
        return this.channelList({}).map((one) => redactSecrets(one));
      case "pkgs_dirs":
        return this.packageCaches;
      case "envs_dirs":
        return [`${this.place.root}/miniforge/envs`];
      case "default_channels":
        return this.setting.channelSettings.defaultChannels;
      case "root_prefix":
        return this.place.base;
      case "channel_alias":
        return this.values.get(key) ?? this.setting.channelSettings.channelAlias;
      case "channel_priority":
        return this.values.get(key) ?? (this.setting.engine.engine === "rattler" ? "strict" : "flexible");
      case "always_yes":
        return this.values.get(key) ?? "True";
      default:
        return this.values.get(key);
    }
  }

  private configure(actions: readonly ConfigAction[]): RequestAnswer {
    let stdout = "";
    let stderr = "";
    for (const one of actions) {
      if (one.action === "show") {
        const keys = one.keys.length > 0 ? one.keys : [...SHOWN];
        const unknown = keys.find((key) => this.valueOf(key) === undefined && !isWithoutEffect(key));
        if (unknown !== undefined) {
          return said(
            stdout,
            `conda config --show ${unknown}: not possible in a hook: this key is not known here\n`,
            1,
          );
        }
        stdout += one.json
          ? `${JSON.stringify(Object.fromEntries(keys.map((key) => [key, this.valueOf(key) ?? null])), null, 2)}\n`
          : keys.map((key) => configLines(key, this.valueOf(key))).join("");
      } else if (one.action === "get") {
        stdout += this.configured(one.keys);
      } else {
        if (isWithoutEffect(one.key)) stderr += `conda config: ${one.key} has no effect in a hook\n`;
        this.change(one.action, one.key, one.value);
      }
    }
    return said(stdout, stderr);
  }

  private change(
    action: "set" | "append" | "prepend" | "remove" | "remove-key",
    key: string,
    value: string,
  ): void {
    if (key !== "channels") {
      if (action === "remove-key") this.values.delete(key);
      else this.values.set(key, value);
      return;
    }
    if (action === "remove-key") {
      this.channels = undefined;
      return;
    }
    const others = this.channelList({}).filter((one) => one !== value);
    this.channels =
      action === "remove" ? others : action === "append" ? [...others, value] : [value, ...others];
  }

  /** What `conda config --get` prints: the lowest channel first, as conda does. */
  private configured(keys: readonly string[]): string {
    const wanted = (key: string): boolean => keys.length === 0 || keys.includes(key);
    const channels = wanted("channels") ? [...this.channelList({})].reverse() : [];
    const lines = channels.map((one, index) => {
      const rank =
        index === channels.length - 1 ? "   # highest priority" : index === 0 ? "   # lowest priority" : "";
      return `--add channels '${redactSecrets(one)}'${rank}\n`;
    });
    const values = [...this.values].filter(([key]) => wanted(key));
    return [...values.map(([key, value]) => `--set ${key} ${value}\n`), ...lines].join("");
  }
}

const NO_CHANGE: rattler.RattlerChange = {
  specs: [],
  remove: [],
  update: [],
  updateAll: false,
  freeze: false,
  noDeps: false,
  onlyDeps: false,
  reinstall: false,
  unlinkScriptsOnly: false,
  priority: "strict",
};

const SUCCESS = `${JSON.stringify({ success: true }, null, 2)}\n`;

/** What `conda config --show` shows where no key is named. */
const SHOWN = [
  "always_yes",
  "channel_alias",
  "channel_priority",
  "channels",
  "default_channels",
  "envs_dirs",
  "pkgs_dirs",
  "root_prefix",
] as const;

/** The caller's variables that the solver goes by. */
function overrides(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => name.startsWith("CONDA_OVERRIDE_")));
}

/** conda adds pip itself where a file has a pip: section. */
function withPip(file: HookFile): string[] {
  return file.pip !== undefined && !file.specs.some((spec) => /^pip\b/.test(spec))
    ? [...file.specs, "pip"]
    : file.specs;
}

function changeText(added: readonly string[], removed: readonly string[]): string {
  if (added.length + removed.length === 0) return "# All requested packages already installed.\n";
  return [...added.map((one) => `  + ${one}\n`), ...removed.map((one) => `  - ${one}\n`)].join("");
}
