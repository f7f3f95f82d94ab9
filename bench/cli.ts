import { realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { buildCommand } from "./builds.ts";
import { type Findings, type Limit, milliseconds, spread } from "./results.ts";
import { type Case, type Command, interleave, timeCommand } from "./rounds.ts";
import type { Setting } from "./setting.ts";
import { median, summarize } from "./statistics.ts";
import { countFileCalls } from "./strace.ts";

/** Milliseconds for the help of any command and for a plan, and calls about files of the installation. */
const LIMITS = { help: 100, dryRun: 200, calls: 30 };

/** A command with the tool's own directory of executables on PATH, as profile.d and the modulefiles put it there. */
function asLoaded({ argv: [program, ...args], env, cwd }: Command, linked: string, own: string): Command {
  const path = (env.PATH ?? "").split(":").map((directory) => (directory === linked ? own : directory));
  return { argv: [join(own, basename(program)), ...args], env: { ...env, PATH: path.join(":") }, cwd };
}

/** Starts of the tool itself. */
export async function measureCli(setting: Setting, rounds: number): Promise<Findings> {
  const { bin, env, home, user } = setting;
  const call = (tool: string, ...args: string[]): Command => ({
    argv: [join(bin, tool), ...args],
    env,
    cwd: home,
  });
  const helps = [
    ["conda-containerize", "--help"],
    ["conda-containerize", "new", "--help"],
    ["pip-containerize", "--help"],
    ["pip-containerize", "new", "--help"],
    ["kapseli", "--help"],
    ["kapseli", "bases", "--help"],
  ] as const;
  const node = "node -e 0 (nothing can be faster)";
  const commands = new Map<string, Command>([
    [node, { argv: ["node", "-e", "0"], env, cwd: home }],
    ...helps.map(([tool, ...args]): [string, Command] => [[tool, ...args].join(" "), call(tool, ...args)]),
    ["conda-containerize --version", call("conda-containerize", "--version")],
    ["kapseli bases", call("kapseli", "bases")],
    [
      "conda-containerize new --dry-run",
      buildCommand(setting, "conda", join(home, "dry-conda"), ["--dry-run"]),
    ],
    ["pip-containerize new --dry-run", buildCommand(setting, "pip", join(home, "dry-pip"), ["--dry-run"])],
  ]);
  setting.say(`the tool's own starts: ${commands.size} commands, ${rounds} rounds`);
  const cases = [...commands].map(
    ([name, command]): Case => ({ name, measure: () => timeCommand(user, command) }),
  );
  const taken = await interleave(cases, rounds, setting.random);
  const own = dirname(realpathSync(join(bin, "kapseli")));
  const calls = [...commands]
    .filter(([name]) => name !== node)
    .map(([name, command]) => ({
      name,
      counts: countFileCalls(setting, asLoaded(command, bin, own), dirname(own)),
    }));
  const total = (counts: Map<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
  const limit = (what: string, names: readonly string[], most: number): Limit[] => {
    const [slowest] = names
      .map((name) => ({ name, median: median(taken.get(name) ?? []) }))
      .sort((a, b) => b.median - a.median);
    if (!slowest) return [];
    return [
      {
        what: `${what}, the slowest (${slowest.name})`,
        limit: `${most} ms`,
        measured: `${milliseconds(slowest.median)} ms`,
        met: slowest.median <= most,
      },
    ];
  };
  const [busiest] = calls
    .map(({ name, counts }) => ({ name, count: total(counts) }))
    .sort((a, b) => b.count - a.count);
  return {
    title: "The tool itself",
    tables: [
      {
        caption: "Starts (milliseconds, one interleaved run):",
        head: ["command", "median (quartiles)"],
        rows: [...taken].map(([name, values]) => [name, spread(summarize(values), milliseconds)]),
      },
      {
        caption:
          "System calls about files of the installation (strace, with its bin on PATH; a slow file system is asked this often):",
        head: ["command", "calls", "by call"],
        rows: calls.map(({ name, counts }) => [
          name,
          String(total(counts)),
          [...counts]
            .sort((a, b) => b[1] - a[1])
            .map(([call, count]) => `${call} ${count}`)
            .join(", "),
        ]),
      },
    ],
    limits: [
      ...limit(
        "--help",
        helps.map((words) => words.join(" ")),
        LIMITS.help,
      ),
      ...limit(
        "--dry-run",
        [...commands.keys()].filter((name) => name.endsWith("--dry-run")),
        LIMITS.dryRun,
      ),
      {
        what: `calls about files of the installation, the most (${busiest?.name})`,
        limit: String(LIMITS.calls),
        measured: String(busiest?.count),
        met: (busiest?.count ?? 0) <= LIMITS.calls,
      },
    ],
    notes: [],
    raw: {
      milliseconds: Object.fromEntries(taken),
      calls: Object.fromEntries(calls.map(({ name, counts }) => [name, Object.fromEntries(counts)])),
    },
  };
}
