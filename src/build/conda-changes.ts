import { join, posix } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { readdir, readFile, stat, writeFile } from "../host/files.ts";
import type { HookRequest } from "../host/hook-requests.ts";
import { type HookFile, readHookFile } from "../plan/hook-file.ts";
import type { PlannedCommand } from "../plan/plan.ts";
import { RATTLER_SCRIPTS } from "../plan/rattler-scripts.ts";
import linkScriptRunner from "../templates/run-link-scripts.sh";
import {
  type CondaChange,
  changeArgv,
  condaVariables,
  firstPackageCache,
  rootPrefix,
  updateFromFileArgv,
} from "../tools/conda-cli.ts";
import type { CondaInstall, CondaRequest } from "../tools/conda-request.ts";
import * as pip from "../tools/pip.ts";
import * as rattler from "../tools/rattler.ts";
import type { CondaConfiguration } from "./conda-configuration.ts";
import type { CondaPlace, CondaSetting } from "./conda-place.ts";
import type { BuildContext } from "./context.ts";
import { removeCredentials } from "./credentials.ts";
import { runPlanned } from "./install.ts";
import { condaRecords } from "./packages.ts";

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

/** Changes the environment as a hook's conda commands ask. Each change gives what conda would print of it. */
export class CondaChanges {
  /** Counts files of ours. */
  private number = 0;

  constructor(
    private readonly context: BuildContext,
    private readonly setting: CondaSetting,
    private readonly place: CondaPlace,
    private readonly configuration: CondaConfiguration,
  ) {}

  /** `conda install` and `conda update`. */
  async install(wanted: CondaInstall, request: HookRequest): Promise<string> {
    const { engine, platform } = this.setting;
    const files = await this.filesOf(wanted.files, request);
    // Programs take lists as conda does; what only an env.yml has is left to `conda env update`.
    const lists = files.map(({ path, bytes }) => readHookFile(path, bytes, platform));
    const specs = [...wanted.specs, ...lists.flatMap((list) => list.specs)];
    const channels = this.configuration.channelsFor(
      wanted,
      request,
      lists.flatMap((list) => list.channels),
    );
    const priority = wanted.priority ?? this.configuration.priority;
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
      return summary;
    }
    const updating = update.length > 0 || (updateAll && specs.length === 0);
    const summary = await this.changeByProgram(request, {
      action: updating ? "update" : "install",
      packages: updating ? update : specs,
      all: updateAll,
      channels: channels.map((channel) => this.configuration.asUrl(channel, request)),
      freeze,
      noDeps,
      onlyDeps,
      reinstall,
      ...(priority === undefined ? {} : { priority }),
    });
    await this.installPip(pipTexts, request);
    return summary;
  }

  /** `conda remove`. */
  remove(wanted: Extract<CondaRequest, { command: "remove" }>, request: HookRequest): Promise<string> {
    const { packages, force } = wanted;
    return this.setting.engine.engine === "rattler"
      ? this.changeByRattler(request, { ...NO_CHANGE, remove: packages, noDeps: force })
      : this.changeByProgram(request, { action: "remove", packages, force });
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
      cache: rootPrefix(this.setting.cache),
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
        ...condaVariables(engine.engine, rootPrefix(this.setting.cache), packageCaches),
        ...this.setting.solverVariables,
        ...overrides(request.variables),
      },
      room: {
        packages: firstPackageCache(rootPrefix(this.setting.cache), packageCaches),
        tree: this.place.tree,
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
    channels = this.configuration.channelList(request.variables),
  ): Promise<string> {
    const { engine, cache, platform, inBase, packageCaches } = this.setting;
    if (engine.engine !== "rattler") throw new RangeError(`${engine.engine} is not rattler`);
    const { root, tree, work } = this.place;
    const at = (name: string): string => join(work, name);
    const specs = change.specs.map((spec) => this.configuration.withChannelUrl(spec, request));
    const extra = specs.flatMap((spec) => /^(.+)::/.exec(spec)?.[1] ?? []);
    const [packageCache] = packageCaches ?? [];
    const asked: rattler.RattlerRequest = {
      tree,
      prefix: root,
      linkScripts: at("link-scripts"),
      platform,
      channels: [
        ...new Set([...channels.flatMap((one) => this.configuration.urlsOf(one, request)), ...extra]),
      ],
      specs: [],
      packages: null,
      variables: {},
      cache: `${cache}/rattler`,
      ...(packageCache === undefined ? {} : { packageCache }),
    };
    for (const [name, content] of Object.entries(RATTLER_SCRIPTS)) await writeFile(at(name), content);
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

  /** `conda env update`. */
  async updateFromFile(
    wanted: Extract<CondaRequest, { command: "env-update" }>,
    request: HookRequest,
  ): Promise<string> {
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
        updateFromFileArgv(engine.engine, engine.path, root, rootPrefix(this.setting.cache), copy),
      );
      return "";
    }
    const channels = this.configuration.channelsFor(
      { channels: [], overrideChannels: false },
      request,
      content.channels,
    );
    const summary = await this.changeByRattler(
      request,
      { ...NO_CHANGE, specs: withPip(content), priority: this.configuration.priority ?? "strict" },
      channels,
    );
    await this.installPip(content.pip === undefined ? [] : [content.pip], request);
    if (Object.keys(content.variables).length > 0) {
      await this.changeVariables((state) => ({ ...state, ...content.variables }));
    }
    return summary;
  }

  /** Changes the environment's own variables. */
  async changeVariables(
    change: (variables: Record<string, string>) => Record<string, string>,
  ): Promise<void> {
    const path = join(this.place.tree, "conda-meta", "state");
    const text = await readFile(path, "utf8").catch(() => "{}");
    const state = JSON.parse(text) as { env_vars?: Record<string, string> };
    await writeFile(path, JSON.stringify({ version: 1, ...state, env_vars: change(state.env_vars ?? {}) }));
  }
}
