import { resolve } from "node:path";
import { kindOfPath } from "../build/base.ts";
import { build } from "../build/build.ts";
import { dryRunPlan } from "../build/dry-run.ts";
import type { FlagValues } from "../config/resolve.ts";
import { readCatalogue } from "../host/catalogue.ts";
import { hostFacts } from "../host/facts.ts";
import { physicalPath } from "../host/files.ts";
import { withInterruption } from "../host/signals.ts";
import { chooseBase } from "../plan/base-choice.ts";
import { condaPlatform } from "../plan/make-plan.ts";
import type { BuildRequest } from "../plan/request.ts";
import { planJson, planText } from "../report/plan-text.ts";
import { resultText } from "../report/result-text.ts";
import type { BuildOptions } from "./build-command.ts";
import { checkedInput, type NamedInput } from "./checked-input.ts";
import { readConfig } from "./read-config.ts";
import { chooseReport, logLevel } from "./reporting.ts";

export interface BuildFromFile extends NamedInput {
  uv: boolean;
  options: BuildOptions;
  flags: FlagValues;
}

/**
 * Builds an environment from an input file, or prints the plan of it.
 *
 * @throws {KapseliError} for everything that can go wrong.
 */
export async function buildFromFile(wanted: BuildFromFile): Promise<void> {
  const { options } = wanted;
  const facts = hostFacts(process.env, process.cwd());
  const environment = { ...facts.environment };
  const { config, warnings } = await readConfig(
    {
      flags: {
        ...wanted.flags,
        ...(options.base === undefined ? {} : { container_src: { value: options.base, flag: "--base" } }),
        ...(options.tmpdir === undefined
          ? {}
          : { build_tmpdir_base: { value: resolve(options.tmpdir), flag: "--tmpdir" } }),
        ...(options.prefix === undefined
          ? {}
          : { installation_prefix: { value: options.prefix, flag: "--prefix" } }),
      },
    },
    facts,
  );
  const level = logLevel(config.log_level.value, options.debug === true);
  const { report, end } = chooseReport(options, level);
  try {
    for (const message of warnings) report({ event: "warning", message });
    const input = await checkedInput(wanted, condaPlatform(facts.architecture), environment, report);
    const { entries } = await readCatalogue();
    const source = config.container_src.value;
    const kind = await kindOfPath(source);
    const base = chooseBase(source, entries, () => kind);
    const request: BuildRequest = {
      tool: wanted.tool,
      prefix: await physicalPath(resolve(config.installation_prefix.value)),
      input,
      uv: wanted.uv,
    };
    if (options.dryRun) {
      const plan = await dryRunPlan({ request, base, config, facts });
      process.stdout.write(options.json ? `${planJson(plan)}\n` : planText(plan));
      return;
    }
    const result = await withInterruption((signal) =>
      build({ request, base, config, facts, report, signal }),
    );
    end();
    const { manifest, ...summary } = result;
    if (options.json) process.stdout.write(`${JSON.stringify({ event: "result", ...summary, manifest })}\n`);
    else if (level >= 2) process.stdout.write(resultText(result));
  } finally {
    end();
  }
}
