import { join } from "node:path";
import { mkdtemp, readdir, readFile, rm, writeFile } from "../host/files.ts";
import { startTime } from "../host/proc-stat.ts";
import { run } from "../host/processes.ts";
import { mayShare } from "../plan/sharing.ts";
import { readHolderProcess } from "../prefix/holder-record.ts";
import { renderWarmStep } from "../prefix/warm-step.ts";
import hold from "../templates/hold.sh";
import start from "../templates/start-holder.sh";
import { launcherRuntime } from "./launchers.ts";
import type { BuildState } from "./state.ts";
import { probeEnvironments, seenEnvironments } from "./warm.ts";

/** Where launchers have the holders of a job step (src/templates/warm-step.sh): memory that is a directory. */
const MEMORY = "/dev/shm";
/** A container starts in a tenth of a second. */
const PROOF_TIMEOUT_MS = 10_000;

/** Why not, or with which runtime it works. */
type Proof = { version: string } | { reason: string };

/** A holder is started as a task would start it, and what programs see of their variables compared. */
async function prove(state: BuildState, launcher: string, place: string): Promise<Proof> {
  const { plan, context } = state;
  const { id } = plan;
  const environment = { ...context.facts.environment };
  const owner = String(process.pid);
  const ownerStart = startTime(process.pid) ?? "";
  const runtime = launcherRuntime(state);
  const limits = { timeoutMs: PROOF_TIMEOUT_MS, signal: context.signal };
  const probes = probeEnvironments(environment, plan.base.kind === "image");
  const words = [hold, launcher, place, id, owner, ownerStart, runtime, ""];
  const [started, ordinary, version] = await Promise.all([
    run({ argv: ["/bin/bash", "-p", "-c", start, "kapseli-warm", ...words], env: environment }, limits),
    seenEnvironments(launcher, probes, "off"),
    run({ argv: [runtime, "--version"], env: environment }, limits),
  ]);
  if (started.exitCode !== 0) return { reason: "a container could not be held open, or not be joined" };
  const [line = "", ...more] = version.stdout.split("\n");
  if (version.exitCode !== 0 || line === "" || more.join("") !== "") {
    return { reason: "the runtime does not say its version in one line" };
  }
  const holder = readHolderProcess(await readFile(join(place, id, "record"), "utf8"));
  if (!holder) return { reason: "the record of the container is not whole" };
  try {
    const joined = await seenEnvironments(launcher, probes, place);
    const marks = await readdir(join(place, id, `starts.${holder.pid}`));
    if (marks.length !== probes.length) return { reason: "a start did not join the container" };
    if (ordinary === undefined || joined !== ordinary) {
      return { reason: "variables would be other ones than in an ordinary start" };
    }
    return { version: line };
  } finally {
    // Told to end it would look for programs in it first, once in a second. The runtime then unmounts the image.
    process.kill(holder.pid, "SIGKILL");
  }
}

/**
 * Proves, with the new generation's own launchers, that tasks of a Slurm job step can share a container, and writes
 * what launchers need for it. Where it is not proven, every start will be an ordinary one; no build fails of it.
 */
export async function proveSharing(state: BuildState, stageBin: string): Promise<void> {
  const { context, plan, inputs } = state;
  const uid = process.geteuid?.();
  if (
    !mayShare(plan, {
      wanted: inputs.config.warm_in_slurm.value,
      uid,
      environment: context.facts.environment,
    })
  ) {
    return;
  }
  let place: string | undefined;
  try {
    place = await mkdtemp(join(MEMORY, "kapseli-proof-"));
    const proof = await prove(state, join(stageBin, "_debug_exec"), place);
    if ("version" in proof) await writeFile(state.generation.warmStep, renderWarmStep(proof.version));
    else context.report({ event: "debug", message: `no shared containers in Slurm: ${proof.reason}` });
  } catch (error) {
    context.report({ event: "debug", message: `no shared containers in Slurm: ${(error as Error).message}` });
  } finally {
    if (place !== undefined) await rm(place, { recursive: true, force: true });
  }
}
