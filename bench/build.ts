import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { packArgv } from "../src/tools/mksquashfs.ts";
import { remove } from "../test/support/real.ts";
import { type BareInstall, type Build, bareInstall, buildEnvironment, ENGINE, type Kind } from "./builds.ts";
import type { Findings, Limit, Table } from "./results.ts";
import { interval, seconds, spread, within } from "./results.ts";
import { type Case, interleave, runCommand, timeCommand } from "./rounds.ts";
import { type Setting, withoutBytecode } from "./setting.ts";
import { comparePaired, median, ratio, summarize } from "./statistics.ts";
import { bars } from "./svg.ts";

/** A build may take this many times as long as the bare installer, and the seconds. */
const LIMIT = { factor: 1.35, seconds: 1 };
/** The stricter one: without seconds; where the installer compiles nothing, mksquashfs alone is allowed besides. */
const STRICT_FACTOR = 1.15;
/** As the limit says. */
const COMPILE_JOBS = 2;

/** Makes the directories and files that the bare installer reads. */
function prepareBare(setting: Setting, bare: BareInstall): void {
  const { uid, gid } = setting.user;
  const directory = (path: string): void => {
    mkdirSync(path, { recursive: true });
    chownSync(path, uid, gid);
  };
  // The driver makes the prefix itself; a tool's build finds an empty one there, too.
  directory(bare.target);
  directory(bare.inputs);
  for (const { path, content } of bare.files) {
    directory(dirname(path));
    writeFileSync(path, content);
    chownSync(path, uid, gid);
  }
}

interface BareTimes {
  /** Seconds. */
  install: number;
  compile: number;
  /** mksquashfs alone on what was installed; not part of what the installer takes. */
  pack: number;
}

/** @returns seconds that mksquashfs alone takes, as a build calls it */
function packAlone({ user, env, home, work }: Setting, source: string): number {
  const image = join(work, "bare.sqfs");
  const argv = packArgv({
    mksquashfs: "mksquashfs",
    source,
    image,
    compression: "zstd",
    processors: Math.min(16, availableParallelism()),
    owner: user,
    actions: true,
  });
  const took = timeCommand(user, { argv, env, cwd: home });
  remove(image);
  return took / 1000;
}

/** Runs the installer and, where it compiles nothing, the compiler; then mksquashfs. */
function runBare(setting: Setting, kind: Kind, bare: BareInstall): BareTimes {
  const { user, env, home } = setting;
  let install = 0;
  for (const command of bare.commands) install += timeCommand(user, command) / 1000;
  if (kind === "pip") return { install, compile: 0, pack: packAlone(setting, bare.target) };
  const libraries = readdirSync(join(bare.target, "lib"))
    .filter((name) => /^python3\.\d+$/.test(name))
    .map((name) => join(bare.target, "lib", name));
  const argv = [
    join(bare.target, "bin", "python3"),
    ...["-m", "compileall", "-q", "-q", "-j", String(COMPILE_JOBS)],
    ...libraries,
  ] as const;
  // Files of another Python's syntax do not compile: no failure, as in a build.
  const started = performance.now();
  runCommand(user, { argv: ["/bin/sh", "-c", '"$@" || :', "compile", ...argv], env, cwd: home });
  const compile = (performance.now() - started) / 1000;
  return { install, compile, pack: packAlone(setting, bare.target) };
}

interface Series {
  builds: Build[];
  /** Those of which nothing was compiled before: seconds. */
  first: number[];
  bare: BareTimes[];
}

