import { dirname } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, mkdir, stat, writeFile } from "../host/files.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { OutputOf, Plan, PlannedCommand, PlannedFile, Step } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import type { StepId } from "../report/events.ts";
import { condaProgress, explainCondaFailure } from "../tools/conda-cli.ts";
import { explainPipFailure, pipProgress } from "../tools/pip.ts";
import { explainRattlerFailure, parseRattlerLine } from "../tools/rattler.ts";
import { explainUvFailure, uvProgress } from "../tools/uv.ts";
import { type BuildContext, runLogged } from "./context.ts";
import { removeCredentials } from "./credentials.ts";

export async function writePlannedFiles(files: readonly PlannedFile[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(file.path), { recursive: true });
    await writeFile(file.path, file.content, { mode: file.executable ? 0o700 : 0o600 });
  }
}

/** What one line of a program's output says of how far it is. */
export function progressOf(
  output: OutputOf,
  line: string,
): { fraction?: number; detail: string } | undefined {
  switch (output) {
    case "rattler": {
      const message = parseRattlerLine(line);
      if (message.kind !== "progress") return undefined;
      const detail = `${message.phase} ${message.name}`.trim();
      // Fetching is the longer half of most installations.
      const share = message.total > 0 ? message.done / message.total : undefined;
      if (share === undefined) return { detail };
      return { fraction: message.phase === "linking" ? 0.5 + share / 2 : share / 2, detail };
    }
    case "pip": {
      const detail = pipProgress(line);
      return detail === undefined ? undefined : { detail };
    }
    case "uv": {
      const detail = uvProgress(line);
      return detail === undefined ? undefined : { detail };
    }
    case "micromamba":
    case "mamba":
    case "conda": {
      const detail = condaProgress(line);
      return detail === undefined ? undefined : { detail };
    }
    case "mksquashfs":
    case "kapseli":
      return undefined;
  }
}

function explain(
  output: OutputOf,
  lines: readonly string[],
  exitCode: number,
  purpose: string,
): KapseliError {
  switch (output) {
    case "rattler":
      return explainRattlerFailure(lines, exitCode);
    case "pip":
      return explainPipFailure(lines, exitCode);
    case "uv":
      return explainUvFailure(lines, exitCode);
    case "micromamba":
    case "mamba":
    case "conda":
      return explainCondaFailure(output, lines, exitCode);
    case "mksquashfs":
    case "kapseli":
      return new KapseliError(ExitCode.installFailed, `${purpose} failed with exit code ${exitCode}`, {
        lines: lines.slice(-10),
        hint: "The lines above are its own; the log has everything it said.",
      });
  }
}

/**
 * Runs one planned command; its progress is reported, its failure explained from what it printed.
 *
 * @throws {KapseliError} `installFailed` when it fails.
 */
export async function runPlanned(
  context: BuildContext,
  plan: Pick<Plan, "environment">,
  step: StepId,
  command: PlannedCommand,
): Promise<{ exitCode: number; lines: string[] }> {
  const env = { ...applyEnvironment(context.facts.environment, plan.environment), ...command.environment };
  const finished = await runLogged(
    context,
    { argv: command.argv, env, ...(command.cwd === undefined ? {} : { cwd: command.cwd }) },
    {
      onLine: (line) => {
        const progress = progressOf(command.output, line);
        if (progress) context.report({ event: "step-progress", step, ...progress });
      },
    },
  );
  if (finished.exitCode !== 0) {
    throw explain(command.output, finished.lines, finished.exitCode, command.purpose);
  }
  for (const line of command.output === "rattler" ? finished.lines : []) {
    const message = parseRattlerLine(line);
    if (message.kind === "warning") context.report({ event: "warning", message: message.message });
  }
  return finished;
}

async function hasContent(path: string): Promise<boolean> {
  return (await exists(path)) && (await stat(path)).size > 0;
}

/** Installs the environment into the work tree. */
export async function install(context: BuildContext, plan: Plan, step: Step): Promise<void> {
  await writePlannedFiles(step.files);
  for (const command of step.commands) {
    if (command.onlyWith !== undefined && !(await hasContent(command.onlyWith))) continue;
    await runPlanned(context, plan, step.id, command);
  }
  await removeCredentials(workPaths(plan.workDirectory).tree);
}
