import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, release } from "node:os";
import { join } from "node:path";
import { PROJECT } from "../test/support/real.ts";
import { measureBuilds, measureLarge } from "./build.ts";
import { buildEnvironment, KINDS } from "./builds.ts";
import { measureCli } from "./cli.ts";
import { comparedWith, inOrder, type Results, readResults } from "./compare.ts";
import { measureCrowds } from "./crowd.ts";
import { measureImages } from "./image.ts";
import { type Options, PARTS, type Part, readOptions, USAGE } from "./options.ts";
import { type Circumstances, type Findings, resultsText } from "./results.ts";
import { runCommand } from "./rounds.ts";
import { measureScale } from "./scale.ts";
import { answer, makeSetting, runtime, type Setting } from "./setting.ts";
import { measureSizes } from "./size.ts";
import { type Environment, measureStarts } from "./start.ts";
import { seededRandom } from "./statistics.ts";
import { measureUpdates } from "./update.ts";
import { measureWarm } from "./warm.ts";
import { measureWrapping } from "./wrap.ts";

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

/** Measures the parts that are asked for. */
async function measure(setting: Setting, options: Options, loadBefore: number): Promise<Results> {
  const { parts, rounds, buildRounds } = options;
  const environments =
    parts.includes("start") || parts.includes("warm") || parts.includes("size")
      ? makeEnvironments(setting)
      : [];
  const [conda] = environments;
  const of: Record<Part, () => Promise<Findings> | Findings> = {
    start: () => measureStarts(setting, environments, rounds, options.baseImage),
    warm: () => {
      if (!conda) throw new RangeError("there is no environment");
      return measureWarm(setting, conda, rounds, options.quick);
    },
    crowd: () => measureCrowds(setting, Math.min(5, buildRounds), options.scheduler, options.quick),
    image: () => measureImages(setting, Math.max(1, Math.ceil(rounds / 2))),
    build: () => measureBuilds(setting, KINDS, buildRounds),
    large: () => measureLarge(setting, Math.min(3, buildRounds)),
    update: () => measureUpdates(setting, Math.min(3, buildRounds)),
    wrap: () => measureWrapping(setting, Math.min(3, buildRounds)),
    size: () => measureSizes(setting, environments),
    scale: () => measureScale(setting, options.files),
    cli: () => measureCli(setting, rounds),
  };
  const about = circumstances(setting, options, loadBefore);
  const results: Results = {};
  for (const part of parts) {
    results[part] = { about, findings: await of[part](), compared: [] };
  }
  return results;
}

/** Writes what was measured beside what an earlier run measured of the other parts. */
function write(out: string, measured: Results): void {
  mkdirSync(join(out, "plots"), { recursive: true });
  for (const { name, svg } of inOrder(measured).flatMap(({ findings }) => findings.plots ?? [])) {
    if (svg !== undefined) writeFileSync(join(out, "plots", `${name}.svg`), svg);
  }
  const all = { ...readResults(join(out, "results.json")), ...measured };
  writeFileSync(join(out, "RESULTS.md"), resultsText(inOrder(all)));
  const withoutPictures = (key: string, value: unknown): unknown => (key === "svg" ? undefined : value);
  writeFileSync(join(out, "results.json"), `${JSON.stringify(all, withoutPictures)}\n`);
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
  // Its own work is not to count.
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
    const measured = await measure(setting, options, loadBefore);
    const before = readResults(join(PROJECT, "bench", "results.json"));
    for (const part of PARTS) {
      const [was, is] = [before[part], measured[part]];
      if (was && is) is.compared = comparedWith(was.findings, is.findings);
    }
    process.stdout.write(resultsText(inOrder(measured)));
    if (options.out !== undefined) write(options.out, measured);
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    process.exitCode = 1;
  } finally {
    end();
  }
}
