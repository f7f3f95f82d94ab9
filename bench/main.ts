import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, release } from "node:os";
import { join } from "node:path";
import { PROJECT } from "../test/support/real.ts";
import { measureBuilds, measureLarge } from "./build.ts";
import { buildEnvironment, KINDS } from "./builds.ts";
import { measureChanges } from "./change.ts";
import { measureCli } from "./cli.ts";
import { comparedWith, readResults } from "./compare.ts";
import { measureCrowds } from "./crowd.ts";
import { measureImages } from "./image.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { type Circumstances, type Findings, resultsText } from "./results.ts";
import { runCommand } from "./rounds.ts";
import { measureScale } from "./scale.ts";
import { answer, makeSetting, runtime, type Setting } from "./setting.ts";
import { measureSizes } from "./size.ts";
import { type Environment, measureStarts } from "./start.ts";
import { seededRandom } from "./statistics.ts";
import { measureWarm } from "./warm.ts";

/** The environments whose starts and sizes are measured, with their images unpacked. */
function makeEnvironments(setting: Setting): Environment[] {
  return (["conda", "pip"] as const).map((kind) => {
    setting.say(`building the ${kind} environment`);
    const build = buildEnvironment(setting, kind, join(setting.home, kind));
    const tree = join(setting.work, `tree-${kind}`);
    const image = join(build.prefix, "current", "env.sqfs");
    runCommand(setting.user, {
      argv: ["unsquashfs", "-quiet", "-no-progress", "-dest", tree, image],
      env: setting.env,
      cwd: setting.work,
    });
    return { kind, build, tree };
  });
}

function circumstances(setting: Setting, options: Options, loadBefore: number): Circumstances {
  const fileSystem = (path: string): string => answer(setting, ["findmnt", "-n", "-o", "FSTYPE", "-T", path]);
  return {
    date: new Date().toISOString().slice(0, 10),
    kernel: release(),
    cores: availableParallelism(),
    runtime: answer(setting, [runtime(setting), "--version"]),
    node: process.version,
    prefixFileSystem: fileSystem(setting.home),
    workFileSystem: fileSystem(setting.work),
    loadBefore,
    options: options.given,
  };
}

async function measure(setting: Setting, options: Options): Promise<Findings[]> {
  const { parts, rounds, buildRounds } = options;
  const environments =
    parts.includes("start") || parts.includes("warm") || parts.includes("size")
      ? makeEnvironments(setting)
      : undefined;
  return [
    ...(environments && parts.includes("start")
      ? [await measureStarts(setting, environments, rounds, options.baseImage)]
      : []),
    ...(environments?.[0] && parts.includes("warm")
      ? [await measureWarm(setting, environments[0], rounds, options.quick)]
      : []),
    ...(parts.includes("crowd")
      ? [await measureCrowds(setting, Math.min(5, buildRounds), options.scheduler, options.quick)]
      : []),
    ...(parts.includes("image") ? [await measureImages(setting, Math.max(1, Math.ceil(rounds / 2)))] : []),
    ...(parts.includes("build") ? [await measureBuilds(setting, KINDS, buildRounds)] : []),
    ...(parts.includes("large") ? [await measureLarge(setting, Math.min(3, buildRounds))] : []),
    ...(parts.includes("change") ? [await measureChanges(setting, Math.min(3, buildRounds))] : []),
    ...(environments && parts.includes("size") ? [measureSizes(setting, environments)] : []),
    ...(parts.includes("scale") ? [await measureScale(setting, options.files)] : []),
    ...(parts.includes("cli") ? [await measureCli(setting, rounds)] : []),
  ];
}

/** Runs the benchmark: prints its tables, and writes them where a full run or --out says. */
export async function main(argv: readonly string[]): Promise<void> {
  let options: Options | undefined;
  try {
    options = readOptions(argv, join(PROJECT, "bench"));
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (!options) {
    process.stdout.write(USAGE);
    return;
  }
  const loadBefore = loadavg()[0] ?? 0;
  const { setting, end } = makeSetting(options, seededRandom(options.seed));
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.once(signal, () => {
      end();
      process.exit(code);
    });
  }
  try {
    const about = circumstances(setting, options, loadBefore);
    const parts = await measure(setting, options);
    const before = readResults(join(PROJECT, "bench", "results.json"));
    const text = resultsText(about, parts, before && comparedWith(before, parts));
    process.stdout.write(text);
    if (options.out !== undefined) {
      mkdirSync(options.out, { recursive: true });
      writeFileSync(join(options.out, "RESULTS.md"), text);
      for (const { name, svg } of parts.flatMap(({ plots = [] }) => plots)) {
        mkdirSync(join(options.out, "plots"), { recursive: true });
        writeFileSync(join(options.out, "plots", `${name}.svg`), svg);
      }
      const raw = Object.fromEntries(parts.map((part) => [part.title, part.raw]));
      writeFileSync(join(options.out, "results.json"), `${JSON.stringify({ about, ...raw })}\n`);
    }
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    process.exitCode = 1;
  } finally {
    end();
  }
}
