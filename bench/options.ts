import { parseArgs } from "node:util";
import type { Scheduler } from "./crowd.ts";

export const PARTS = [
  "start",
  "warm",
  "crowd",
  "image",
  "build",
  "large",
  "update",
  "wrap",
  "size",
  "scale",
  "cli",
] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  parts: readonly Part[];
  /** For developing: less of everything. */
  quick: boolean;
  /** Rounds of the parts that measure starts. */
  rounds: number;
  /** Rounds of the part that measures builds. */
  buildRounds: number;
  /** Where prefixes are made. */
  prefixDirectory: string | undefined;
  /** Where builds work, and where what they are compared with is unpacked and installed. */
  workDirectory: string;
  /** Directory of the executables of a tool that is installed already. */
  tool: string | undefined;
  /** Input files instead of the benchmark's own. */
  condaFile: string | undefined;
  requirements: string | undefined;
  /** An image whose start is the unit. */
  baseImage: string | undefined;
  /** What starts programs where many are started at once. */
  scheduler: Scheduler;
  /** Files of the largest synthetic environment. */
  files: number;
  /** Where results are written; undefined: printed only. */
  out: string | undefined;
  seed: number;
  /** The options that change what is measured, as given; for the results. */
  given: string;
}

export const USAGE = `usage: npm run bench -- [options]

  --rounds N         rounds of the starts (default 40); builds take an eighth of them, at least 3
  --quick            8 rounds, one build of each kind; for developing, not for numbers
  --only PART        start, warm, crowd (starts at once), image (levels of --compress), build, large (builds of some 20,000
                     files), update, wrap, size, scale (synthetic environments) or cli; may be given more than once
  --scheduler NAME   slurm: starts at once are tasks of one srun, inside an allocation (default none)
  --files N          of the largest synthetic environment (default 40000; 300000 takes 10 GB, three times)
  --prefix-dir DIR   where prefixes are made (default: the user's home)
  --tmpdir DIR       where builds work, and the trees and installations they are compared with lie (default /tmp)
  --tool DIR         executables of an installed tool (default: the project is packed and installed)
  --env FILE         env.yml (default: Python, numpy and small packages from the local channel)
  --requirements F   requirements file (default: numpy and small packages)
  --base-sif FILE    the image whose start is the unit (default: made by base-images/debian12, once; - for none)
  --out DIR          write RESULTS.md and results.json there in place of what is there of these
                     parts (default: bench/ for a full run, nowhere for a partial one)
  --seed N           of the order and the intervals (default 1)
`;

function positive(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`${option} takes a positive whole number`);
  return value;
}

/**
 * @param fallbackOut where a full run writes
 * @returns undefined when the help was asked for
 * @throws {Error} for an option that is not one, or a wrong value
 */
export function readOptions(argv: readonly string[], fallbackOut: string): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
      "prefix-dir": { type: "string" },
      tmpdir: { type: "string", default: "/tmp" },
      tool: { type: "string" },
      env: { type: "string" },
      requirements: { type: "string" },
      "base-sif": { type: "string" },
      out: { type: "string" },
      seed: { type: "string", default: "1" },
      scheduler: { type: "string", default: "none" },
      files: { type: "string", default: "40000" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const only = values.only ?? [];
  for (const part of only) {
    if (!PARTS.some((known) => known === part)) {
      throw new RangeError(`--only takes ${PARTS.join(", ")}; not ${part}`);
    }
  }
  const { scheduler } = values;
  if (scheduler !== "none" && scheduler !== "slurm") {
    throw new RangeError(`--scheduler takes none or slurm; not ${scheduler}`);
  }
  const rounds = values.rounds === undefined ? (values.quick ? 8 : 40) : positive(values.rounds, "--rounds");
  const full = only.length === 0 && !values.quick;
  return {
    parts: only.length === 0 ? PARTS : PARTS.filter((part) => only.includes(part)),
    quick: values.quick,
    rounds,
    buildRounds: values.quick ? 1 : Math.max(3, Math.ceil(rounds / 8)),
    prefixDirectory: values["prefix-dir"],
    workDirectory: values.tmpdir,
    tool: values.tool,
    condaFile: values.env,
    requirements: values.requirements,
    baseImage: values["base-sif"],
    scheduler,
    files: positive(values.files, "--files"),
    out: values.out ?? (full ? fallbackOut : undefined),
    seed: positive(values.seed, "--seed"),
    given: [
      ...(values.quick ? ["--quick"] : []),
      ...(values.rounds === undefined ? [] : [`--rounds ${rounds}`]),
      ...only.map((part) => `--only ${part}`),
      ...(scheduler === "none" ? [] : [`--scheduler ${scheduler}`]),
      ...(values.files === "40000" ? [] : [`--files ${values.files}`]),
      ...(values.env === undefined ? [] : ["--env …"]),
      ...(values.requirements === undefined ? [] : ["--requirements …"]),
    ].join(" "),
  };
}
