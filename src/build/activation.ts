import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, hasCode, lstat, readdir, readFile, writeFile } from "../host/files.ts";
import { environmentTree } from "../plan/location.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { Plan, Step } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import {
  activationWithoutScripts,
  changedNames,
  classifyChanges,
  type EnvironmentChange,
  isRecorded,
  parseEnvironment,
  pathAdditions,
} from "../prefix/activation.ts";
import { isVariableName, shellAssignments } from "../prefix/shell-data.ts";
import { type BuildContext, runLogged } from "./context.ts";
import { writePlannedFiles } from "./install.ts";

/** What the second run gives to every variable that the first one changed. */
const SENTINEL = "/kapseli-sentinel";

/** The little of the caller's environment that activation scripts may see; what they make of more is not recorded. */
const SEEN = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "LC_ALL",
  "TERM",
  "SINGULARITYENV_PATH",
  "APPTAINERENV_PATH",
];

/** Variables that packages and `variables:` set: conda-meta/state and etc/conda/env_vars.d (conda's documentation). */
export async function ownVariables(tree: string): Promise<Record<string, string>> {
  const directory = join(tree, "etc", "conda", "env_vars.d");
  const packages = (await exists(directory))
    ? (await readdir(directory)).filter((name) => name.endsWith(".json"))
    : [];
  const variables: Record<string, unknown> = {};
  for (const name of packages.sort()) Object.assign(variables, await readJson(join(directory, name)));
  const state = await readJson(join(tree, "conda-meta", "state"));
  Object.assign(variables, state.env_vars ?? {});
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      isVariableName(name) && !String(value).includes("\0") ? [[name, String(value)]] : [],
    ),
  );
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Whether packages may have activation scripts; a link is followed inside only. */
async function mayHaveScripts(tree: string): Promise<boolean> {
  let at = tree;
  for (const name of ["etc", "conda", "activate.d"]) {
    at = join(at, name);
    const info = await lstat(at).catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    });
    if (!info?.isDirectory()) return info !== undefined;
  }
  return (await readdir(at)).some((name) => name.endsWith(".sh"));
}

/**
 * Runs conda's activation twice and records what it changes as data; a script that fails is reported. Where there is nothing to
 * run and no variable to set, nothing is run.
 *
 * @throws {KapseliError} `installFailed` when the scripts do not run to their end.
 */
export async function captureActivation(
  context: BuildContext,
  plan: Plan,
  step: Step,
): Promise<EnvironmentChange[]> {
  const paths = workPaths(plan.workDirectory);
  const tree = environmentTree(plan);
  const variables = { ...plan.variables, ...(await ownVariables(tree)) };
  if (Object.keys(variables).length === 0 && !(await mayHaveScripts(tree))) {
    return activationWithoutScripts(plan.location.environment);
  }
  await writePlannedFiles(step.files);
  const settable = (name: string): boolean => isVariableName(name) && isRecorded(name);
  for (const name of Object.keys(variables).filter((name) => !settable(name))) {
    const message = `the variable ${name} is not set in the environment: it belongs to the runtime or to the shell`;
    context.report({ event: "warning", message });
  }
  const exported = Object.entries(variables).filter(([name]) => isVariableName(name));
  const lines = exported.map(([name, value]) => `export ${shellAssignments({ [name]: value })}`);
  await writeFile(paths.activationVariables, lines.join(""), { mode: 0o600 });
  const all = applyEnvironment(context.facts.environment, plan.environment);
  const seen = Object.fromEntries(Object.entries(all).filter(([name]) => SEEN.includes(name)));

  const capture = async (run: "plain" | "probed", known: Record<string, string>) => {
    const command = step.commands[run === "plain" ? 0 : 1];
    if (!command) throw new RangeError("the plan's activation step has two commands");
    const { argv } = command;
    const finished = await runLogged(context, { argv, env: { ...known, ...seen } }, { timeoutMs: 120_000 });
    const after = paths.activation(run, "after");
    if (!(await exists(after))) {
      throw new KapseliError(
        ExitCode.installFailed,
        "an activation script of a package ended the activation",
        {
          lines: finished.lines.slice(-8),
          hint: "The scripts are in etc/conda/activate.d of the packages; the last one run is to blame.",
        },
      );
    }
    if (run === "plain" && finished.exitCode !== 0) {
      for (const line of finished.lines) context.report({ event: "warning", message: `activation: ${line}` });
    }
    const read = async (moment: "before" | "after") =>
      parseEnvironment(await readFile(paths.activation(run, moment), "utf8"));
    return { before: await read("before"), after: await read("after") };
  };

  const plain = await capture("plain", {});
  const names = changedNames(plain.before, plain.after);
  const underOtherName = (name: string): string =>
    name === "LD_LIBRARY_PATH" ? "KAPSELI_PROBE_LIBRARIES" : name;
  const probed = await capture(
    "probed",
    Object.fromEntries(names.map((name) => [underOtherName(name), SENTINEL])),
  );
  return [
    ...classifyChanges(names, plain.after, probed.after, SENTINEL),
    ...pathAdditions(plan.location.environment, plain.before, plain.after),
  ];
}
