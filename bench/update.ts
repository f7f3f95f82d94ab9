import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chownSync, existsSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { packArgv } from "../src/tools/mksquashfs.ts";
import { remove } from "../test/support/real.ts";
import { LARGE } from "./build.ts";
import { ENGINE, KINDS, type Kind } from "./builds.ts";
import { type Findings, interval, type Limit, seconds, spread, within } from "./results.ts";
import { type Case, type Command, interleave, runCommand, timeCommand } from "./rounds.ts";
import { type Setting, withoutBytecode } from "./setting.ts";
import { comparePaired, ratio, summarize } from "./statistics.ts";

/** An update may take this share of building the same anew, with pip. */
const SHARE = 0.25;
/** With uv and rattler, which install in no time, it may take as long as the squashfs tools alone and these seconds. */
const BESIDE_TOOLS_S = 2;

/** A package of one file. */
const ONE = "cowsay==6.1";

interface Subject {
  prefix: string;
  /** Builds what is updated. */
  plain: Command;
  /** Builds it with the package. */
  anew: Command;
  /** Adds the package. */
  update: Command;
}

/** The files and commands for one engine. */
function subjectOf(setting: Setting, kind: Kind): Subject {
  const file = (name: string, text: string): string => {
    const path = join(setting.home, name);
    writeFileSync(path, text);
    chownSync(path, setting.user.uid, setting.user.gid);
    return path;
  };
  const prefix = join(setting.home, `updated-${kind}`);
  const run = (tool: string, ...argv: string[]): Command => ({
    argv: [join(setting.bin, tool), ...argv],
    env: setting.env,
    cwd: setting.home,
  });
  const common = ["--tmpdir", setting.work] as const;
  if (kind === "conda") {
    const tool = "conda-containerize";
    const script = ["--post-install", file("one.sh", "conda install -y kapseli-versions\n")] as const;
    const create = ["new", "--engine", "rattler", ...common, "--prefix", prefix] as const;
    return {
      prefix,
      plain: run(tool, ...create, setting.condaFile),
      anew: run(tool, ...create, ...script, setting.condaFile),
      update: run(tool, "update", ...common, ...script, prefix),
    };
  }
  const tool = "pip-containerize";
  const create = ["new", ...(kind === "uv" ? ["--uv"] : []), ...common, "--prefix", prefix] as const;
  return {
    prefix,
    plain: run(tool, ...create, file("large.txt", `${LARGE.join("\n")}\n`)),
    anew: run(tool, ...create, file("large-and-one.txt", `${[...LARGE, ONE].join("\n")}\n`)),
    update: run(tool, "update", ...common, "-r", file("one.txt", `${ONE}\n`), prefix),
  };
}

/** The squashfs tools alone on the image that is updated, by a directory that is not there yet. */
function toolsAlone(setting: Setting, { prefix }: Subject, tree: string): [Command, Command] {
  const { user, env, work } = setting;
  const image = join(prefix, "current", "env.sqfs");
  const pack = packArgv({
    mksquashfs: "mksquashfs",
    source: tree,
    image: `${tree}.sqfs`,
    compression: "zstd",
    processors: Math.min(16, availableParallelism()),
    owner: user,
    actions: true,
  });
  const unpack = ["unsquashfs", "-quiet", "-no-progress", "-dest", tree, image] as const;
  return [
    { argv: [...unpack], env, cwd: work },
    { argv: pack, env, cwd: work },
  ];
}

function timed(setting: Setting, command: Command): number {
  spawnSync("sync");
  return timeCommand(setting.user, command);
}

/** Updates by one package against building the same anew, with each engine. */
export async function measureUpdates(setting: Setting, rounds: number): Promise<Findings> {
  // Another channel may lack the package.
  const kinds = KINDS.filter((kind) => kind !== "conda" || setting.ownChannel);
  const subjects = kinds.map((kind) => ({ kind, ...subjectOf(setting, kind) }));
  const cases = subjects.flatMap((subject): Case[] => {
    const { kind, prefix, plain, anew, update } = subject;
    const fresh = (): void => {
      if (existsSync(prefix)) remove(prefix);
    };
    const buildAnew = (): number => {
      fresh();
      return timed(setting, anew);
    };
    return [
      { name: `${kind}: anew`, measure: buildAnew },
      { name: `${kind}: first`, measure: () => withoutBytecode(setting, buildAnew) },
      {
        name: `${kind}: update`,
        measure: () => {
          // What is updated lacks the package, as it would.
          fresh();
          runCommand(setting.user, plain);
          return timed(setting, update);
        },
      },
      {
        name: `${kind}: tools`,
        measure: () => {
          if (!existsSync(prefix)) runCommand(setting.user, plain);
          const tree = join(setting.work, `update-${randomUUID()}`);
          const [unpack, pack] = toolsAlone(setting, subject, tree);
          const took = timed(setting, unpack) + timed(setting, pack);
          remove(tree);
          remove(`${tree}.sqfs`);
          return took;
        },
      },
    ];
  });
  const taken = await interleave(cases, rounds, setting.random, (round) =>
    setting.say(round === 0 ? "updates: filling the caches" : `updates: round ${round} of ${rounds}`),
  );
  const of = (kind: Kind, what: string): number[] =>
    (taken.get(`${kind}: ${what}`) ?? []).map((value) => value / 1000);
  const limits = kinds.flatMap((kind): Limit[] => {
    const update = of(kind, "update");
    if (kind === "pip") {
      return (["anew", "first"] as const).map((what): Limit => {
        const share = comparePaired(update, of(kind, what), ratio, setting.random);
        return {
          what: `update with ${kind} by building anew${what === "first" ? ", nothing compiled before" : ""}`,
          limit: `${SHARE} ×`,
          measured: interval(share, seconds),
          ...within(share, SHARE),
        };
      });
    }
    const allowed = of(kind, "tools").map((value) => value + BESIDE_TOOLS_S);
    const share = comparePaired(update, allowed, ratio, setting.random);
    const tools: Limit = {
      what: `update with ${kind === "conda" ? "rattler" : kind} by unsquashfs and mksquashfs alone and ${BESIDE_TOOLS_S} s`,
      limit: `${seconds(summarize(allowed).median)} s`,
      measured: `${seconds(summarize(update).median)} s; share ${interval(share, seconds)}`,
      ...within(share, 1),
    };
    return [tools];
  });
  return {
    title: "Updates",
    tables: [
      {
        caption: `One package more (seconds). pip and uv: ${LARGE.join(", ")}, then ${ONE}; conda: the conda environment, then a package of the channel:`,
        head: [
          "engine",
          "build anew",
          "the same, nothing compiled before",
          "update",
          "update by anew",
          "unsquashfs and mksquashfs alone",
        ],
        rows: kinds.map((kind) => [
          ENGINE[kind],
          spread(summarize(of(kind, "anew")), seconds),
          spread(summarize(of(kind, "first")), seconds),
          spread(summarize(of(kind, "update")), seconds),
          interval(comparePaired(of(kind, "update"), of(kind, "anew"), ratio, setting.random), seconds),
          spread(summarize(of(kind, "tools")), seconds),
        ]),
      },
    ],
    limits,
    notes: [
      "Caches are warm, the index is asked in each build. The file systems are synced before each. What is updated is built for it, untimed.",
    ],
    raw: Object.fromEntries(
      kinds.map((kind) => [
        kind,
        Object.fromEntries(["anew", "first", "update", "tools"].map((what) => [what, of(kind, what)])),
      ]),
    ),
  };
}
