import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { closeIndexes } from "../host/cache-directory.ts";
import { findHostProgram } from "../host/host-programs.ts";
import { ensureMicromamba } from "../host/micromamba.ts";
import { findPythons } from "../host/pythons.ts";
import { ensureToolVenv, PY_RATTLER, UV } from "../host/tool-venvs.ts";
import { type CondaEngine, chooseCondaEngine, noEngineError } from "../plan/engine-choice.ts";
import { condaPlatform, defaultChannels } from "../plan/make-plan.ts";
import type { ReadyEngine, ResolvedBase } from "../plan/plan.ts";
import type { BuildRequest } from "../plan/request.ts";
import basePython from "../templates/base-python.sh";
import { PYTHON_FACTS_SCRIPT, type PythonFacts, parsePythonFacts } from "../tools/python.ts";
import { indexDirectory } from "../tools/rattler.ts";
import type { Runtime } from "../tools/singularity.ts";
import { runInBase } from "./base.ts";
import type { BuildContext } from "./context.ts";

/** Names that a Python new enough for rattler may go by, the caller's own first. */
const PYTHON_NAMES = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/** The channels of an explicit list: where its packages came from. */
function listedChannels(packages: readonly { url: string }[]): string[] {
  return [...new Set(packages.map(({ url }) => url.replace(/\/[^/]+\/[^/]+$/, "")))];
}

/** The channels that an environment is or was made from: its input's, else an earlier generation's, else conda's. */
export function channelsOf(
  { input, origin }: Pick<BuildRequest, "input" | "origin">,
  environment: Readonly<Record<string, string>>,
): string[] {
  const content = input?.content;
  if (content?.format === "explicit") return listedChannels(content.value.packages);
  const named =
    content?.format === "environment-yml"
      ? content.value.channels.map((channel) => channel.text)
      : (origin?.channels ?? []);
  return named.length > 0 ? [...named] : defaultChannels(environment);
}

async function readyCondaEngine(context: BuildContext, engine: CondaEngine): Promise<ReadyEngine> {
  if (engine.engine !== "rattler") return engine;
  const cacheDirectory = context.config.cache_directory.value;
  await closeIndexes(cacheDirectory, indexDirectory(cacheDirectory), context.facts.user.uid);
  const venv = await ensureToolVenv({
    tool: PY_RATTLER,
    python: engine.python,
    cacheDirectory,
    environment: context.facts.environment,
    signal: context.signal,
    onLine: (line) => context.report({ event: "output", line }),
  });
  return { engine: "rattler", python: join(venv, "bin", "python"), why: engine.why };
}

/** Makes what installs conda packages ready; the channels of `request` are looked through for micromamba. */
export async function condaEngine(
  context: BuildContext,
  request: Pick<BuildRequest, "input" | "origin">,
): Promise<ReadyEngine> {
  const { config, facts, signal } = context;
  const wanted = config.conda_engine.value;
  const programs = Object.fromEntries(
    (["micromamba", "mamba", "conda"] as const).flatMap((name) => {
      const path = findHostProgram([name], facts.environment.PATH);
      return path === undefined ? [] : [[name, path]];
    }),
  );
  const needPythons = wanted === "rattler" || (wanted === "auto" && Object.keys(programs).length === 0);
  const pythons = needPythons ? await findPythons(PYTHON_NAMES, facts.environment, signal) : [];
  const choice = chooseCondaEngine(wanted, { programs, pythons }, config.mamba.value === true);
  if (choice.choice === "engine") return readyCondaEngine(context, choice.engine);

  const platform = condaPlatform(facts.architecture);
  const tried: string[] = [];
  if (platform === "linux-64" || platform === "linux-aarch64") {
    const found = await ensureMicromamba({
      channels: channelsOf(request, context.facts.environment),
      cacheDirectory: config.cache_directory.value,
      platform,
      environment: facts.environment,
      signal,
      // A channel that does not answer is soon left to the next engine, which tries it again.
      retry: { attempts: 3 },
      onProgress: ({ phase }) =>
        context.report({
          event: "step-progress",
          step: "preflight",
          detail: `looking for micromamba (${phase})`,
        }),
    });
    if (!found.missing) {
      const why = found.fromCache ? "downloaded before" : `downloaded from ${found.source}`;
      return { engine: "micromamba", path: found.path, why };
    }
    tried.push(...found.tried.map((one) => `${one.channel}: ${one.reason}`));
  }
  for (const line of tried) context.report({ event: "debug", message: `micromamba: ${line}` });
  if (choice.otherwise) return readyCondaEngine(context, choice.otherwise);
  throw noEngineError(tried);
}