function casesOf(setting: Setting, kind: Kind, series: Series): Case[] {
  const prefix = join(setting.home, `build-${kind}`);
  let example: Build | undefined;
  const build = (): Build => {
    remove(prefix);
    spawnSync("sync");
    const built = buildEnvironment(setting, kind, prefix);
    remove(prefix);
    return built;
  };
  return [
    {
      name: `${kind}: build`,
      measure: () => {
        const built = build();
        example ??= built;
        series.builds.push(built);
        return built.wall * 1000;
      },
    },
    {
      name: `${kind}: build, nothing compiled before`,
      measure: () =>
        withoutBytecode(setting, () => {
          const { wall } = build();
          series.first.push(wall);
          return wall * 1000;
        }),
    },
    {
      name: `${kind}: bare installer`,
      measure: () => {
        example ??= build();
        const target = join(setting.work, `bare-${kind}-${randomUUID()}`);
        const bare = bareInstall(setting, kind, example, target);
        prepareBare(setting, bare);
        spawnSync("sync");
        const times = runBare(setting, kind, bare);
        series.bare.push(times);
        remove(bare.target);
        remove(bare.inputs);
        return (times.install + times.compile) * 1000;
      },
    },
  ];
}

/** The steps of one kind of build beside the installer alone. */
function stepTable(kind: Kind, { builds, first, bare }: Series): Table {
  const steps = [...new Set(builds.flatMap((build) => [...build.steps.keys()]))];
  const ofStep = (step: string): number[] => builds.map((build) => build.steps.get(step) ?? 0);
  const rest = builds.map((build) => build.wall - [...build.steps.values()].reduce((a, b) => a + b, 0));
  const bareOf: Record<string, number[]> = {
    install: bare.map(({ install }) => install),
    ...(kind === "pip" ? {} : { compile: bare.map(({ compile }) => compile) }),
    pack: bare.map(({ pack }) => pack),
  };
  const whole = builds.map(({ wall }) => wall);
  const bareWhole = bare.map(({ install, compile }) => install + compile);
  const row = (name: string, own: number[], other?: number[]): string[] => [
    name,
    spread(summarize(own), seconds),
    `${((median(own) / median(whole)) * 100).toFixed(0)} %`,
    other ? spread(summarize(other), seconds) : "",
  ];
  return {
    caption: `${ENGINE[kind]} (seconds):`,
    head: ["step", "build", "share", "bare"],
    rows: [
      ...steps.map((step) => row(step, ofStep(step), bareOf[step])),
      row("rest (start, input, work directory away)", rest),
      row("**whole**", whole, bareWhole),
      row("the same, nothing compiled before", first),
    ],
  };
}

function limitOf(kind: Kind, { builds, bare }: Series, random: () => number): Limit {
  const whole = builds.map(({ wall }) => wall);
  const bareWhole = bare.map(({ install, compile }) => install + compile);
  const over = comparePaired(
    whole,
    bareWhole,
    (build, alone) => build - (LIMIT.factor * alone + LIMIT.seconds),
    random,
  );
  const allowed = LIMIT.factor * median(bareWhole) + LIMIT.seconds;
  return {
    what: `build with ${kind === "conda" ? "rattler" : kind} against the bare installer`,
    limit: `${LIMIT.factor} × ${seconds(median(bareWhole))} s + ${LIMIT.seconds} s = ${seconds(allowed)} s`,
    measured: `${seconds(median(whole))} s; ratio ${interval(comparePaired(whole, bareWhole, ratio, random), seconds)}`,
    ...within(over, 0),
  };
}

function strictLimitOf(
  kind: Kind,
  whole: readonly number[],
  { bare }: Series,
  random: () => number,
  when = "",
): Limit {
  const allowed = bare.map(
    ({ install, compile, pack }) => STRICT_FACTOR * (install + compile) + (kind === "pip" ? 0 : pack),
  );
  const share = comparePaired(whole, allowed, ratio, random);
  const name = kind === "conda" ? "rattler" : kind;
  return {
    what: `build with ${name} by ${STRICT_FACTOR} × the bare installer${kind === "pip" ? "" : " with compileall, and mksquashfs alone"}${when}`,
    limit: `${seconds(median(allowed))} s`,
    measured: `${seconds(median(whole))} s; share ${interval(share, seconds)}`,
    ...within(share, 1),
  };
}

