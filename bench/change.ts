import { spawnSync } from "node:child_process";
import { chownSync, existsSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { packArgv } from "../src/tools/mksquashfs.ts";
import { remove } from "../test/support/real.ts";
import type { Findings, Limit, Table } from "./results.ts";
import { interval, seconds, spread } from "./results.ts";
import { type Command, interleave, runCommand, timeCommand } from "./rounds.ts";
import { answer, type Setting } from "./setting.ts";
import { comparePaired, ratio, summarize } from "./statistics.ts";

/** An update may take this share of building the same anew. */
const UPDATE_SHARE = 1 / 3;
/** Wrapping in place may take this many times as long as mksquashfs alone, and the seconds. */
const WRAP_LIMIT = { factor: 1.3, seconds: 1 };

/** What people of science install: some ten thousand files. */
const SCIENCE = ["numpy==2.2.6", "scipy==1.15.3", "pandas==2.2.3", "matplotlib==3.10.3"];
/** A package of one file, which a post-install script adds. */
const ONE = "cowsay==6.1";

/** Files and commands of this part, in the user's directory. */
function subjects(setting: Setting) {
  const file = (name: string, text: string): string => {
    const path = join(setting.home, name);
    writeFileSync(path, text);
    chownSync(path, setting.user.uid, setting.user.gid);
    return path;
  };
  const requirements = file("science.txt", `${SCIENCE.join("\n")}\n`);
  const script = file("one.sh", `pip install ${ONE}\n`);
  const prefix = join(setting.home, "science");
  const tool = join(setting.bin, "pip-containerize");
  const run = (argv: Command["argv"]): Command => ({ argv, env: setting.env, cwd: setting.home });
  const common = ["--tmpdir", setting.work] as const;
  return {
    prefix,
    run,
    build: run([tool, "new", ...common, "--prefix", prefix, "--post-install", script, requirements]),
    update: run([tool, "update", ...common, "--post-install", script, prefix]),
    plain: run([tool, "new", ...common, "--prefix", prefix, requirements]),
  };
}

function timed(setting: Setting, command: Command): number {
  spawnSync("sync");
  return timeCommand(setting.user, command);
}

interface Measured {
  build: number[];
  update: number[];
  wrap: number[];
  pack: number[];
}

async function measure(setting: Setting, rounds: number): Promise<Measured & { entries: number }> {
  const { prefix, run, build, update, plain } = subjects(setting);
  const venv = join(setting.home, "venv");
  const image = join(setting.work, "alone.sqfs");
  const kapseli = join(setting.bin, "kapseli");
  setting.say("updates and wrapping: making a venv of some ten thousand files");
  runCommand(setting.user, run(["python3", "-m", "venv", venv]));
  runCommand(setting.user, run([join(venv, "bin", "pip"), "install", "-q", ...SCIENCE]));
  const entries = Number(answer(setting, ["/bin/sh", "-c", 'find "$0" | wc -l', venv]));
  const pack = packArgv({
    mksquashfs: "mksquashfs",
    source: venv,
    image,
    compression: "zstd",
    processors: Math.min(16, availableParallelism()),
    owner: setting.user,
    actions: true,
  });
  const cases = [
    {
      name: "build",
      measure: () => {
        remove(prefix);
        return timed(setting, build);
      },
    },
    {
      name: "update",
      measure: () => {
        // What is updated lacks the package, as it would.
        if (existsSync(prefix)) remove(prefix);
        runCommand(setting.user, plain);
        return timed(setting, update);
      },
    },
    {
      name: "wrap",
      measure: () => {
        const took = timed(setting, run([kapseli, "wrap", "--tmpdir", setting.work, venv]));
        runCommand(setting.user, run([kapseli, "unwrap", venv]));
        return took;
      },
    },
    {
      name: "pack",
      measure: () => {
        const took = timed(setting, run(pack));
        remove(image);
        return took;
      },
    },
  ];
  const taken = await interleave(cases, rounds, setting.random, (round) =>
    setting.say(
      round === 0
        ? "updates and wrapping: filling the caches"
        : `updates and wrapping: round ${round} of ${rounds}`,
    ),
  );
  const of = (name: string): number[] => (taken.get(name) ?? []).map((value) => value / 1000);
  return { build: of("build"), update: of("update"), wrap: of("wrap"), pack: of("pack"), entries };
}

/** Updates against building anew, and wrapping in place against packing alone. */
export async function measureChanges(setting: Setting, rounds: number): Promise<Findings> {
  const { entries, ...measured } = await measure(setting, rounds);
  const { build, update, wrap, pack } = measured;
  const share = comparePaired(update, build, ratio, setting.random);
  const over = comparePaired(
    wrap,
    pack,
    (whole, alone) => whole - (WRAP_LIMIT.factor * alone + WRAP_LIMIT.seconds),
    setting.random,
  );
  const allowed = WRAP_LIMIT.factor * summarize(pack).median + WRAP_LIMIT.seconds;
  const row = (name: string, values: number[]): string[] => [name, spread(summarize(values), seconds)];
  const table: Table = {
    caption: `pip, ${SCIENCE.join(", ")}; the venv has ${entries} files (seconds):`,
    head: ["what", "time"],
    rows: [
      row(`build anew, with a script that installs ${ONE.replace(/=.*/, "")}`, build),
      row("update with that script", update),
      row("wrap in place", wrap),
      row("mksquashfs alone, with the same options", pack),
    ],
  };
  const limits: Limit[] = [
    {
      what: "update against building anew",
      limit: "1/3",
      measured: interval(share, seconds),
      met: share.estimate <= UPDATE_SHARE,
      close: share.lower <= UPDATE_SHARE && share.upper > UPDATE_SHARE,
    },
    {
      what: "wrapping in place against mksquashfs alone",
      limit: `${WRAP_LIMIT.factor} × ${seconds(summarize(pack).median)} s + ${WRAP_LIMIT.seconds} s = ${seconds(allowed)} s`,
      measured: `${seconds(summarize(wrap).median)} s; ratio ${interval(comparePaired(wrap, pack, ratio, setting.random), seconds)}`,
      met: over.estimate <= 0,
      close: over.lower <= 0 && over.upper > 0,
    },
  ];
  return {
    title: "Updates and wrapping in place",
    tables: [table],
    limits,
    notes: [
      "pip's cache is warm, the index is asked in each build. The file systems are synced before each. What is updated is built for it, untimed, without the script; the venv is given back by unwrap, untimed.",
    ],
    raw: measured,
  };
}
