import { basename, dirname, join, resolve } from "node:path";
import { dryRunPlan } from "../build/dry-run.ts";
import { hookVariables } from "../config/hook-variables.ts";
import type { Config } from "../config/keys.ts";
import type { LayeredConfig } from "../config/resolve.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { findPrograms, type HostFacts, hostFacts } from "../host/facts.ts";
import { findHostProgram } from "../host/host-programs.ts";
import { withInterruption } from "../host/signals.ts";
import { launchersFirstOnPath, toolInstallationsOnPath } from "../host/tool-installations.ts";
import { originalOf } from "../prefix/placement.ts";
import { shellQuote } from "../prefix/shell-data.ts";
import type { Report } from "../report/events.ts";
import { objectText } from "../report/objects.ts";
import { planJson, planText } from "../report/plan-text.ts";
import { resultText } from "../report/result-text.ts";
import { readConfig } from "./read-config.ts";
import { chooseReport, logLevel } from "./reporting.ts";
import { requestOf } from "./request-of.ts";
import type { Wanted } from "./wanted.ts";
import { flagsOf } from "./wanted-flags.ts";

/** The configuration that holds for one command line. */
function configurationOf(wanted: Wanted, facts: HostFacts): Promise<LayeredConfig> {
  const path = "yaml" in wanted ? wanted.yaml : undefined;
  const user = path === undefined ? {} : { user: { path, strict: wanted.command === "advanced" } };
  return readConfig({ ...flagsOf(wanted), ...user }, facts);
}

/** A Python of another installation would be built upon; where something is made anew, that is refused. */
function refuseToolsOnPath(facts: HostFacts, isNew: boolean, report: Report): void {
  const found = toolInstallationsOnPath(facts.environment.PATH);
  if (found.length === 0) return;
  const message = `Remove [${found.join(", ")}] from PATH: programs of other installations made by this kind of tool would be found first`;
  if (!isNew) {
    report({ event: "warning", message });
    return;
  }
  throw new KapseliError(ExitCode.badInput, message, {
    hint: "Deactivate it (tykky deactivate), or take its bin out of PATH.",
  });
}

/** A launcher's Python is never built upon; whoever has an environment active may expect it. */
function sayLaunchersLeftOut(config: Config, facts: HostFacts, report: Report): void {
  if (config.mode.value !== "venv" || config.update_installation.value === true) return;
  const [first] = launchersFirstOnPath(facts.environment.PATH);
  if (first === undefined) return;
  const message = `python3 in ${first} is an environment's launcher: it is left out, and the next python3 on PATH is taken`;
  report({ event: "warning", message });
}

/** Says how `--mamba` is met where there is no mamba. */
function sayMamba({ mamba, conda_engine: engine }: Config, facts: HostFacts, report: Report): void {
  if (mamba.value !== true || engine.value !== "auto") return;
  if (findHostProgram(["mamba"], facts.environment.PATH) !== undefined) return;
  const message = "--mamba: there is no mamba on PATH; the engine that is taken solves as fast";
  report({ event: "milestone", message });
}

/** What to give to `tykky activate`: the name where it is found by that, else the path; undefined without the command. */
function activationName({ environment, home }: HostFacts, root: string): string | undefined {
  const visible =
    environment["BASH_FUNC_tykky%%"] !== undefined || findPrograms("tykky", environment.PATH).length > 0;
  if (!visible) return undefined;
  const searched = (environment.TYKKY_PATH || join(home, ".tykky")).split(":").map((path) => resolve(path));
  return searched.includes(dirname(root)) ? basename(root) : root;
}

/**
 * Does what a command line asks for: builds, updates or wraps, or prints the plan of it.
 *
 * @throws {KapseliError} for everything that can go wrong.
 */
export async function carryOut(wanted: Wanted): Promise<void> {
  const facts = hostFacts(process.env, process.cwd());
  const layers = await configurationOf(wanted, facts);
  const { config, custom, warnings, notes } = layers;
  const level = logLevel(config.log_level.value, wanted.debug);
  const { report, end } = chooseReport(wanted, level);
  try {
    for (const message of warnings) {
      const event = notes.includes(message) ? "debug" : "warning";
      report({ event, message });
    }
    refuseToolsOnPath(facts, wanted.command.endsWith("-new"), report);
    sayMamba(config, facts, report);
    sayLaunchersLeftOut(config, facts, report);
    const { request, base, given } = await requestOf(wanted, layers, facts, report);
    if (wanted.dryRun) {
      const plan = await dryRunPlan({ request, base, config, facts });
      process.stdout.write(wanted.json ? `${planJson(plan)}\n` : planText(plan));
      return;
    }
    const scriptVariables = hookVariables(config, custom);
    // A plan needs nothing of it.
    const { build } = await import("../build/build.ts");
    const result = await withInterruption((signal) =>
      build({ request, base, config, custom, scriptVariables, given, facts, report, signal }),
    );
    end();
    const { manifest, ...summary } = result;
    if (wanted.json) process.stdout.write(objectText("build", { event: "result", ...summary, manifest }));
    else if (level >= 2) {
      const activate = activationName(facts, result.prefix);
      const original = request.inPlace ? { original: originalOf(request.inPlace.directory) } : {};
      process.stdout.write(
        resultText({ ...result, ...original, ...(activate === undefined ? {} : { activate }) }, shellQuote),
      );
    }
  } finally {
    end();
  }
}