/** The seconds of each step, side by side. */
function stepPlot(title: string, series: ReadonlyMap<Kind, Series>): string {
  const steps = [
    ...new Set([...series.values()].flatMap(({ builds }) => builds.flatMap((one) => [...one.steps.keys()]))),
  ];
  // What takes no time has no colour.
  const shown = steps.filter((step) =>
    [...series.values()].some(({ builds }) => median(builds.map((one) => one.steps.get(step) ?? 0)) > 0.05),
  );
  const rest = (one: Build): number =>
    Math.max(0, one.wall - shown.reduce((sum, step) => sum + (one.steps.get(step) ?? 0), 0));
  const rows = [...series].flatMap(([kind, { builds, bare }]) => [
    {
      name: ENGINE[kind],
      values: [
        ...shown.map((step) => median(builds.map((one) => one.steps.get(step) ?? 0))),
        median(builds.map(rest)),
      ],
    },
    {
      name: "bare installer",
      values: shown.map((step) =>
        step === "install" || step === "compile" ? median(bare.map((one) => one[step])) : 0,
      ),
    },
  ]);
  return bars(title, "s", rows, [...shown, "rest"]);
}

/** What people of science install: some 30,000 files. */
export const LARGE = ["numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "jupyterlab"];

/** Builds of a large environment from PyPI, with pip and with uv. */
export async function measureLarge(setting: Setting, rounds: number): Promise<Findings> {
  const requirements = join(setting.home, "large.txt");
  writeFileSync(requirements, `${LARGE.join("\n")}\n`);
  const findings = await measureBuilds({ ...setting, requirements }, ["pip", "uv"], rounds, "Large builds");
  return {
    ...findings,
    limits: findings.limits.filter(({ what }) => what.includes(String(STRICT_FACTOR))),
    notes: [`${LARGE.join(", ")} from PyPI; otherwise as the builds above.`],
  };
}

/** Whole builds, split by step, against the installer alone. */
export async function measureBuilds(
  setting: Setting,
  kinds: readonly Kind[],
  rounds: number,
  title = "Builds",
): Promise<Findings> {
  const series = new Map(kinds.map((kind): [Kind, Series] => [kind, { builds: [], first: [], bare: [] }]));
  const cases = [...series].flatMap(([kind, one]) => casesOf(setting, kind, one));
  await interleave(cases, rounds, setting.random, (round) => {
    setting.say(
      `${title.toLowerCase()}: ${round === 0 ? "filling the caches" : `round ${round} of ${rounds}`}`,
    );
    // The round before is not counted.
    if (round === 1) {
      for (const one of series.values()) one.builds.length = one.first.length = one.bare.length = 0;
    }
  });
  const findings: Findings = {
    title,
    tables: [],
    limits: [],
    plots: [
      {
        name: title.toLowerCase().replaceAll(" ", "-"),
        title: `${title}, split by step`,
        svg: stepPlot(`${title}, split by step, beside the bare installer`, series),
      },
    ],
    raw: {},
    notes: [
      "bare: the very commands of the build's install step without a container, into a plain directory beside the work directories. rattler and uv compile nothing, so compileall with 2 jobs belongs to them; pip compiles by itself there (in the build it is told not to). Caches are warm, the tool's own of bytecode, too; the file systems are synced before each.",
      "nothing compiled before: the tool's cache of bytecode is set apart; the installers' caches are warm.",
      "The difference of the install rows is what the container costs the installer; rattler and uv install from outside (uv makes its venv inside).",
    ],
  };
  for (const [kind, one] of series) {
    findings.tables.push(stepTable(kind, one));
    const whole = one.builds.map(({ wall }) => wall);
    findings.limits.push(
      limitOf(kind, one, setting.random),
      strictLimitOf(kind, whole, one, setting.random),
      strictLimitOf(kind, one.first, one, setting.random, "; nothing compiled before"),
    );
    findings.raw[kind] = {
      build: one.builds.map(({ wall, steps }) => ({ wall, steps: Object.fromEntries(steps) })),
      first: one.first,
      bare: one.bare,
    };
  }
  return findings;
}
