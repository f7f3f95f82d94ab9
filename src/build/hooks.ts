import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { type Conversation, converse, type Ended } from "../host/conversation.ts";
import {
  exists,
  hasCode,
  lstat,
  makeDirectories,
  readFile,
  readlink,
  removeEmptyDirectories,
  rm,
  symlink,
  unlink,
  writeFile,
} from "../host/files.ts";
import { serveRequests } from "../host/hook-requests.ts";
import type { Container } from "../plan/containers.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import type { HookScript } from "../plan/request.ts";
import { isVariableName } from "../prefix/shell-data.ts";
import type { StepId } from "../report/events.ts";
import condaShim from "../templates/conda-shim.sh";
import hookShell from "../templates/hook-shell.sh";
import hookStart from "../templates/hook-start.sh";
import { explainHookEnd, joinedScript, type NamedScript, withShownNames } from "../tools/hook-failure.ts";
import { redactSecrets } from "../tools/redact.ts";
import { explainRuntimeFailure } from "../tools/singularity.ts";
import { UV_VARIABLES } from "../tools/uv.ts";
import { ownVariables } from "./activation.ts";
import { CondaCalls } from "./conda-calls.ts";
import type { CondaSetting } from "./conda-place.ts";
import type { BuildContext } from "./context.ts";

/** All that hooks need of a build. Paths are absolute. */
export interface HookSetting {
  /** Makes the words that run a program in the build's container over the base. */
  container: Container;
  environment: Plan["environment"];
  workDirectory: string;
  /** The environment's files on the host, and their path inside. */
  tree: string;
  root: string;
  /** What gets packed, inside: the root, or a directory above it. */
  installationPath: string;
  /** The prefix that the user asked for. */
  prefix: string;
  envName: string;
  mode: "conda" | "venv" | "wrapdisk";
  /** Where the user started the command. */
  cwd: string;
  /** What else is exported: `CW_<KEY>` for every key of the configuration that has one value. */
  variables: Readonly<Record<string, string>>;
  pre: readonly HookScript[];
  post: readonly HookScript[];
  /** How the environment is made active before the post-install scripts. */
  activation: "conda" | "venv" | "none";
  /** With what `conda` and `mamba` work; without it they are the caller's own, if there are any. */
  conda?: CondaSetting;
  /** Programs of ours that scripts may call. */
  tools: { uv?: string };
  /** The step in which progress of conda's is reported. */
  step: StepId;
}

/** The shell of the hooks. */
export interface Hooks {
  /** Runs the pre-install scripts. @throws {KapseliError} `installFailed` for the first that fails. */
  pre(): Promise<void>;
  /** Activates the environment and runs the post-install scripts. @throws as `pre`. */
  post(): Promise<void>;
  /** Ends the shell; scripts' own EXIT traps run. Never throws; may be called at any time, and again. */
  close(): Promise<void>;
}

/** How long scripts' EXIT traps may take. */
const CLOSE_MS = 30_000;
/** How much of what a hook printed is kept for an error. */
const KEPT_LINES = 200;

const NO_BASH = 96;

function nulSeparated(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .filter(([name, value]) => isVariableName(name) && !value.includes("\0"))
    .map(([name, value]) => `${name}=${value}\0`)
    .join("");
}

type Group = readonly [HookScript, ...HookScript[]];

/** Lines of a configuration that follow each other are one text, so that a loop may span them, as in Tykky. */
function grouped(scripts: readonly HookScript[]): Group[] {
  const groups: [HookScript, ...HookScript[]][] = [];
  for (const script of scripts) {
    const last = groups.at(-1);
    if (last?.[0].place && script.place) last.push(script);
    else groups.push([script]);
  }
  return groups;
}

function withText({ text, ...named }: HookScript) {
  return { ...named, text: typeof text === "string" ? text : Buffer.from(text).toString("utf8") };
}

