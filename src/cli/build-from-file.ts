import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { kindOfPath } from "../build/base.ts";
import { build } from "../build/build.ts";
import { dryRunPlan } from "../build/dry-run.ts";
import type { KeyName } from "../config/keys.ts";
import { resolveConfig } from "../config/resolve.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { readCatalogue } from "../host/catalogue.ts";
import { hostFacts } from "../host/facts.ts";
import { physicalPath } from "../host/files.ts";
import { besides, readInputFile } from "../host/input-file.ts";
import { withInterruption } from "../host/signals.ts";
import type { Diagnostic } from "../inputs/diagnostic.ts";
import { readInput } from "../inputs/read-input.ts";
import { chooseBase } from "../plan/base-choice.ts";
import { condaPlatform } from "../plan/make-plan.ts";
import type { BuildRequest, Input, InputValue } from "../plan/request.ts";
import type { Report } from "../report/events.ts";
import { jsonReport, type LineSinks, type LogLevel, plainReport, terminalReport } from "../report/lines.ts";
import { planText } from "../report/plan-text.ts";
import { resultText } from "../report/result-text.ts";
import type { BuildOptions } from "./build-command.ts";

export interface BuildFromFile {
  tool: "conda" | "pip";
  file: string;
  /** What the file is called in messages. */
  what: string;
  uv: boolean;
  options: BuildOptions;
  flags: Partial<Record<KeyName, { value: unknown; flag: string }>>;
}

function place(diagnostic: Diagnostic): string {
  const { file, line, column } = diagnostic;
  return [file, ...(line === undefined ? [] : [line]), ...(column === undefined ? [] : [column])].join(":");
}

function sentence(diagnostic: Diagnostic): string {
  return `${place(diagnostic)}: ${diagnostic.message}${diagnostic.hint ? ` ${diagnostic.hint}` : ""}`;
}

/** Reads and checks the input file; warnings are reported, all errors thrown as one. */
async function checkedInput(
  wanted: BuildFromFile,
  platform: string,
  environment: Record<string, string>,
  report: Report,
): Promise<Input> {
  const path = resolve(wanted.file);
  const { bytes, regular } = await readInputFile(path, wanted.what);
  const reading = readInput(wanted.tool, wanted.file, bytes, besides(path, environment, platform));
  const errors = reading.diagnostics.filter(({ severity }) => severity === "error");
  const [first, ...others] = errors;
  if (first || reading.value === undefined) {
    throw new KapseliError(ExitCode.badInput, first?.message ?? `${wanted.file} holds nothing`, {
      ...(first ? { where: place(first) } : {}),
      others: others.map(sentence),
      ...(first?.hint ? { hint: first.hint } : {}),
    });
  }
  for (const diagnostic of reading.diagnostics) {
    if (diagnostic.severity === "warning") report({ event: "warning", message: sentence(diagnostic) });
    else if (diagnostic.severity === "note") report({ event: "milestone", message: sentence(diagnostic) });
  }
  return { path, regular, bytes, content: { format: reading.format, value: reading.value } as InputValue };
}

function siteFile(environment: Record<string, string>): { file: string; text: string } | undefined {
  const file = environment.CW_GLOBAL_YAML;
  if (!file) return undefined;
  try {
    return { file, text: readFileSync(resolve(file), "utf8") };
  } catch (error) {
    throw new KapseliError(
      ExitCode.badInput,
      `the site file ${file} (CW_GLOBAL_YAML) cannot be read: ${(error as Error).message}`,
      {
        hint: "Correct CW_GLOBAL_YAML, or unset it.",
      },
    );
  }
}

function logLevel(environment: Record<string, string>, debug: boolean): LogLevel {
  if (debug) return 3;
  const given = Number.parseInt(environment.CW_LOG_LEVEL ?? "2", 10);
  return (Number.isNaN(given) ? 2 : Math.min(3, Math.max(0, given))) as LogLevel;
}

function chooseReport(options: BuildOptions, level: LogLevel): { report: Report; end: () => void } {
  const sinks: LineSinks = {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  };
  if (options.json) return { report: jsonReport(sinks.out), end: () => undefined };
  if (process.stdout.isTTY && level < 3)
    return terminalReport(sinks, level, () => process.stdout.columns || 80);
  return { report: plainReport(sinks, level), end: () => undefined };
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
  const level = logLevel(environment, options.debug === true);
  const { report, end } = chooseReport(options, level);
  try {
    const site = siteFile(environment);
    const { config, warnings } = resolveConfig({
      ...(site ? { site } : {}),
      environment,
      cwd: facts.cwd,
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
    });
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
      process.stdout.write(options.json ? `${JSON.stringify({ event: "plan", plan })}\n` : planText(plan));
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
