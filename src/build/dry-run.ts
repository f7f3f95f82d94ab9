import { join } from "node:path";
import type { Config } from "../config/keys.ts";
import { KapseliError } from "../errors.ts";
import type { HostFacts } from "../host/facts.ts";
import { findHostProgram } from "../host/host-programs.ts";
import { pythonCandidates } from "../host/pythons.ts";
import type { BaseChoice } from "../plan/base-choice.ts";
import { chooseCondaEngine } from "../plan/engine-choice.ts";
import { makePlan } from "../plan/make-plan.ts";
import type { Plan, ReadyEngine, ResolvedBase } from "../plan/plan.ts";
import type { BuildRequest } from "../plan/request.ts";
import { usualTrial } from "../plan/usual-trial.ts";
import { locationOf, placementOf } from "./take-place.ts";

function assumedBase(choice: BaseChoice, work: string): ResolvedBase {
  switch (choice.kind) {
    case "host":
      return { kind: "host", source: "host", path: join(work, "root"), shared: false, occupiedTopLevel: [] };
    case "pull":
      return {
        kind: "image",
        source: choice.uri,
        path: join(work, "pulled.sif"),
        shared: false,
        occupiedTopLevel: [],
      };
    case "recipe":
      return {
        kind: "image",
        source: choice.name,
        path: join(work, "built.sif"),
        shared: false,
        occupiedTopLevel: [],
      };
    case "directory":
    case "image":
      return {
        kind: "image",
        source: choice.path,
        path: choice.path,
        shared: choice.kind === "directory" || choice.shared,
        occupiedTopLevel: [],
      };
    case "kept":
      return {
        kind: "image",
        source: choice.source,
        path: choice.path,
        shared: choice.shared,
        occupiedTopLevel: [],
      };
  }
}

async function assumedEngine(config: Config, facts: HostFacts, request: BuildRequest): Promise<ReadyEngine> {
  if (request.origin) return { engine: "none", why: "the environment is there" };
  if (request.tool === "directory" || request.tool === "container") {
    return { engine: "none", why: "nothing is to be installed" };
  }
  const find = (name: string): string | undefined => findHostProgram([name], facts.environment.PATH);
  const [python = "python3"] = pythonCandidates(["python3"], facts.environment);
  if (request.tool === "pip") {
    return request.options.uv
      ? {
          engine: "uv",
          path: find("uv") ?? "uv",
          python,
          why: find("uv") ? "found on PATH" : "to be installed",
        }
      : { engine: "pip", python, why: "the first python3 on PATH" };
  }
  const wanted = config.conda_engine.value;
  if (wanted !== "rattler") {
    const programs = Object.fromEntries(
      (["micromamba", "mamba", "conda"] as const).flatMap((name) => {
        const path = find(name);
        return path === undefined ? [] : [[name, path]];
      }),
    );
    const choice = chooseCondaEngine(wanted, { programs, pythons: [] }, config.mamba.value === true);
    if (choice.choice === "engine" && choice.engine.engine !== "rattler") return choice.engine;
  }
  const why = wanted === "rattler" ? "asked for" : "unless a channel has micromamba to download";
  return { engine: "rattler", python, why };
}

/**
 * The plan of a build without touching anything: nothing is written, started or asked over the network. What only a
 * trial can tell is the usual answer.
 *
 * @throws {KapseliError} for a prefix that cannot be used or a missing program.
 */
export async function dryRunPlan(inputs: {
  request: BuildRequest;
  base: BaseChoice;
  config: Config;
  facts: HostFacts;
}): Promise<Plan> {
  const { request, config, facts } = inputs;
  const placement = await placementOf(request);
  const configured = config.singularity_executable_path.value;
  const names = configured === "" ? ["apptainer", "singularity"] : [configured];
  const path = findHostProgram(names, facts.environment.PATH);
  if (path === undefined) {
    throw new KapseliError(4, `no container runtime is on PATH (${names.join(", ")})`, {
      hint: "Load its module, or ask the administrator to install Apptainer or SingularityCE.",
    });
  }
  const work = join(config.build_tmpdir_base.value || facts.environment.TMPDIR || "/tmp", "cw-XXXXXX");
  const base = assumedBase(inputs.base, work);
  return makePlan({
    id: "00000000-0000-0000-0000-000000000000",
    request,
    config,
    facts,
    placement,
    location: locationOf(request, placement, config),
    runtime: { path, family: "unknown", version: "" },
    trial: usualTrial({
      baseKind: base.kind,
      ways: [],
      bindsOver: request.tool === "conda",
      level: request.options.compress ?? "default",
    }),
    base,
    engine: await assumedEngine(config, facts, request),
    mksquashfs: findHostProgram(["mksquashfs"], `${facts.environment.PATH}:/usr/sbin:/sbin`) ?? "mksquashfs",
    ...(request.origin
      ? {
          unsquashfs:
            findHostProgram(["unsquashfs"], `${facts.environment.PATH}:/usr/sbin:/sbin`) ?? "unsquashfs",
        }
      : {}),
    workDirectory: work,
  });
}