/** The files that the shell and its conda need. @returns the paths that are asked for again. */
async function prepare(context: BuildContext, setting: HookSetting) {
  const directory = join(setting.workDirectory, "hooks");
  const at = (...names: string[]): string => join(directory, ...names);
  const { root, envName, cwd } = setting;
  for (const path of [at(), at("requests"), at("tools")]) await makeDirectories(path, 0o700);
  const [base, toolPath] = [at("conda"), at("tools")];
  if (setting.conda) {
    await makeDirectories(join(base, "bin"));
    await makeDirectories(join(base, "etc", "profile.d"));
    for (const name of ["conda", "mamba"]) {
      await writeFile(join(base, "bin", name), condaShim, { mode: 0o755 });
    }
    // `source activate NAME` and `source $(conda info --base)/etc/profile.d/conda.sh`: the functions are there.
    await writeFile(join(base, "bin", "activate"), 'conda activate "$@"\n');
    await writeFile(join(base, "bin", "deactivate"), "conda deactivate\n");
    await writeFile(join(base, "etc", "profile.d", "conda.sh"), "");
    await writeFile(join(base, "root"), root);
    await writeFile(join(base, "name"), envName);
  }
  if (setting.tools.uv !== undefined) await symlink(setting.tools.uv, join(toolPath, "uv"));

  const caller = context.facts.environment;
  const callersPath = (setting.environment.set.APPTAINERENV_PATH ?? caller.PATH ?? "/usr/bin:/bin")
    .split(":")
    .filter((one) => one !== `${root}/bin`);
  const path = [...(setting.conda ? [join(base, "bin")] : []), ...callersPath, toolPath];
  const variables: Record<string, string> = {
    ...setting.variables,
    CW_INSTALLATION_PATH: setting.installationPath,
    install_root: setting.installationPath,
    env_root: `${root}/`,
    CW_WORKDIR: cwd,
    CW_BUILD_TMPDIR: setting.workDirectory,
    CW_ENV_NAME: envName,
    CW_MODE: setting.mode,
    CW_INSTALLATION_PREFIX: setting.prefix,
    PATH: path.join(":"),
    ...(caller.PYTHONPATH === undefined ? {} : { PYTHONPATH: caller.PYTHONPATH }),
    ...(setting.tools.uv === undefined ? {} : UV_VARIABLES),
    ...(setting.conda ? { CONDA_EXE: join(base, "bin", "conda"), CONDA_SHLVL: "0" } : {}),
  };
  await writeFile(at("variables"), nulSeparated(variables), { mode: 0o600 });
  const own = {
    __kapseli_root: root,
    __kapseli_name: envName,
    __kapseli_cwd: cwd,
    __kapseli_conda: setting.conda ? base : "",
  };
  await writeFile(at("settings"), nulSeparated(own));
  await writeFile(at("shell.sh"), hookShell);
  return { directory, at, base };
}

/**
 * Makes `miniforge/envs/NAME` (for a venv `NAME`) a link to the environment's root, as scripts know it from Tykky.
 * What is there already stays.
 *
 * @returns what takes it away again: the link if it is still ours, and directories that are empty.
 */
async function linkTykkyPath(setting: HookSetting): Promise<() => Promise<void>> {
  const { tree, envName } = setting;
  if (setting.activation === "none" || !/^[\w.+-]+$/.test(envName) || /^\.+$/.test(envName)) {
    return async () => undefined;
  }
  const conda = setting.activation === "conda";
  const parent = conda ? join(tree, "miniforge", "envs") : tree;
  const target = conda ? "../.." : ".";
  const link = join(parent, envName);
  const made = await makeDirectories(parent);
  try {
    await symlink(target, link);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    return async () => removeEmptyDirectories(made);
  }
  return async () => {
    const info = await lstat(link).catch(() => undefined);
    if (info?.isSymbolicLink() && (await readlink(link)) === target) await unlink(link);
    await removeEmptyDirectories(made);
  };
}

class HookShell implements Hooks {
  private readonly ran: NamedScript[] = [];
  private lines: string[] = [];
  private answered: ((answer: string) => void) | undefined;
  private ended: Ended | undefined;
  private closing: Promise<void> | undefined;
  private readonly conversation: Conversation;
  private readonly calls: CondaCalls | undefined;

  constructor(
    private readonly context: BuildContext,
    private readonly setting: HookSetting,
    private readonly files: Awaited<ReturnType<typeof prepare>>,
  ) {
    const { at, base } = files;
    const mark = randomUUID();
    const argv = setting.container(
      ["/bin/sh", "-c", hookStart, "hooks", at("shell.sh"), at(), mark],
      setting.cwd,
    );
    context.report({ event: "command", argv: argv.map((word) => redactSecrets(word)) });
    this.conversation = converse(
      { argv, env: applyEnvironment(context.facts.environment, setting.environment) },
      {
        signal: context.signal,
        mark,
        onLine: (line) => this.heard(line),
        onAnswer: (answer) => this.answered?.(answer),
      },
    );
    this.conversation.ended.then((ended) => {
      this.ended = ended;
    });
    const { root, tree, envName, environment, step } = setting;
    this.calls =
      setting.conda &&
      new CondaCalls(context, setting.conda, { root, tree, envName, base, work: at(), environment, step });
  }

  private heard(line: string): void {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    this.context.report({ event: "output", line: redactSecrets(withShownNames(line, this.ran)) });
  }

  /** @returns how the shell ended, or undefined when it answered. */
  private async answer(): Promise<Ended | undefined> {
    const answer = new Promise<undefined>((done) => {
      this.answered = () => done(undefined);
    });
    const ended = await Promise.race([answer, this.conversation.ended]);
    this.answered = undefined;
    this.context.signal.throwIfAborted();
    return ended;
  }

