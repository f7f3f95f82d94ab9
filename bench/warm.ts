import { join } from "node:path";
import { hold, stop } from "../test/support/warm.ts";
import { measureMemory } from "./memory.ts";
import { type Findings, interval, milliseconds, seconds, spread, within } from "./results.ts";
import { type Case, type Command, interleave, timeCommand } from "./rounds.ts";
import type { Setting } from "./setting.ts";
import { type Environment, nativePython } from "./start.ts";
import { comparePaired, difference, ratio, summarize } from "./statistics.ts";

/** Of `python3 -c pass`: warm by the same Python on disk, and by the host's own. */
const LIMIT = 1.1;
const OWN = "the host's own `python3 -c pass`";
const AT_ONCE = 64;
/** 64 containers at once take ten seconds and more, and all of the machine. */
const MOST_ROUNDS_AT_ONCE = 3;

/** Processes whose memory is measured; cold, 32 imports of numpy take a quarter of a minute. */
const RANKS = { full: 32, quick: 8 };

const MANY = 'i=0; while [ "$i" -lt "$COUNT" ]; do "$@" & i=$((i + 1)); done; wait';

/** Starts that join a holder (kapseli warm) against ordinary ones and against the same program without a container. */
export async function measureWarm(
  setting: Setting,
  environment: Environment,
  rounds: number,
  quick = false,
): Promise<Findings> {
  const { env, user, home, random } = setting;
  const { prefix } = environment.build;
  const bin = join(prefix, "bin");
  const native = nativePython(setting, environment);
  const python = join(bin, "python3");
  const memory = await measureMemory(setting, environment, quick ? RANKS.quick : RANKS.full);
  setting.say("holding the environment warm");
  const held = await hold(user, { root: prefix, bin, python }, { env });
  const warmEnv = { ...env, KAPSELI_WARM: held.directory };
  const coldEnv = { ...env, KAPSELI_WARM: "off" };

  const programs: { what: string; call: [string, ...string[]]; native: Pick<Command, "argv" | "env"> }[] = [
    { what: "`true`", call: [join(bin, "_debug_exec"), "true"], native: { argv: ["/bin/true"], env } },
    ...["pass", "import numpy"].map((code) => ({
      what: `\`python3 -c '${code}'\``,
      call: [python, "-c", code] as [string, ...string[]],
      native: { ...native, argv: [...native.argv, "-c", code] as [string, ...string[]] },
    })),
  ];
  const names = (what: string) => ({
    warm: `${what}, warm`,
    cold: `${what}, cold`,
    native: `${what}, natively`,
  });
  const single = (what: string, command: Pick<Command, "argv" | "env">): Case => ({
    name: what,
    measure: () => timeCommand(user, { ...command, cwd: home }),
  });
  const many = (what: string, { argv, env: variables }: Pick<Command, "argv" | "env">): Case =>
    single(what, {
      argv: ["/bin/sh", "-c", MANY, "sh", ...argv],
      env: { ...variables, COUNT: String(AT_ONCE) },
    });
  const casesOf = (make: typeof single, measured: typeof programs): Case[] =>
    measured.flatMap(({ what, call, native: direct }) => [
      make(names(what).warm, { argv: call, env: warmEnv }),
      make(names(what).cold, { argv: call, env: coldEnv }),
      make(names(what).native, direct),
    ]);
  try {
    setting.say(`warm starts: ${rounds} rounds`);
    const own = single(OWN, { argv: ["/usr/bin/python3", "-c", "pass"], env });
    const one = await interleave([...casesOf(single, programs), own], rounds, random);
    // Without `import numpy`: cold, that is a minute of work for two processors.
    const fewer = programs.slice(0, 2);
    const roundsAtOnce = Math.min(rounds, MOST_ROUNDS_AT_ONCE);
    setting.say(`${AT_ONCE} at once: ${roundsAtOnce} rounds`);
    const atOnce = await interleave(casesOf(many, fewer), roundsAtOnce, random);
    const rows = (taken: Map<string, number[]>, measured: typeof programs, count: number): string[][] =>
      measured.map(({ what }) => {
        const of = (name: string): number[] => taken.get(name) ?? [];
        const { warm, cold, native: direct } = names(what);
        const shown = (name: string): string =>
          spread(summarize(of(name).map((value) => value / count)), milliseconds);
        return [
          what,
          shown(direct),
          shown(warm),
          shown(cold),
          interval(comparePaired(of(warm), of(direct), ratio, random), seconds),
          interval(comparePaired(of(warm), of(direct), difference, random), milliseconds),
          interval(comparePaired(of(warm), of(cold), ratio, random), seconds),
        ];
      });
    const head = ["what", "natively", "warm", "cold", "warm by native", "more, ms", "warm by cold"];
    const pass = names("`python3 -c 'pass'`");
    const limits = [
      ["the same Python on disk", pass.native],
      ["the host's own", OWN],
    ].map(([than, name = ""]) => {
      const reached = comparePaired(one.get(pass.warm) ?? [], one.get(name) ?? [], ratio, random);
      return {
        what: `warm \`python3 -c pass\` by ${than}`,
        limit: `${LIMIT} ×`,
        measured: interval(reached, seconds),
        ...within(reached, LIMIT),
      };
    });
    return {
      title: "Warm starts",
      tables: [
        { caption: "One start (milliseconds, one interleaved run):", head, rows: rows(one, programs, 1) },
        {
          caption: `${AT_ONCE} at once (milliseconds for each of them; *more* is for all):`,
          head,
          rows: rows(atOnce, fewer, AT_ONCE),
        },
        memory.table,
      ],
      limits,
      notes: [
        `${OWN}: ${spread(summarize(one.get(OWN) ?? []), milliseconds)} ms.`,
        "warm: joining the container that `kapseli warm` holds open; cold: an ordinary start; natively: the image unpacked on disk, without a container.",
      ],
      raw: { one: Object.fromEntries(one), atOnce: Object.fromEntries(atOnce), memory: memory.raw },
    };
  } finally {
    await stop(held);
  }
}
