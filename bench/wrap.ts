import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { packArgv } from "../src/tools/mksquashfs.ts";
import { remove } from "../test/support/real.ts";
import { type Findings, interval, seconds, spread, within } from "./results.ts";
import { type Command, interleave, runCommand, timeCommand } from "./rounds.ts";
import { answer, type Setting } from "./setting.ts";
import { comparePaired, ratio, summarize } from "./statistics.ts";

/** What people of science install: some ten thousand files. */
const SCIENCE = ["numpy==2.2.6", "scipy==1.15.3", "pandas==2.2.3", "matplotlib==3.10.3"];

/** Wrapping in place may take this many times as long as mksquashfs alone, and the seconds. */
const LIMIT = { factor: 1.3, seconds: 1 };

/** Wrapping a venv in place against packing it alone. */
export async function measureWrapping(setting: Setting, rounds: number): Promise<Findings> {
  const { user, env, home, work, bin, random } = setting;
  const run = (argv: Command["argv"]): Command => ({ argv, env, cwd: home });
  const timed = (command: Command): number => {
    spawnSync("sync");
    return timeCommand(user, command);
  };
  const venv = join(home, "venv");
  const image = join(work, "alone.sqfs");
  const kapseli = join(bin, "kapseli");
  setting.say("wrapping in place: making a venv of some ten thousand files");
  runCommand(user, run(["python3", "-m", "venv", venv]));
  runCommand(user, run([join(venv, "bin", "pip"), "install", "-q", ...SCIENCE]));
  const entries = Number(answer(setting, ["/bin/sh", "-c", 'find "$0" | wc -l', venv]));
  const pack = packArgv({
    mksquashfs: "mksquashfs",
    source: venv,
    image,
    compression: "zstd",
    processors: Math.min(16, availableParallelism()),
    owner: user,
    actions: true,
  });
  const cases = [
    {
      name: "wrap",
      measure: () => {
        const took = timed(run([kapseli, "wrap", "--tmpdir", work, venv]));
        runCommand(user, run([kapseli, "unwrap", venv]));
        return took;
      },
    },
    {
      name: "pack",
      measure: () => {
        const took = timed(run(pack));
        remove(image);
        return took;
      },
    },
  ];
  const taken = await interleave(cases, rounds, random, (round) =>
    setting.say(
      round === 0 ? "wrapping in place: filling the caches" : `wrapping: round ${round} of ${rounds}`,
    ),
  );
  const of = (name: string): number[] => (taken.get(name) ?? []).map((value) => value / 1000);
  const [wrap, alone] = [of("wrap"), of("pack")];
  const over = comparePaired(
    wrap,
    alone,
    (whole, only) => whole - (LIMIT.factor * only + LIMIT.seconds),
    random,
  );
  const allowed = LIMIT.factor * summarize(alone).median + LIMIT.seconds;
  return {
    title: "Wrapping in place",
    tables: [
      {
        caption: `A venv with ${SCIENCE.join(", ")}: ${entries} files (seconds):`,
        head: ["what", "time"],
        rows: [
          ["kapseli wrap", spread(summarize(wrap), seconds)],
          ["mksquashfs alone, with the same options", spread(summarize(alone), seconds)],
        ],
      },
    ],
    limits: [
      {
        what: "wrapping in place against mksquashfs alone",
        limit: `${LIMIT.factor} × ${seconds(summarize(alone).median)} s + ${LIMIT.seconds} s = ${seconds(allowed)} s`,
        measured: `${seconds(summarize(wrap).median)} s; ratio ${interval(comparePaired(wrap, alone, ratio, random), seconds)}`,
        ...within(over, 0),
      },
    ],
    notes: ["The venv is given back by unwrap, untimed. The file systems are synced before each."],
    raw: { wrap, pack: alone },
  };
}
