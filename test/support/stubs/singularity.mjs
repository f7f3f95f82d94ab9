/**
 * A stand-in for Apptainer and SingularityCE, for decisions only: it takes their words, refuses what each of them
 * refuses (the table in docs/ of what was tried with each), and runs the command on the host with the
 * paths of bound directories and images replaced by their sources. Nothing about a real container follows from it.
 *
 * STUB_MODE says which runtime it is, STUB_LOG names a file that gets one JSON object for each start.
 */
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { constants } from "node:os";

const MODES = {
  "apptainer-1.4": { version: "apptainer version 1.4.5" },
  "apptainer-root": { version: "apptainer version 1.4.5", needs: "--userns" },
  "ce-4.4-setuid": { version: "singularity-ce version 4.4.2", noZstd: true },
  "ce-4.4-no-directory": { version: "singularity-ce version 4.4.2", noZstd: true, noDirectory: true },
  "ce-3.11-setuid": { version: "singularity-ce version 3.11.5", noZstd: true, imagesFirst: true },
  "ce-userns": { version: "singularity-ce version 4.4.2", noImages: true },
  "no-fuse": { version: "apptainer version 1.4.5", noImages: "fuse", noFuse: true },
  "no-fusemount": { version: "singularity-ce version 4.4.2", noZstd: true, noFusemount: true },
  broken: { version: "apptainer version 1.4.5", broken: true },
};
const SESSION = "/var/lib/singularity/mnt/session";
const WITH_VALUE = [
  "-B",
  "--bind",
  "--mount",
  "--fusemount",
  "--pwd",
  "--cwd",
  "-H",
  "--home",
  "--no-mount",
  "--env",
];

const mode = MODES[process.env.STUB_MODE ?? "apptainer-1.4"];
const argv = process.argv.slice(2);
if (process.env.STUB_LOG) {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("STUB_")),
  );
  appendFileSync(process.env.STUB_LOG, `${JSON.stringify({ argv, environment })}\n`);
}

function fatal(message) {
  process.stderr.write(`FATAL:   ${message}\n`);
  process.exit(255);
}

/** Fields of a CSV line (RFC 4180). */
function csv(line) {
  const fields = [];
  for (let at = 0; at <= line.length; at++) {
    let field = "";
    if (line[at] === '"') {
      for (at++; line[at] !== '"' || line[at + 1] === '"'; at++) {
        if (at >= line.length) fatal(`parse error: extraneous or missing " in ${line}`);
        if (line[at] === '"') at++;
        field += line[at];
      }
      at++;
    } else {
      while (at < line.length && line[at] !== ",") field += line[at++];
    }
    fields.push(field);
  }
  return fields;
}

function kindOf(path) {
  try {
    return statSync(path).isDirectory() ? "directory" : "file";
  } catch {
    return undefined;
  }
}

/** 6 is zstd: SquashFS 4.0 superblock, 16 bits at offset 20. */
function compressionOf(file) {
  const head = Buffer.alloc(24);
  readSync(openSync(file, "r"), head, 0, 24, 0);
  return head.readUInt16LE(20);
}

const temporary = [];
process.on("exit", () => {
  for (const path of temporary) rmSync(path, { recursive: true, force: true });
});

/** The content of an image as a directory. */
function opened(file) {
  if (mode.noZstd && compressionOf(file) === 6) {
    fatal(`while loading ${file}: corrupted image: unknown compression algorithm value 6`);
  }
  return extracted(file);
}

function extracted(file) {
  const directory = mkdtempSync(`${process.env.STUB_LOG}-image-`);
  temporary.push(directory);
  const ran = spawnSync("unsquashfs", ["-n", "-f", "-d", directory, file], { encoding: "utf8" });
  if (ran.status !== 0) fatal(`could not mount ${file}: ${ran.stderr}`);
  return directory;
}

function main() {
  if (argv[0] === "--version") return void process.stdout.write(`${mode.version}\n`);
  if (argv[0] === "buildcfg") return void process.stdout.write(`${SESSION}\n`);
  if (argv[0] === "pull") return pull(argv.slice(1));
  const at = argv.findIndex((word) => word === "exec" || word === "shell");
  if (at < 0) fatal(`unknown command ${argv[0]}`);
  start(argv.slice(at + 1));
}

function pull(words) {
  const [file, uri] = words.filter((word) => !word.startsWith("-"));
  if (process.env.STUB_PULL_ERROR) {
    process.stderr.write(`FATAL:   ${process.env.STUB_PULL_ERROR}\n`);
    process.exit(255);
  }
  appendFileSync(file, `image of ${uri}\n`);
}

