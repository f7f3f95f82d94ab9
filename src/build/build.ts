import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { orCacheRefused } from "../host/cache-directory.ts";
import type { HostFacts } from "../host/facts.ts";
import { exists } from "../host/files.ts";
import { type BuildLog, keepFailedLog, openLog } from "../host/log.ts";
import { endServers } from "../host/orphans.ts";
import { Undo } from "../host/undo.ts";
import { keepWorkDirectory, makeWorkDirectory, type WorkDirectory } from "../host/work-directory.ts";
import type { BuildRequest } from "../plan/request.ts";
import type { Placement } from "../prefix/placement.ts";
import { errorText } from "../report/error-text.ts";
import { type BuildEvent, type Report, reportToAll, type StepId } from "../report/events.ts";
import { saidWhenSlow, withHeartbeat } from "../report/heartbeat.ts";
import { redactSecrets, secretValues } from "../tools/redact.ts";
import type { BuildContext } from "./context.ts";
import { orNoRoom } from "./no-room.ts";
import { prepare } from "./preflight.ts";
import { runPlan } from "./run-plan.ts";
import { secretsOf } from "./secrets.ts";
import type { BuildInputs, BuildResult } from "./state.ts";
import { placementOf, takePrefix } from "./take-place.ts";

/** Steps of what is one script in Tykky, whose milestone is printed before the first of them. */
const INSTALLING: readonly StepId[] = ["copy", "pre-install", "install", "requirements", "post-install"];

function sayWhatIsThere(request: BuildRequest, placement: Placement, report: Report): void {
  const say = (message: string): void => report({ event: "milestone", message });
  const { root, generation } = placement;
  if (request.origin?.converts) {
    const { tool } = request.origin.converts;
    say(
      `${root} was made by ${tool}: it is converted, and programs find it at ${request.origin.location.mount} as before; what ${tool} made is kept in ${root}/generations/0`,
    );
  } else if (request.origin) {
    say(`${root} is updated: this makes its generation ${generation}`);
  } else if (request.inPlace) {
    say(`${root} becomes an environment where it is`);
  } else if (placement.existing) {
    say(`${root} is an environment already: this makes its generation ${generation}`);
  }
}

/** Those that Tykky knows (tykky-surface.md §2.6): others may read, only the group may, and a user's own. */
const USUAL_UMASKS = [0o002, 0o007, 0o022];

/** What the umask leaves is who may use what is published; one set for other reasons may leave nobody. */
function sayUmask(report: Report): void {
  const mask = process.umask();
  if (USUAL_UMASKS.includes(mask)) return;
  const shown = mask.toString(8).padStart(4, "0");
  if ((mask & 0o700) !== 0) {
    throw new KapseliError(
      ExitCode.hostCannot,
      `the umask is ${shown}: it takes your own rights to what is made`,
      {
        hint: "Set one that leaves them: umask 022.",
      },
    );
  }
  const others =
    (mask & 0o005) === 0 ? "everybody" : (mask & 0o050) === 0 ? "you and the group" : "you alone";
  const message = `the umask is ${shown}: ${others} can use what is built (0022: everybody; 0007: the group can update it, too)`;
  report({ event: "warning", message });
}

async function logFailure(log: BuildLog, error: unknown, facts: HostFacts): Promise<unknown> {
  const unexpected = error instanceof Error && !(error instanceof KapseliError);
  const text = unexpected ? (error.stack ?? error.message) : errorText(error, false);
  log.write({ event: "debug", message: redactSecrets(text, secretValues(facts.environment)) });
  await log.close();
  const kept = await keepFailedLog(log.path, facts.environment, facts.home, new Date());
  return error instanceof KapseliError && kept !== undefined ? error.with({ log: kept }) : error;
}

/**
 * Builds an environment and publishes it in its prefix. On any failure the prefix is as it was, the work directory
 * is gone (unless CW_DEBUG_KEEP_FILES is set), and the log is kept where the error says.
 *
 * @throws {KapseliError} with the exit code of what failed.
 */
export async function build(inputs: BuildInputs): Promise<BuildResult> {
  const { request, config, facts, signal } = inputs;
  const undo = new Undo();
  const release = new Undo();
  let log: BuildLog | undefined;
  let work: WorkDirectory | undefined;
  const keep = facts.environment.CW_DEBUG_KEEP_FILES !== undefined;
  const secrets = secretsOf(facts.environment);
  const { report, end } = withHeartbeat(
    secrets.report(reportToAll([inputs.report, (event: BuildEvent) => log?.write(event)])),
  );
  try {
    report({ event: "milestone", message: "Constructing configuration" });
    sayUmask(report);
    const placement = await placementOf(request);
    const isNew = !(await exists(placement.prefix));
    await takePrefix(placement, release);
    const given = config.build_tmpdir_base.value === "" ? undefined : config.build_tmpdir_base.value;
    work = await makeWorkDirectory(given, facts.environment, facts.user.uid);
    log = openLog(join(work.path, "build.log"));
    report({ event: "milestone", message: `Using ${work.path} as temporary directory` });
    if (isNew) report({ event: "milestone", message: `Creating prefix ${placement.prefix}` });
    if (placement.linkedBin) {
      report({
        event: "milestone",
        message: `${placement.prefix} holds other files, so the environment goes to ${placement.root} and bin is linked there`,
      });
    }
    sayWhatIsThere(request, placement, report);

    const context: BuildContext = { config, facts, log, report, signal };
    const started = performance.now();
    report({ event: "step-started", step: "preflight", title: "Looking at this host", index: 0, of: 0 });
    const { plan, overlay } = await prepare(context, request, placement, inputs.base, work.path, undo);
    if (overlay) undo.add(() => overlay.close());
    const { runtime, trial, engine, base } = plan;
    const installer = engine.engine === "none" ? engine.why : `${engine.engine}: ${engine.why}`;
    report({
      event: "step-finished",
      step: "preflight",
      seconds: (performance.now() - started) / 1000,
      detail: `${runtime.family} ${runtime.version}, ${base.kind === "host" ? "host base" : base.source}, ${trial.compression}, ${installer}`,
    });

    if (plan.steps.some(({ id }) => INSTALLING.includes(id))) {
      report({ event: "milestone", message: "Running installation script" });
    }
    const result = await runPlan(inputs, context, plan, undo, overlay);
    await log.close();
    await saidWhenSlow(inputs.report, `Removing ${work.path}`, work.remove());
    await release.run();
    return { ...result, seconds: (performance.now() - started) / 1000 };
  } catch (thrown) {
    end();
    const places = [request.prefix, ...(work ? [work.path] : [])];
    const said = orCacheRefused(thrown, config.cache_directory.value);
    const error = secrets.error(await orNoRoom(said, "preflight", places));
    const failure = log ? await logFailure(log, error, facts) : error;
    await undo.run().catch(() => undefined);
    if (work && keep) {
      await keepWorkDirectory(work.path).catch(() => undefined);
      inputs.report({
        event: "warning",
        message: `CW_DEBUG_KEEP_FILES is set: the build directory ${work.path} is kept`,
      });
    } else if (work) {
      await endServers(work.path, facts.user.uid);
      const removed = work.remove().catch(() => undefined);
      await saidWhenSlow(inputs.report, `Removing ${work.path}`, removed);
    }
    await release.run().catch(() => undefined);
    throw failure;
  } finally {
    end();
  }
}
