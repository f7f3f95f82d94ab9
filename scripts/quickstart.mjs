// ./quickstart: sets up the machine, builds the tool, and shows its main job: two environments, launched and timed.
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { announce, setUp } from "./machine.mjs";
import { run } from "./process.mjs";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));
const CONDA_FORGE = "https://conda.anaconda.org/conda-forge/noarch/repodata.json.zst";
const PARTS = ["runtime", "python"];
const MARKER = ".kapseli-quickstart";
const LAUNCHES = 5;

/** The table at the end: what, and how long or how big. */
const measured = [];

function options() {
  try {
    return parseArgs({ options: { yes: { type: "boolean" }, dir: { type: "string" } } }).values;
  } catch (error) {
    console.error(`${error.message}\nusage: ./quickstart [--yes] [--dir DIRECTORY]`);
    process.exit(2);
  }
}

function fail(code, message) {
  console.error(message);
  process.exit(code);
}

const title = (text) => console.log(`\n== ${text}`);
const seconds = (value) => `${value.toFixed(1)} s`;

/** Runs a step; when it fails, so does the quickstart, with the same code. */
async function step(what, argv, more = {}) {
  const ran = await run(argv, more);
  if (ran.code !== 0) fail(ran.code, `\nquickstart: ${what} failed (exit code ${ran.code})`);
  return ran;
}

/** As a person would type it. */
const shown = (argv) =>
  argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");

async function show(argv, more = {}) {
  console.log(`$ ${shown(argv)}`);
  return step(argv[0], argv, more);
}

/** Whether conda-forge answers, through the proxy that the environment names, within five seconds. */
async function condaForgeAnswers() {
  const { EnvHttpProxyAgent, fetch } = await import("undici");
  try {
    const signal = AbortSignal.timeout(5000);
    return (await fetch(CONDA_FORGE, { method: "HEAD", signal, dispatcher: new EnvHttpProxyAgent() })).ok;
  } catch {
    return false;
  }
}

async function chooseChannel(directory) {
  if (await condaForgeAnswers()) return { channel: "conda-forge", local: false };
  console.log(
    "conda-forge cannot be reached from here: making a small local channel of real packages instead.",
  );
  const channel = join(directory, "channel");
  const made = await step("making a local channel", [
    "sh",
    join(PROJECT, "scripts/local-channel/make-channel.sh"),
    "--small",
    channel,
  ]);
  measured.push(["make a local conda channel", seconds(made.seconds)]);
  return { channel: pathToFileURL(channel).href, local: true };
}

function inodes(path) {
  if (!lstatSync(path).isDirectory()) return 1;
  return readdirSync(path).reduce((sum, name) => sum + inodes(join(path, name)), 1);
}

async function describeEnvironment(name, prefix) {
  const image = join(prefix, "current/env.sqfs");
  measured.push([`${name}: size of the image`, `${(statSync(image).size / 1e6).toFixed(0)} MB`]);
  const { code, text } = await run(["unsquashfs", "-s", image], { output: "pipe" });
  const inside = code === 0 ? /^Number of inodes (\d+)/m.exec(text)?.[1] : undefined;
  measured.push([
    `${name}: files in the prefix`,
    `${inodes(prefix)}${inside ? `, instead of ${inside}` : ""}`,
  ]);
}

async function timeLaunches(name, python) {
  const all = [];
  for (let launch = 0; launch < LAUNCHES; launch++)
    all.push((await step(name, [python, "-c", "pass"])).seconds);
  const median = all.sort((one, other) => one - other)[LAUNCHES >> 1] * 1000;
  measured.push([`${name}: start python3 through the launcher`, `${median.toFixed(0)} ms`]);
}

/** Writes the input, builds the environment, and lets its Python answer. */
async function environment({ name, tool, input, text, prefix, answers }) {
  title(`${name}: ${input}`);
  console.log(text.trimEnd().replace(/^/gm, "    "));
  writeFileSync(input, text);
  const built = await show([tool, "new", "--prefix", prefix, input]);
  measured.push([`${name}: build`, seconds(built.seconds)]);
  for (const argv of answers) await show(argv);
  await timeLaunches(name, join(prefix, "bin/python3"));
  await describeEnvironment(name, prefix);
}

// ---- main ------------------------------------------------------------------------------------------------------------

const { yes = false, dir } = options();
const directory = resolve(dir ?? join(homedir(), "kapseli-quickstart"));
if (existsSync(directory) && !existsSync(join(directory, MARKER)) && readdirSync(directory).length > 0) {
  fail(2, `quickstart: ${directory} holds files that no quickstart made; choose another with --dir`);
}
if (/\s/.test(directory)) {
  fail(
    2,
    `quickstart: conda cannot install below ${directory}, which has a space in it; choose another with --dir`,
  );
}
await announce("quickstart", {
  parts: PARTS,
  own: [
    `${join(PROJECT, "node_modules")} and dist/ beside it, by npm`,
    `${directory}: the two environments`,
    `${join(homedir(), ".cache")}: downloads of npm, pip and the tool`,
  ],
  yes,
});
process.env.PATH = `${join(PROJECT, "bin")}:${process.env.PATH}:/usr/sbin:/sbin`;

title("The machine and the tool");
const machine = await setUp(PARTS);
if (machine.code !== 0) process.exit(machine.code);
measured.push(["set up the machine", seconds(machine.seconds)]);
const tool = await step("building the tool", ["sh", join(PROJECT, "scripts/build-tool.sh")]);
measured.push(["build the tool", seconds(tool.seconds)]);

rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, MARKER), "");
const { channel, local } = await chooseChannel(directory);

// A python3 on PATH that cannot make a venv (Debian's own may be hidden by another) is no use to pip.
if ((await run(["python3", "-c", "import ensurepip, venv"], { output: "pipe", quiet: true })).code !== 0) {
  process.env.PATH = `/usr/bin:${process.env.PATH}`;
}
const conda = join(directory, "conda-env");
const pip = join(directory, "pip-env");
const numpy =
  'import sys, numpy; print("Python", sys.version.split()[0], "with numpy", numpy.__version__, "in", sys.prefix)';
await environment({
  name: "conda",
  tool: "conda-containerize",
  input: join(directory, "env.yml"),
  text: `channels:\n  - ${channel}\n  - nodefaults\ndependencies:\n  - python=3.11\n  - numpy\n`,
  prefix: conda,
  answers: [[join(conda, "bin/python3"), "-c", numpy]],
});
await environment({
  name: "pip",
  tool: "pip-containerize",
  input: join(directory, "requirements.txt"),
  text: "numpy\ncowsay\n",
  prefix: pip,
  answers: [
    [join(pip, "bin/python3"), "-c", numpy],
    [join(pip, "bin/cowsay"), "-t", "Hello from one file"],
  ],
});

title("Measured");
const width = Math.max(...measured.map(([what]) => what.length));
for (const [what, value] of measured) console.log(`  ${what.padEnd(width)}  ${value}`);

title("What now");
console.log(`The environments are ${conda} and ${pip}: start any program in their bin/.`);
if (local) console.log(`The conda packages came from the local channel ${join(directory, "channel")}.`);
console.log(`For an environment of your own:
    export PATH="${join(PROJECT, "bin")}:$PATH"
    conda-containerize new --prefix DIRECTORY env.yml
    pip-containerize new --prefix DIRECTORY requirements.txt
Remove what was made here with: rm -r ${shown([directory])}`);