function start(words) {
  const options = [];
  let index = 0;
  for (; index < words.length && words[index].startsWith("-"); index++) {
    const name = words[index];
    options.push({ name, value: WITH_VALUE.includes(name) ? words[++index] : undefined });
  }
  const base = words[index];
  const command = words.slice(index + 1);
  const has = (name) => options.some((option) => option.name === name);
  const values = (...names) => options.filter(({ name }) => names.includes(name)).map(({ value }) => value);

  if (mode.broken)
    fatal("could not use user namespace: no space left on device: user.max_user_namespaces is 0");
  if (mode.needs && !has(mode.needs)) fatal("while Requesting capability set: operation not permitted");
  const baseKind = kindOf(base);
  if (!baseKind) fatal(`could not open image ${base}: no such file or directory`);
  if (mode.noDirectory && baseKind === "directory") {
    fatal("configuration disallows users from running sandbox containers");
  }

  if (process.env.STUB_IMAGE_ERROR && baseKind === "file") fatal(process.env.STUB_IMAGE_ERROR);
  if (process.env.STUB_IMAGE && command.some((word) => word.startsWith("# Describes a base"))) {
    process.stdout.write(process.env.STUB_IMAGE);
    process.exit(0);
  }

  const binds = values("-B", "--bind").flatMap((value) => value.split(","));
  for (const path of binds) if (!kindOf(path)) fatal(`mount ${path}: no such file or directory`);
  const images = [];
  const places = [];
  for (const value of values("--mount")) {
    const fields = Object.fromEntries(csv(value).map((field) => field.split(/=(.*)/s)));
    if ("image-src" in fields) images.push(mountedImage(fields, binds, places));
    else if (fields.src.startsWith(`${SESSION}/data-images/`)) {
      if (!mode.imagesFirst) fatal(`mount ${fields.src}: no such file or directory`);
      places.push([fields.dst, images[Number(fields.src.split("/").at(-1))]]);
    } else if (!kindOf(fields.src)) fatal(`mount ${fields.src}->${fields.dst}: no such file or directory`);
    else if (fields.src !== fields.dst) places.push([fields.dst, fields.src]);
  }
  for (const value of values("--fusemount")) {
    if (mode.noFuse) fatal("could not open /dev/fuse: No such file or directory");
    if (mode.noFusemount) fatal("fusemount disabled by configuration 'enable fusemount = no'");
    const parts = csv(value)[0].split(" ");
    places.push([parts.at(-1), extracted(parts.at(-2))]);
  }
  run(command, places, values("--pwd", "--cwd")[0], values("-H", "--home")[0]);
}

function mountedImage({ src, dst }, binds, places) {
  if (mode.noImages === "fuse")
    fatal("squashfuse_ll failed: fuse: device not found, try 'modprobe fuse' first: /dev/fuse");
  if (mode.noImages)
    fatal(
      "failed to find loop device: could not attach image file to loop device: no loop devices available",
    );
  const directory = opened(src);
  // SingularityCE 3.11 mounts images before -B, which then hides what lies below.
  const hidden = mode.imagesFirst && binds.some((top) => dst.startsWith(`${top}/`));
  if (!hidden) places.push([dst, directory]);
  return directory;
}

function run(command, places, cwd, home) {
  // The last mount over a path is the one that is seen.
  const seen = [...places].reverse();
  const translated = (text) =>
    seen.reduce(
      (done, [place, source]) => done.replaceAll(new RegExp(`${escaped(place)}(?=/|$|:)`, "g"), source),
      text,
    );
  const env = { ...process.env };
  for (const [name, value] of Object.entries(process.env)) {
    const plain = /^(?:SINGULARITY|APPTAINER)ENV_(.*)/.exec(name)?.[1];
    if (plain) env[plain] = value;
  }
  env.PATH = translated(env.PATH ?? "");
  if (home) env.HOME = home;
  // What the programs of the tests write into files are paths as they would be seen inside.
  const [root] = seen.find(([, source]) => source.endsWith("/tree")) ?? seen[0] ?? [""];
  env.STUB_ROOT = root;
  const [file, ...args] = command.map(translated);
  if (!file) fatal("no command");
  // What lists paths prints them as they are inside.
  const lists = command.some((word) => word.startsWith("# Lists what can be called"));
  const child = spawn(file, args, {
    env,
    stdio: lists ? ["inherit", "pipe", "inherit"] : "inherit",
    cwd: kindOf(translated(cwd ?? "/")) ? translated(cwd ?? "/") : "/",
  });
  child.stdout
    ?.setEncoding("utf8")
    .on("data", (text) =>
      process.stdout.write(seen.reduce((done, [place, source]) => done.replaceAll(source, place), text)),
    );
  child.on("error", () => fatal(`stat ${command[0]}: no such file or directory`));
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => child.kill(name));
  child.on("close", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

main();
