/**
 * A build from its preflight to the end of its installation, with hooks, in a program of its own, so that it can run
 * as any user. Reads its wishes from the file that it is given and prints what came of it as JSON.
 */

import { readFileSync } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildContext } from "../../src/build/context.ts";
import { hookSetting } from "../../src/build/hook-setting.ts";
import { openHooks } from "../../src/build/hooks.ts";
import { install } from "../../src/build/install.ts";
import { prepare } from "../../src/build/preflight.ts";
import { placementOf } from "../../src/build/take-place.ts";
import { checkedInput } from "../../src/cli/checked-input.ts";
import { hookVariables } from "../../src/config/hook-variables.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { KapseliError } from "../../src/errors.ts";
import { readCatalogue } from "../../src/host/catalogue.ts";
import { hostFacts } from "../../src/host/facts.ts";
import { makeDirectories } from "../../src/host/files.ts";
import { openLog } from "../../src/host/log.ts";
import { interruption } from "../../src/host/processes.ts";
import { Undo } from "../../src/host/undo.ts";
import { makeWorkDirectory } from "../../src/host/work-directory.ts";
import { chooseBase } from "../../src/plan/base-choice.ts";
import type { BuildRequest } from "../../src/plan/request.ts";
import { workPaths } from "../../src/plan/work-paths.ts";
import { OPTIONS } from "./plan-inputs.ts";

export interface HookBuildWishes {
  tool: "conda" | "pip";
  file: string;
  prefix: string;
  uv?: boolean;
  base?: string;
  pre?: string[];
  post?: string[];
  /** The build is interrupted when this is printed. */
  stopAt?: string;
}

export interface HookBuilt {
  /** What was printed, by installers and scripts. */
  output: string[];
  message?: string;
  lines?: readonly string[];
  where?: string;
  /** The names in the environment's root, and in its conda-meta. */
  root: string[];
  records: string[];
  /** What of the hooks' shell still lies in the root. */
  linked: boolean;
  seconds: Record<string, number>;
}

async function main(wishes: HookBuildWishes): Promise<HookBuilt> {
  const facts = hostFacts(process.env, process.cwd());
  const flags = wishes.base === undefined ? {} : { container_src: { value: wishes.base, flag: "--base" } };
  const { config } = resolveConfig({
    environment: facts.environment,
    home: facts.home,
    cwd: facts.cwd,
    flags,
  });
  const work = await makeWorkDirectory(facts.environment.CW_BUILD_TMPDIR, facts.environment, facts.user.uid);
  const output: string[] = [];
  const stop = new AbortController();
  const context: BuildContext = {
    config,
    facts,
    log: openLog(join(work.path, "build.log")),
    report: (event) => {
      if (event.event !== "output") return;
      output.push(event.line);
      if (event.line === wishes.stopAt) stop.abort(interruption("SIGTERM"));
    },
    signal: stop.signal,
  };
  const input = await checkedInput(
    { tool: wishes.tool, file: wishes.file, what: "file" },
    "linux-64",
    { ...facts.environment },
    context.report,
  );
  const scripts = (texts: string[] = [], phase: string) =>
    texts.map((text, index) => ({ shown: `${phase}_install[${index}]`, text }));
  const request: BuildRequest = {
    tool: wishes.tool,
    prefix: wishes.prefix,
    input,
    options: { ...OPTIONS, uv: wishes.uv === true },
    hooks: { pre: scripts(wishes.pre, "pre"), post: scripts(wishes.post, "post") },
    portable: false,
  };
  await makeDirectories(wishes.prefix);
  const placement = await placementOf(request);
  const { entries } = await readCatalogue();
  const base = chooseBase(config.container_src.value, entries, () => "file");
  const { plan } = await prepare(context, request, placement, base, work.path, new Undo());
  const seconds: Record<string, number> = {};
  const timed = async (name: string, run: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    await run();
    seconds[name] = (performance.now() - started) / 1000;
  };
  let failure: Partial<HookBuilt> = {};
  const { tree } = workPaths(work.path);
  try {
    const custom = { site_key: { value: "of the site", origin: { from: "default" as const } } };
    const setting = await hookSetting(
      context,
      { request, config, scriptVariables: hookVariables(config, custom) },
      plan,
    );
    const hooks = await openHooks(context, setting);
    const step = plan.steps.find(({ id }) => id === "install");
    if (!step) throw new RangeError("a plan installs");
    try {
      await timed("pre", () => hooks.pre());
      await timed("install", () => install(context, plan, step));
      await timed("post", () => hooks.post());
    } finally {
      await timed("close", () => hooks.close());
    }
  } catch (error) {
    if (!(error instanceof KapseliError)) throw error;
    const { lines, where } = error.details;
    failure = { message: error.message, ...(lines ? { lines } : {}), ...(where ? { where } : {}) };
  }
  const root = await readdir(tree);
  const records = await readdir(join(tree, "conda-meta")).catch(() => []);
  const texts = await Promise.all(
    records
      .filter((name) => name.endsWith(".json"))
      .map((name) => readFile(join(tree, "conda-meta", name), "utf8")),
  );
  if (texts.some((text) => text.includes("secret@"))) throw new Error("credentials are in the records");
  const linked = await lstat(join(tree, "miniforge")).then(
    () => true,
    () => false,
  );
  await context.log.close();
  await work.remove();
  return { output, root, records, linked, seconds, ...failure };
}

const [file = ""] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await main(JSON.parse(readFileSync(file, "utf8")) as HookBuildWishes)));