  /** Waits until the shell is there. @throws {KapseliError} `installFailed` or `hostCannot` when it does not come. */
  async ready(): Promise<void> {
    const ended = await this.answer();
    if (!ended) return;
    if (ended.exitCode === NO_BASH && this.lines.at(-1)?.endsWith("no bash in the base")) {
      throw new KapseliError(
        ExitCode.installFailed,
        "the base has no bash, which pre- and post-install scripts need",
        {
          hint: "Take a base with bash in it, or the host base.",
        },
      );
    }
    const { message, hint, lines } = explainRuntimeFailure(this.lines.join("\n"));
    const why = ended.startError ?? `status ${ended.exitCode}`;
    throw new KapseliError(
      ExitCode.hostCannot,
      `the shell for the hooks did not start (${why}): ${message}`,
      {
        hint,
        lines,
      },
    );
  }

  private async say(line: string): Promise<void> {
    this.conversation.say(line);
    const ended = await this.answer();
    if (ended) throw this.gone(ended);
  }

  private gone({ exitCode }: Ended): KapseliError {
    return new KapseliError(
      ExitCode.installFailed,
      `the shell in which the hooks run has ended meanwhile (status ${exitCode})`,
      { lines: this.lines.slice(-10), hint: "Was it killed, by a limit of this host or by hand?" },
    );
  }

  pre(): Promise<void> {
    return this.phase("pre", this.setting.pre);
  }

  post(): Promise<void> {
    return this.phase("post", this.setting.post);
  }

  private async phase(phase: "pre" | "post", scripts: readonly HookScript[]): Promise<void> {
    if (scripts.length === 0) return;
    const { setting, calls } = this;
    if (this.ended) throw this.gone(this.ended);
    const unlink = await linkTykkyPath(setting);
    const server =
      calls &&
      serveRequests(
        this.files.at("requests"),
        (request) => calls.answer(request),
        // Its caller would wait for ever.
        () => this.conversation.kill(),
      );
    try {
      await this.say("begin");
      if (phase === "post" && setting.activation !== "none") {
        const variables = setting.activation === "conda" ? await ownVariables(setting.tree) : {};
        await writeFile(this.files.at("own-variables"), nulSeparated(variables), { mode: 0o600 });
        await this.say(`activate ${setting.activation}`);
      }
      for (const [index, group] of grouped(scripts).entries()) await this.source(phase, index + 1, group);
    } finally {
      await server?.stop();
      await unlink();
    }
  }

  private async source(phase: "pre" | "post", number: number, scripts: Group): Promise<void> {
    const { at } = this.files;
    const name = `${phase}-${number}.sh`;
    const [first, ...others] = scripts;
    const named = joinedScript(at(name), [withText(first), ...others.map(withText)]);
    // A file is sourced byte for byte.
    await writeFile(at(name), others.length > 0 ? named.text : first.text, { mode: 0o600 });
    await rm(at("failure"), { force: true });
    this.ran.push(named);
    this.lines = [];
    const shown = scripts.map((script) => script.shown).join(", ");
    this.context.report({ event: "debug", message: `${phase}-install: ${shown}` });
    this.conversation.say(`run ${name}`);
    const ended = await this.answer();
    if (!ended) return;
    const notes = (await exists(at("failure"))) ? await readFile(at("failure"), "utf8") : "";
    throw explainHookEnd({
      phase,
      script: named,
      scripts: this.ran,
      notes,
      exitCode: ended.exitCode,
      lines: this.lines,
    });
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const before = this.ended;
    this.conversation.end();
    const timer = setTimeout(() => this.conversation.kill(), CLOSE_MS);
    const { exitCode } = await this.conversation.ended;
    clearTimeout(timer);
    if (before || exitCode === 0 || this.context.signal.aborted) return;
    this.context.report({
      event: "warning",
      message: `the shell of the hooks ended with status ${exitCode} (an EXIT trap of a script?)`,
    });
  }
}

/**
 * Starts the shell of the hooks in the build's container; it waits until `pre` and `post` are called. Between them
 * other containers may work on the same tree.
 *
 * @returns nothing is started where there are no scripts.
 * @throws {KapseliError} `installFailed` when the base has no bash, `hostCannot` when the container does not start.
 */
export async function openHooks(context: BuildContext, setting: HookSetting): Promise<Hooks> {
  if (setting.pre.length + setting.post.length === 0) {
    const nothing = async (): Promise<void> => undefined;
    return { pre: nothing, post: nothing, close: nothing };
  }
  const shell = new HookShell(context, setting, await prepare(context, setting));
  try {
    await shell.ready();
  } catch (error) {
    await shell.close();
    throw error;
  }
  return shell;
}
