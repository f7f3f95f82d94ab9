import { dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, lstat, makeDirectories, readdir, rename, stat, writeFile } from "../host/files.ts";
import { environmentTree } from "../plan/location.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { OutputOf, Plan, PlannedCommand, PlannedFile, Step } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import type { StepId } from "../report/events.ts";
import { condaProgress, downloadSize, explainCondaFailure } from "../tools/conda-cli.ts";
import { argvWithoutCache, explainPipFailure, pipProgress } from "../tools/pip.ts";
import { explainRattlerFailure, parseRattlerLine } from "../tools/rattler.ts";
import { redactSecrets } from "../tools/redact.ts";
import { explainRuntimeFailure } from "../tools/singularity.ts";
import { explainUvFailure, uvProgress } from "../tools/uv.ts";
import { type BuildContext, runLogged } from "./context.ts";
import { removeCredentials } from "./credentials.ts";
import { retarget } from "./retarget.ts";
import { refuseWithoutRoom } from "./room.ts";

export async function writePlannedFiles(files: readonly PlannedFile[]): Promise<void> {
  for (const file of files) {
    await makeDirectories(dirname(file.path));
    await writeFile(file.path, file.content, { mode: file.executable ? 0o700 : 0o600 });
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** What one line of a program's output says of how far it is. */
export function progressOf(
  output: OutputOf,
  line: string,
): { fraction?: number; detail: string } | undefined {
  switch (output) {
    case "rattler": {
      const message = parseRattlerLine(line);
      if (message.kind !== "progress") return undefined;
      const { bytes } = message;
      const came = bytes ? ` (${megabytes(bytes.done)} of ${megabytes(bytes.total)} MB)` : "";
      const detail = `${message.phase} ${message.name}`.trim() + came;
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

/** How the runtimes begin their last line where no terminal reads them. */
const FATAL = /^FATAL:\s/;

function explain(
  output: OutputOf,
  lines: readonly string[],
  exitCode: number,
  purpose: string,
): KapseliError {
  // The container did not start: what was to run in it said nothing.
  if (exitCode === 255 && FATAL.test(lines.at(-1) ?? "")) {
    const { message, ...details } = explainRuntimeFailure(lines.slice(-4).join("\n"));
    return new KapseliError(ExitCode.installFailed, message, details);
  }
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

/** Of what rattler's script reports, what it says in words; an error is explained when the script has ended. */
function rattlerText(line: string): string | undefined {
  const message = parseRattlerLine(line);
  if (message.kind === "progress") {
    // How much came is for those who watch, not for a log.
    return message.bytes ? undefined : `${message.phase} ${message.name}`.trim();
  }
  return line.startsWith("{") ? undefined : line;
}

/** What one line of a program's output warns of. Of pip's and uv's own words none: there are many that mean nothing. */
function warningOf(output: OutputOf, line: string): string | undefined {
  if (output !== "rattler") return /^kapseli: warning: (.+)$/.exec(line)?.[1];
  const message = parseRattlerLine(line);
  return message.kind === "warning" ? message.message : undefined;
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
  const refused = new AbortController();
  const finished = await runLogged(
    { ...context, signal: AbortSignal.any([context.signal, refused.signal]) },
    { argv: command.argv, env, ...(command.cwd === undefined ? {} : { cwd: command.cwd }) },
    {
      ...(command.output === "rattler" ? { shown: rattlerText } : {}),
      onLine: (line) => {
        const progress = progressOf(command.output, line);
        if (progress) context.report({ event: "step-progress", step, ...progress });
        const bytes = command.room && downloadSize(line);
        if (command.room && bytes !== undefined) {
          refuseWithoutRoom(command.room, bytes).catch((error: unknown) => refused.abort(error));
        }
        if (command.output === "uv" && UV_SUMMARY.test(line)) {
          context.report({ event: "milestone", message: line.trim() });
        }
        const warning = warningOf(command.output, line);
        if (warning !== undefined) {
          context.report({ event: "warning", message: redactSecrets(warning) });
        }
      },
    },
  );
  if (finished.exitCode !== 0) {
    const again = command.output === "pip" ? argvWithoutCache(command.argv, finished.lines) : undefined;
    if (again) {
      const message =
        "a package in pip's cache is damaged: installing once more without it (pip cache purge)";
      context.report({ event: "warning", message });
      return runPlanned(context, plan, step, { ...command, argv: again });
    }
    throw explain(command.output, finished.lines, finished.exitCode, command.purpose);
  }
  return finished;
}

async function hasContent(path: string): Promise<boolean> {
  return (await exists(path)) && (await stat(path)).size > 0;
}

/** Programs of the conda family that create an environment only in an empty directory. */
const WANTS_EMPTY: readonly string[] = ["micromamba", "mamba", "conda"];

/**
 * Puts what a pre-install script made aside while `work` runs, and back beside what that made.
 */
async function withEmptyTree(tree: string, aside: string, work: () => Promise<void>): Promise<void> {
  const names = await readdir(tree);
  if (names.length === 0) return work();
  await makeDirectories(aside);
  for (const name of names) await rename(join(tree, name), join(aside, name));
  try {
    await work();
  } finally {
    for (const name of names) await mergeInto(join(aside, name), join(tree, name));
  }
}

/** Moves a file or tree; what is at its new place already stays. */
async function mergeInto(from: string, to: string): Promise<void> {
  const there = await lstat(to).catch(() => undefined);
  if (!there) return rename(from, to);
  const isDirectory = (await lstat(from)).isDirectory() && there.isDirectory();
  for (const name of isDirectory ? await readdir(from) : [])
    await mergeInto(join(from, name), join(to, name));
}

/** What people look for to see that uv installed. */
const UV_SUMMARY = /^\s*(Resolved|Installed) \d+ packages?\b/;

/** Installs the environment into the work tree. */
export async function install(context: BuildContext, plan: Plan, step: Step): Promise<void> {
  const { tree, aside } = workPaths(plan.workDirectory);
  await writePlannedFiles(step.files);
  const runAll = async (): Promise<void> => {
    for (const command of step.commands) {
      if (command.onlyWith !== undefined && !(await hasContent(command.onlyWith))) continue;
      await runPlanned(context, plan, step.id, command);
    }
  };
  const creates = step.id === "install" && WANTS_EMPTY.includes(plan.engine.engine);
  await (creates ? withEmptyTree(tree, aside, runAll) : runAll());
  if (step.inTree) await retarget(environmentTree(plan), plan.location.environment);
  await removeCredentials(environmentTree(plan));
}
