import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import { hold, stop } from "../test/support/warm.ts";
import { buildEnvironment } from "./builds.ts";
import { type Findings, interval, milliseconds, seconds, spread, within } from "./results.ts";
import { type Command, interleaveAsync } from "./rounds.ts";
import { runtime, type Setting } from "./setting.ts";
import { handover } from "./start.ts";
import { comparePaired, median, ratio, summarize } from "./statistics.ts";
import { lines } from "./svg.ts";

/** At once, however many cores there are. */
const CROWDS = [16, 64, 128, 256] as const;
/** 256 containers at once take a quarter of a minute on two cores, each time. */
const FEW = [16, 64] as const;
const RATIO_LIMIT = 1.05;
/** What ends by itself has ended by then. */
const PATIENCE_MS = 5000;

export type Scheduler = "none" | "slurm";

/** Starts a command and waits for its end. @returns whether it succeeded */
function started(setting: Setting, { argv, env, cwd }: Command): Promise<boolean> {
  const [file, ...args] = argv;
  const { uid, gid } = setting.user;
  const identity = userInfo().uid === 0 ? { uid, gid } : {};
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: "ignore", ...identity });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code === 0));
  });
}

/** The words with which Slurm starts a program so many times on this node, however few cores it has. */
export function srunArgv(count: number, argv: readonly [string, ...string[]]): [string, ...string[]] {
  return ["srun", "-N", "1", "-n", String(count), "--overcommit", "--cpu-bind=none", ...argv];
}

/** @returns milliseconds until the last has ended. @throws {Error} when one fails */
async function together(
  setting: Setting,
  command: Command,
  count: number,
  scheduler: Scheduler,
): Promise<number> {
  const before = performance.now();
  const commands =
    scheduler === "slurm"
      ? [{ ...command, argv: srunArgv(count, command.argv) }]
      : Array.from({ length: count }, () => command);
  const all = await Promise.all(commands.map((one) => started(setting, one)));
  const failed = all.filter((succeeded) => !succeeded).length;
  if (failed > 0) throw new Error(`${failed} of ${count} starts of ${command.argv[0]} failed`);
  return performance.now() - before;
}

/** Processes that have something below a directory open or in their words, by number, and mounts of it. */
function leftovers(directory: string): string[] {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        const open = readdirSync(`/proc/${pid}/fd`).map((fd) => {
          try {
            return readlinkSync(`/proc/${pid}/fd/${fd}`);
          } catch {
            return "";
          }
        });
        const uses =
          words.some((word) => word.includes(directory)) || open.some((to) => to.startsWith(directory));
        return uses ? [`process ${pid}: ${words.join(" ").trim()}`] : [];
      } catch {
        // It has ended meanwhile, or is somebody else's.
        return [];
      }
    });
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(directory))
    .map((line) => `mount ${line}`);
  return [...processes, ...mounts];
}

/** @param known what was there before */
async function leftAfterAWhile(directory: string, known: ReadonlySet<string>): Promise<string[]> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = leftovers(directory).filter((one) => !known.has(one));
    if (left.length === 0 || performance.now() > until) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Many starts at once: through the launcher, each in a container of its own and in one held warm; of the runtime alone. */
export async function measureCrowds(
  setting: Setting,
  rounds: number,
  scheduler: Scheduler,
  quick = false,
): Promise<Findings> {
  const { env, home, random, user } = setting;
  const crowds = quick ? FEW : CROWDS;
  setting.say("starts at once: building the environment");
  const { prefix } = buildEnvironment(setting, "conda", join(home, "crowd"));
  const [bin, python] = [join(prefix, "bin"), join(prefix, "bin", "python3")];
  const inState = (warm: string): Command => ({
    argv: [python, "-c", "pass"],
    env: { ...env, KAPSELI_WARM: warm },
    cwd: home,
  });
  const launcher = inState("off");
  const { raw } = handover(setting, launcher, basename(runtime(setting)));
  const held = await hold(user, { root: prefix, bin, python }, { env });
  const known = new Set(leftovers(prefix));
  // In a job that one serves nobody; the tasks of one srun share a container by themselves.
  const warm = scheduler === "slurm" ? { ...launcher, env } : inState(held.directory);
  const left = new Set<string>();
  const cases = crowds.flatMap((count) =>
    [
      { name: `${count}: launcher`, command: launcher },
      { name: `${count}: warm`, command: warm },
      { name: `${count}: runtime alone`, command: raw },
    ].map(({ name, command }) => ({
      name,
      measure: async () => {
        const took = await together(setting, command, count, scheduler);
        for (const one of await leftAfterAWhile(prefix, known)) left.add(one);
        return took;
      },
    })),
  );
  setting.say(`starts at once: up to ${crowds.at(-1)}, ${rounds} rounds`);
  const taken = await interleaveAsync(cases, rounds, random).finally(() => stop(held));
  const of = (count: number, what: string): number[] => taken.get(`${count}: ${what}`) ?? [];
  const rows = crowds.map((count) => ({
    count,
    launcher: of(count, "launcher"),
    warm: of(count, "warm"),
    raw: of(count, "runtime alone"),
    ratio: comparePaired(of(count, "launcher"), of(count, "runtime alone"), ratio, random),
    warmRatio: comparePaired(of(count, "warm"), of(count, "launcher"), ratio, random),
  }));
  const each = (values: number[], count: number): string =>
    spread(summarize(values.map((value) => value / count)), milliseconds);
  return {
    title: "Starts at once",
    tables: [
      {
        caption: `\`python3 -c pass\` so many times at once${scheduler === "slurm" ? ", as tasks of one srun" : ""}, conda:`,
        head: [
          "at once",
          "launchers, s",
          "ms for each",
          "runtime alone, s",
          "ms for each",
          "launcher by runtime alone",
          "warm, s",
          "ms for each",
          "warm by launcher",
        ],
        rows: rows.map((row) => [
          String(row.count),
          spread(summarize(row.launcher.map((value) => value / 1000)), seconds),
          each(row.launcher, row.count),
          spread(summarize(row.raw.map((value) => value / 1000)), seconds),
          each(row.raw, row.count),
          interval(row.ratio, seconds),
          spread(summarize(row.warm.map((value) => value / 1000)), seconds),
          each(row.warm, row.count),
          interval(row.warmRatio, seconds),
        ]),
      },
    ],
    limits: [
      ...rows.map((row) => ({
        what: `${row.count} starts at once, launcher by the runtime alone`,
        limit: `${RATIO_LIMIT} ×`,
        measured: interval(row.ratio, seconds),
        ...within(row.ratio, RATIO_LIMIT),
      })),
      {
        what: "processes and mounts that are left after starts at once",
        limit: "0",
        measured: [String(left.size), ...[...left].slice(0, 3)].join("; "),
        met: left.size === 0,
      },
    ],
    notes: [
      "Every start succeeded, or this part would have failed. launchers: each start a container of its own; warm: all of them in the one that `kapseli warm` holds open, which is no leftover.",
    ],
    plots: [
      {
        name: "crowd",
        title: "Starts at once",
        svg: lines("Starts at once: time until the last has ended", { x: "starts at once", y: "seconds" }, [
          {
            name: "launcher",
            points: rows.map((row) => ({ x: row.count, y: median(row.launcher) / 1000 })),
          },
          {
            name: "warm",
            points: rows.map((row) => ({ x: row.count, y: median(row.warm) / 1000 })),
          },
          {
            name: "runtime alone",
            points: rows.map((row) => ({ x: row.count, y: median(row.raw) / 1000 })),
          },
        ]),
      },
    ],
    raw: Object.fromEntries(taken),
  };
}
