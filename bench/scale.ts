import { spawn } from "node:child_process";
import { chownSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { BuildEvent } from "../src/report/events.ts";
import { remove } from "../test/support/real.ts";
import { type Findings, megabytes, seconds } from "./results.ts";
import type { Setting } from "./setting.ts";
import { lines } from "./svg.ts";

/** Time for a file may grow by this from the first size to the others. */
const PER_FILE_LIMIT = 1.2;
const MEMORY_LIMIT_MB = 150;
/** Bytes of a file on average, as in 10 GB of 300,000 files. */
const FILE_BYTES = 33_000;
const REFERENCE_FILES = 20_000;
const LOOK_EVERY_MS = 100;

/**
 * Fills an environment: packages of 200 files, a tenth of them Python modules, the others data of which half can be
 * compressed. Written by one process, in the order of the names.
 */
const GENERATOR = `
import os, random, sys
files, size = int(sys.argv[1]), int(sys.argv[2])
root = os.path.join(sys.argv[3], "synthetic")
r = random.Random(1)
half = os.urandom(1 << 20)
for number in range(files):
    package = os.path.join(root, "package%05d" % (number // 200))
    if number % 200 == 0:
        os.makedirs(package)
    if number % 10 == 0:
        text = "".join("def f%d(x):\\n    return x + %d\\n" % (i, r.randrange(10**6)) for i in range(20))
        with open(os.path.join(package, "module%d.py" % number), "w") as f:
            f.write(text)
    else:
        length = r.randrange(size // 4, size * 2)
        at = r.randrange(len(half) - length // 2)
        with open(os.path.join(package, "data%d.bin" % number), "wb") as f:
            f.write(half[at:at + length // 2] + b"%d " % number * (length // 16))
`;

interface Built {
  files: number;
  /** Seconds by step, without what makes the files. */
  steps: Record<string, number>;
  /** Seconds of all of them. */
  wall: number;
  /** Bytes. */
  image: number;
  /** Of our own process: bytes at most resident, files at most open. */
  memory: number;
  open: number;
  /** Reports of progress, and the longest time without any line, in seconds. */
  progress: number;
  silence: number;
}

/** The peak of a process' resident memory in bytes, by the kernel's own count (VmHWM). */
export function peakMemory(status: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** The process that a command became, or its child that is Node's. */
function look(pid: number): { memory: number; open: number } {
  try {
    return {
      memory: peakMemory(readFileSync(`/proc/${pid}/status`, "utf8")),
      open: readdirSync(`/proc/${pid}/fd`).length,
    };
  } catch {
    return { memory: 0, open: 0 };
  }
}

async function buildOf(setting: Setting, files: number): Promise<Built> {
  const { user, env, home } = setting;
  const input = (name: string, text: string): string => {
    const path = join(home, name);
    writeFileSync(path, text);
    chownSync(path, user.uid, user.gid);
    return path;
  };
  const prefix = join(home, `scale-${files}`);
  const generator = input("generate.py", GENERATOR);
  const script = input(
    `fill-${files}.sh`,
    `python3 ${generator} ${files} ${FILE_BYTES} "$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"\n`,
  );
  const argv = ["new", "--json", "--tmpdir", setting.work, "--prefix", prefix, "--post-install", script];
  const child = spawn(join(setting.bin, "pip-containerize"), [...argv, input("one.txt", "cowsay==6.1\n")], {
    cwd: home,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    ...(userInfo().uid === 0 ? { uid: user.uid, gid: user.gid } : {}),
  });
  const steps: Record<string, number> = {};
  let [memory, open, progress, silence, last, rest, said] = [0, 0, 0, 0, performance.now(), "", ""];
  let filling = false;
  const watch = setInterval(() => {
    const seen = look(child.pid ?? 0);
    memory = Math.max(memory, seen.memory);
    open = Math.max(open, seen.open);
  }, LOOK_EVERY_MS);
  child.stderr.on("data", (data: Buffer) => {
    said = `${said}${data.toString()}`.slice(-4000);
  });
  child.stdout.on("data", (data: Buffer) => {
    const now = performance.now();
    if (!filling) silence = Math.max(silence, (now - last) / 1000);
    last = now;
    const texts = `${rest}${data.toString()}`.split("\n");
    rest = texts.pop() ?? "";
    for (const text of texts.filter((one) => one.startsWith("{"))) {
      const event = JSON.parse(text) as BuildEvent;
      if (event.event === "step-started") filling = event.step === "post-install";
      else if (event.event === "step-progress") progress += 1;
      else if (event.event === "step-finished" && event.step !== "post-install") {
        steps[event.step] = event.seconds;
      }
    }
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearInterval(watch);
  if (code !== 0) throw new Error(`the build with ${files} files ended with ${code}:\n${said}`);
  const image = statSync(join(prefix, "current", "env.sqfs")).size;
  remove(prefix);
  const wall = Object.values(steps).reduce((a, b) => a + b, 0);
  return { files, steps, wall, image, memory, open, progress, silence };
}

/**
 * Builds of synthetic environments of growing size.
 *
 * @param most the largest one's files
 */
export async function measureScale(setting: Setting, most: number): Promise<Findings> {
  const sizes = [...new Set([REFERENCE_FILES / 2, REFERENCE_FILES, most])].sort((a, b) => a - b);
  const builds: Built[] = [];
  for (const files of sizes) {
    setting.say(`scale: ${files} files`);
    builds.push(await buildOf(setting, files));
  }
  const reference = builds.find(({ files }) => files === REFERENCE_FILES) ?? builds[0];
  const largest = builds.at(-1);
  if (!reference || !largest) throw new RangeError("there are no sizes");
  const perFile = (one: Built): number => (one.wall / one.files) * 1000;
  const growth = perFile(largest) / perFile(reference);
  const memory = Math.max(...builds.map((one) => one.memory)) / 1e6;
  const open = (one: Built): string => String(one.open);
  return {
    title: "Scale",
    tables: [
      {
        caption:
          "Synthetic environments of files of 33 kB on average, pip (seconds, without making the files):",
        head: [
          "files",
          "build",
          "ms for each file",
          "by 20,000 files'",
          "compile",
          "pack",
          "image, MB",
          "own process, MB",
          "open files",
          "progress reports",
          "longest silence",
        ],
        rows: builds.map((one) => [
          String(one.files),
          seconds(one.wall),
          perFile(one).toFixed(3),
          seconds(perFile(one) / perFile(reference)),
          seconds(one.steps.compile ?? 0),
          seconds(one.steps.pack ?? 0),
          megabytes(one.image),
          megabytes(one.memory),
          open(one),
          String(one.progress),
          seconds(one.silence),
        ]),
      },
    ],
    limits: [
      {
        what: `time for a file with ${largest.files} files by that with ${reference.files}`,
        limit: `${PER_FILE_LIMIT} ×`,
        measured: seconds(growth),
        met: growth <= PER_FILE_LIMIT,
      },
      {
        what: "memory of the tool's own process",
        limit: `${MEMORY_LIMIT_MB} MB`,
        measured: `${memory.toFixed(0)} MB`,
        met: memory <= MEMORY_LIMIT_MB,
      },
      {
        what: `open files with ${largest.files} files by those with ${reference.files}`,
        limit: "no more",
        measured: `${largest.open} by ${reference.open}`,
        // A few pipes more or less are open at the moment of a look.
        met: largest.open <= reference.open + 10,
      },
    ],
    notes: [
      "Once each, one after the other: compare by the ratio. own process: VmHWM of the tool's Node, looked at ten times a second, with the most files that were open at a look. longest silence: between two lines of --json, without the script that makes the files.",
    ],
    plots: [
      {
        name: "scale",
        title: "Scaling with the number of files",
        svg: lines("Build time by the number of files", { x: "files", y: "seconds" }, [
          { name: "build", points: builds.map((one) => ({ x: one.files, y: one.wall })) },
          ...(["compile", "pack"] as const).map((step) => ({
            name: step,
            points: builds.map((one) => ({ x: one.files, y: one.steps[step] ?? 0 })),
          })),
        ]),
      },
    ],
    raw: Object.fromEntries(builds.map((one) => [`${one.files} files`, one])),
  };
}