/** The Python of an image base, as it describes itself. */
async function pythonOfBase(
  context: BuildContext,
  runtime: Runtime,
  base: ResolvedBase,
): Promise<PythonFacts> {
  const printed = await runInBase(context, runtime, base.path, context.facts.environment, [
    "/bin/sh",
    "-c",
    basePython,
    PYTHON_FACTS_SCRIPT,
  ]).catch(() => "");
  const facts = parsePythonFacts(printed);
  if (facts) return facts;
  throw new KapseliError(ExitCode.hostCannot, `the base ${base.source} has no python3`, {
    hint: "Take a base with Python (--base slim), or the host base.",
  });
}

async function pythonForPip(
  context: BuildContext,
  runtime: Runtime,
  base: ResolvedBase,
): Promise<PythonFacts> {
  if (base.kind === "image") return pythonOfBase(context, runtime, base);
  const [first] = await findPythons(["python3"], context.facts.environment, context.signal);
  if (first) return first;
  throw new KapseliError(ExitCode.hostCannot, "there is no python3 on PATH to make the environment with", {
    hint: "Load a Python module (module avail python), or take a base that has Python.",
  });
}

/** A private uv, or the caller's. @throws {KapseliError} `hostCannot` when there is nothing to install it with. */
export async function findUv(context: BuildContext, python?: PythonFacts): Promise<string> {
  const { config, facts, signal } = context;
  const onPath = findHostProgram(["uv"], facts.environment.PATH);
  if (onPath) return onPath;
  const host = python ?? (await findPythons(["python3"], facts.environment, signal))[0];
  if (!host) {
    throw new KapseliError(
      ExitCode.hostCannot,
      "uv is not on PATH, and there is no python3 to install it with",
      {
        hint: "Put uv on PATH or load a Python module.",
      },
    );
  }
  const cacheDirectory = config.cache_directory.value;
  const { environment } = facts;
  const venv = await ensureToolVenv({ tool: UV, python: host, cacheDirectory, environment, signal });
  return join(venv, "bin", "uv");
}

async function pipEngine(
  context: BuildContext,
  request: BuildRequest,
  runtime: Runtime,
  base: ResolvedBase,
): Promise<ReadyEngine> {
  const { options } = request;
  // A Python that uv brings needs none of the base's.
  const python =
    options.uv && options.pyver !== undefined ? undefined : await pythonForPip(context, runtime, base);
  if (!options.uv) {
    if (python === undefined || !python.ensurepip) {
      throw new KapseliError(ExitCode.hostCannot, `${python?.path} cannot make a venv with pip in it`, {
        hint: "Install its venv module (python3-venv on Debian), load a module with a complete Python, or use --uv.",
      });
    }
    return { engine: "pip", python: python.path, why: `Python ${python.version}` };
  }
  const path = await findUv(context, base.kind === "host" ? python : undefined);
  const ours = path.startsWith(`${context.config.cache_directory.value}/`);
  const why = ours ? `installed ${UV.version}` : "found on PATH";
  return { engine: "uv", path, python: python?.path ?? options.pyver ?? "python3", why };
}

/**
 * Makes what installs ready, downloading it into the cache where that is needed.
 *
 * @throws {KapseliError} `hostCannot` when there is nothing to install with.
 */
export async function readyEngine(
  context: BuildContext,
  request: BuildRequest,
  runtime: Runtime,
  base: ResolvedBase,
): Promise<ReadyEngine> {
  const { tool, input, origin, inPlace } = request;
  if (origin || inPlace) return { engine: "none", why: "the environment is there" };
  if (tool === "conda" && input) return condaEngine(context, request);
  if (tool === "pip") return pipEngine(context, request, runtime, base);
  return { engine: "none", why: "nothing is to be installed" };
}
