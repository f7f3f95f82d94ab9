import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { COMPRESSION_LEVELS, compressionsFor, packArgv } from "../src/tools/mksquashfs.ts";
import { remove } from "../test/support/real.ts";
import { buildEnvironment } from "./builds.ts";
import { evict } from "./cold.ts";
import { type Findings, interval, megabytes, milliseconds, seconds, spread } from "./results.ts";
import { type Case, interleave, runCommand, timeCommand } from "./rounds.ts";
import { answer, type Setting } from "./setting.ts";
import { comparePaired, median, ratio, summarize } from "./statistics.ts";
import { bars, lines } from "./svg.ts";

/** The image may have this share of the tree at the default level. */
const SHARE = 0.35;

/** Levels of --compress: the image's size, packing it, and starting from it, also when it is not in the page cache. */
export async function measureImages(setting: Setting, rounds: number): Promise<Findings> {
  const { user, env, home, work, random } = setting;
  const built = COMPRESSION_LEVELS.map((level) => {
    setting.say(`images: building with --compress ${level}`);
    const { prefix } = buildEnvironment(setting, "conda", join(home, `image-${level}`), [
      "--compress",
      level,
    ]);
    return { level, prefix, image: join(prefix, "current", "env.sqfs") };
  });
  const tree = join(work, "image-tree");
  const [first] = built;
  if (!first) throw new RangeError("there are no levels");
  runCommand(user, {
    argv: ["unsquashfs", "-quiet", "-no-progress", "-dest", tree, first.image],
    env,
    cwd: work,
  });
  const treeBytes = Number(answer(setting, ["du", "-sb", tree]).split("\t")[0]);

  const packed = join(work, "image-alone.sqfs");
  const cases = built.flatMap(({ level, prefix, image }): Case[] => {
    const python = join(prefix, "bin", "python3");
    const start = (code: string): number => timeCommand(user, { argv: [python, "-c", code], env, cwd: home });
    const [compression = "zstd"] = compressionsFor(level);
    const pack = packArgv({
      mksquashfs: "mksquashfs",
      source: tree,
      image: packed,
      compression,
      level,
      processors: Math.min(16, availableParallelism()),
      owner: user,
      actions: true,
    });
    return [
      {
        name: `${level}: mksquashfs alone`,
        measure: () => {
          const took = timeCommand(user, { argv: pack, env, cwd: work });
          remove(packed);
          return took;
        },
      },
      { name: `${level}: python3 -c pass`, measure: () => start("pass") },
      { name: `${level}: import numpy`, measure: () => start("import numpy") },
      {
        name: `${level}: import numpy, image not cached`,
        measure: () => {
          evict(setting, image);
          return start("import numpy");
        },
      },
    ];
  });
  setting.say(`images: ${cases.length} cases, ${rounds} rounds`);
  const taken = await interleave(cases, rounds, random);
  const of = (level: string, what: string): number[] => taken.get(`${level}: ${what}`) ?? [];
  const imported = (level: string): string =>
    interval(comparePaired(of(level, "import numpy"), of("default", "import numpy"), ratio, random), seconds);
  const sizes = built.map(({ level, image }) => ({ level, bytes: statSync(image).size }));
  const standard = sizes.find(({ level }) => level === "default");
  return {
    title: "Images",
    tables: [
      {
        caption: "Levels of `--compress` (the conda environment; milliseconds but for packing):",
        head: [
          "level",
          "image, MB",
          "by tree",
          "mksquashfs alone, s",
          "`python3 -c pass`",
          "`import numpy`",
          "import by default's",
          "`import numpy`, image not cached",
        ],
        rows: sizes.map(({ level, bytes }) => [
          level,
          megabytes(bytes),
          `${((bytes / treeBytes) * 100).toFixed(0)} %`,
          spread(summarize(of(level, "mksquashfs alone").map((value) => value / 1000)), seconds),
          spread(summarize(of(level, "python3 -c pass")), milliseconds),
          spread(summarize(of(level, "import numpy")), milliseconds),
          imported(level),
          spread(summarize(of(level, "import numpy, image not cached")), milliseconds),
        ]),
      },
    ],
    limits: standard
      ? [
          {
            what: "image by unpacked tree at the default level, conda",
            limit: SHARE.toFixed(2),
            measured: (standard.bytes / treeBytes).toFixed(3),
            met: standard.bytes <= SHARE * treeBytes,
          },
        ]
      : [],
    notes: [
      "image not cached: dd takes the image out of the page cache before each start (posix_fadvise); what a file server or its client cache besides stays. The runtime itself and the host's files stay in the page cache.",
    ],
    plots: [
      {
        name: "image-levels",
        title: "Size against time by level of compression",
        svg: lines(
          "Image size against the time of an import, by --compress",
          { x: "import numpy, ms", y: "image, MB" },
          sizes.map(({ level, bytes }) => ({
            name: level,
            points: [{ x: median(of(level, "import numpy")), y: bytes / 1e6, label: level }],
          })),
        ),
      },
      {
        name: "image-packing",
        title: "Packing by level of compression",
        svg: bars(
          "mksquashfs alone, by --compress",
          "s",
          sizes.map(({ level }) => ({
            name: level,
            values: [median(of(level, "mksquashfs alone")) / 1000],
          })),
        ),
      },
    ],
    raw: {
      ...Object.fromEntries(taken),
      bytes: Object.fromEntries(sizes.map((one) => [one.level, one.bytes])),
    },
  };
}
