import { copyFileSync, existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { SHARED } from "../test/support/real.ts";
import { type Build, ENGINE } from "./builds.ts";
import { type Findings, interval, type Limit, milliseconds, seconds, spread, within } from "./results.ts";
import { type Case, type Command, interleave, runCommand, timeCommand } from "./rounds.ts";
import { cacheOf, runtime, type Setting } from "./setting.ts";
import { comparePaired, difference, type Interval, median, ratio, summarize } from "./statistics.ts";
import { type Starts, traceStarts } from "./strace.ts";
import { bars } from "./svg.ts";

const LIMIT = { milliseconds: 5, ratio: 1.02 };
/** Of one container that does nothing: what a start of Python may take. */
const OF_UNIT = { "`python3 -c pass`": 0.95, "`import numpy`": 1.6 };

/** An environment to start programs of. */
export interface Environment {
  kind: "conda" | "pip";
  build: Build;
  /** Its image, unpacked on disk. */
  tree: string;
}

/** The environment's Python without a container: the unpacked one, or the venv's base with the unpacked packages. */
export function nativePython(setting: Setting, { kind, tree }: Environment): Pick<Command, "argv" | "env"> {
  if (kind === "conda") {
    return { argv: [join(tree, "bin", "python3")], env: { ...setting.env, PYTHONHOME: tree } };
  }
  const library = readdirSync(join(tree, "lib")).find((name) => /^python3\.\d+$/.test(name)) ?? "python3";
  const packages = join(tree, "lib", library, "site-packages");
  const { stdout } = runCommand(setting.user, {
    argv: ["/bin/sh", "-c", 'readlink -f "$0"', join(tree, "bin", "python3")],
    env: setting.env,
    cwd: "/",
  });
  return { argv: [stdout.trim()], env: { ...setting.env, PYTHONPATH: packages } };
}

/** The image whose start is the unit: the one given, the tool's own, or a new one. */
function baseImage(setting: Setting, given: string | undefined): string | undefined {
  if (given !== undefined) return given === "-" ? undefined : given;
  const cache = join(cacheOf(setting), "bases");
  const made = existsSync(cache)
    ? readdirSync(cache).find((name) => /^debian12-.*\.sif$/.test(name))
    : undefined;
  if (made) return join(cache, made);
  const kept = join(SHARED, "bench-base.sif");
  if (existsSync(kept)) return kept;
  setting.say("making the image whose start is the unit (once)");
  try {
    // From the installation: the user may not be able to read the project.
    const script = join(
      dirname(realpathSync(join(setting.bin, "kapseli"))),
      "../base-images/debian12/build.sh",
    );
    const made = join(setting.work, "base.sif");
    const env = { ...setting.env, TMPDIR: setting.work };
    runCommand(setting.user, { argv: ["/bin/sh", script, made], env, cwd: setting.work });
    // Kept where the channel and the tool are, if they are there at all.
    if (!existsSync(SHARED)) return made;
    copyFileSync(made, kept);
    return kept;
  } catch (error) {
    setting.say(`no base image, so no unit: ${(error as Error).message.split("\n").at(-1)}`);
    return undefined;
  }
}

/** What the launcher hands over to, as strace saw it. */
interface Handover {
  raw: Command;
  launcher: Starts;
  bare: Starts;
}

/** Records what a launcher starts, and what the runtime starts when it is called with the same words. */
export function handover(setting: Setting, command: Command, runtimeName: string): Handover {
  const launcher = traceStarts(setting, command);
  const found = launcher.executions.find(({ argv }) => basename(argv[0] ?? "") === runtimeName);
  if (!found) throw new Error(`the launcher started no ${runtimeName}`);
  const [file, ...args] = found.argv;
  const raw: Command = { argv: [file ?? runtimeName, ...args], env: found.env, cwd: command.cwd };
  return { raw, launcher, bare: traceStarts(setting, raw) };
}

/** What happened before the launcher became the runtime. */
function beforeRuntime(
  { executions, forksBefore }: Starts,
  name: string,
): { forks: number; chain: string[] } {
  const at = executions.findIndex(({ argv }) => basename(argv[0] ?? "") === name);
  const before = executions.slice(0, at);
  const own = before.filter(({ pid }) => pid === executions[at]?.pid);
  return { forks: forksBefore[at] ?? Number.NaN, chain: own.map(({ argv }) => basename(argv[0] ?? "")) };
}

/** Launcher starts against the runtime alone and against the same Python on disk. */
export async function measureStarts(
  setting: Setting,
  environments: readonly Environment[],
  rounds: number,
  givenBase: string | undefined,
): Promise<Findings> {
  const { env, user, home, random } = setting;
  const runtimePath = runtime(setting);
  const commands = new Map<string, Command>();
  const add = (name: string, command: Pick<Command, "argv"> & Partial<Command>): string => {
    commands.set(name, { env, cwd: home, ...command });
    return name;
  };
  const unit = baseImage(setting, givenBase);
  const unitName = "`apptainer -s exec base.sif true` (the unit)";
  if (unit) add(unitName, { argv: [runtimePath, "-s", "exec", unit, "true"] });
  add("`true`, natively", { argv: ["/bin/true"] });

  const pairs: { what: string; launched: string; raw: string; handover: Handover }[] = [];
  const ratios: { what: string; launched: string; native: string }[] = [];
  for (const environment of environments) {
    const { kind, build } = environment;
    const bin = join(build.prefix, "bin");
    const pair = (what: string, argv: readonly [string, ...string[]]): string => {
      const launched = add(`${kind}: ${what}, launcher`, { argv });
      const seen = handover(setting, { argv, env, cwd: home }, basename(runtimePath));
      const raw = add(`${kind}: ${what}, runtime alone`, seen.raw);
      pairs.push({ what: `${kind}: ${what}`, launched, raw, handover: seen });
      return launched;
    };
    if (kind === "conda") pair("`true`", [join(bin, "_debug_exec"), "/bin/true"]);
    const native = nativePython(setting, environment);
    const python = join(bin, "python3");
    const pass = pair("`python3 -c pass`", [python, "-c", "pass"]);
    const numpy = add(`${kind}: \`import numpy\`, launcher`, { argv: [python, "-c", "import numpy"] });
    for (const [what, code, launched] of [
      ["`python3 -c pass`", "pass", pass],
      ["`import numpy`", "import numpy", numpy],
    ] as const) {
      const name = add(`${kind}: ${what}, natively`, { ...native, argv: [...native.argv, "-c", code] });
      ratios.push({ what: `${kind}: ${what}`, launched, native: name });
    }
  }

  const cases = [...commands].map(
    ([name, command]): Case => ({ name, measure: () => timeCommand(user, command) }),
  );
  setting.say(`starts: ${cases.length} programs, ${rounds} rounds`);
  const taken = await interleave(cases, rounds, random);
  const of = (name: string): number[] => taken.get(name) ?? [];
  const compare = (a: string, b: string, how: (a: number, b: number) => number): Interval =>
    comparePaired(of(a), of(b), how, random);
  const unitMedian = unit ? median(of(unitName)) : undefined;

  const compared = pairs.map((pair) => ({
    ...pair,
    difference: compare(pair.launched, pair.raw, difference),
    ratio: compare(pair.launched, pair.raw, ratio),
  }));
  const precise = (value: number): string => value.toFixed(3);
  const oneDigit = (value: number): string => value.toFixed(1);
  const ofUnit = ratios.flatMap(({ what, launched }): Limit[] => {
    const code = what.slice(what.indexOf(": ") + 2);
    const limit = OF_UNIT[code as keyof typeof OF_UNIT];
    if (!unit || limit === undefined) return [];
    const share = compare(launched, unitName, ratio);
    return [
      {
        what: `${what} by \`exec base.sif true\``,
        limit: `${limit} ×`,
        measured: interval(share, precise),
        ...within(share, limit),
      },
    ];
  });
  return {
    title: "Starts",
    tables: [
      {
        caption: "All starts (milliseconds, one interleaved run):",
        head: ["what", "median (quartiles)", ...(unitMedian ? ["of the unit"] : [])],
        rows: [...taken].map(([name, values]) => [
          name,
          spread(summarize(values), milliseconds),
          ...(unitMedian ? [seconds(median(values) / unitMedian)] : []),
        ]),
      },
      {
        caption:
          "The launcher against the runtime called with the very words and environment that it ends in:",
        head: ["what", "difference, ms", "ratio"],
        rows: compared.map((pair) => [
          pair.what,
          interval(pair.difference, oneDigit),
          interval(pair.ratio, precise),
        ]),
      },
      {
        caption: "Processes, by strace -f:",
        head: [
          "what",
          "forks before the runtime's exec",
          "programs before it, in the same process",
          "programs started, launcher",
          "programs started, runtime alone",
        ],
        rows: pairs.map(({ what, handover: { launcher, bare } }) => {
          const { forks, chain } = beforeRuntime(launcher, basename(runtimePath));
          return [
            what,
            String(forks),
            `${chain.length} (${chain.join(", ")})`,
            String(launcher.executions.length),
            String(bare.executions.length),
          ];
        }),
      },
      {
        caption: "The launcher against the same Python on disk:",
        head: ["what", "ratio", "more, ms"],
        rows: ratios.map(({ what, launched, native }) => [
          what,
          interval(compare(launched, native, ratio), seconds),
          interval(compare(launched, native, difference), milliseconds),
        ]),
      },
    ],
    limits: [
      ...ofUnit,
      ...compared.flatMap((pair) => {
        const { difference: more, ratio: times, handover: seen } = pair;
        const { forks, chain } = beforeRuntime(seen.launcher, basename(runtimePath));
        return [
          {
            what: `launcher above the runtime alone, ${pair.what}`,
            limit: `${LIMIT.milliseconds} ms`,
            measured: `${interval(more, oneDigit)} ms`,
            ...within(more, LIMIT.milliseconds),
          },
          {
            what: `launcher by the runtime alone, ${pair.what}`,
            limit: `${LIMIT.ratio} ×`,
            measured: interval(times, precise),
            // Differences of a few per mille are below what a shared machine shows: met while the interval allows it.
            met: times.lower <= LIMIT.ratio,
            close: times.lower <= LIMIT.ratio && times.upper > LIMIT.ratio,
          },
          {
            what: `processes of the launcher's own, ${pair.what}`,
            limit: "0 forks, one chain",
            measured: `${forks} forks, ${chain.length} program before the runtime`,
            met: forks === 0 && chain.length === 1,
          },
        ];
      }),
    ],
    notes: [
      "Everything is in the page cache. Each time holds about two milliseconds of the measuring program's own, on both sides.",
      `natively: the image unpacked with unsquashfs. conda: the unpacked tree's own python3 with PYTHONHOME (${ENGINE.conda}). pip: the Python that the venv was made from, with the unpacked site-packages in PYTHONPATH (${ENGINE.pip}); a venv's own python would look for the prefix.`,
      unit
        ? "base.sif: base-images/debian12."
        : "There was no base.sif to start, so there is no unit of other tables.",
    ],
    plots: [
      {
        name: "starts",
        title: "Starts",
        svg: bars(
          "Starts, median",
          "ms",
          [...taken].map(([name, values]) => ({ name, values: [median(values)] })),
        ),
      },
    ],
    raw: Object.fromEntries(taken),
  };
}
