// ./check: runs every check of the project, keeps each one's log, and sums them up into the last line.
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { COMPAT_PAGE, compatChecks, compatPage, listedChecks } from "./compat-table.mjs";
import { announce, setUp } from "./machine.mjs";
import { run } from "./process.mjs";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));
const RESULTS = join(PROJECT, "test-results");
const KEPT_RESULTS = 5;
const IN_CI = !["", "0", "false"].includes(process.env.CI ?? "");
const SHOWN_FIRST = 12;
const SHOWN_LAST = 4;
const SHOWN_TESTS = 20;

const sum = { passed: 0, failed: 0, skipped: 0 };
const failedStages = [];

function last({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function end(code) {
  console.log(last(sum));
  process.exit(code);
}

// ---- what there is to check ------------------------------------------------------------------------------------------

/** All files of the project, relative to it; not what is made. */
function projectFiles(below = "") {
  const made = new Set(["node_modules", "dist", "test-results", ".git"]);
  return readdirSync(join(PROJECT, below), { withFileTypes: true })
    .filter((entry) => !made.has(entry.name))
    .flatMap((entry) => {
      const path = join(below, entry.name);
      if (entry.isDirectory()) return projectFiles(path);
      return entry.isFile() ? [path] : [];
    })
    .sort();
}

function isShell(path) {
  if (/\.(sh|bash)$/.test(path) || path.startsWith("etc/functions/")) return true;
  const [first = ""] = readFileSync(join(PROJECT, path), "latin1").split("\n", 1);
  return /^#!.*\b(sh|bash|dash)\b/.test(first);
}

const npmBinary = (name) => join(PROJECT, "node_modules/.bin", name);
const script = (name) => ["sh", join(PROJECT, "scripts", name)];

/** The commands of package.json, each asked for its help. */
function askForHelp() {
  const { bin } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
  return Object.values(bin).map((path) => [join(PROJECT, path), "--help"]);
}

/**
 * A stage is one check, done by commands that all have to succeed, or a suite of vitest's, whose tests count.
 *
 * @returns {Promise<{name: string, commands?: string[][], suite?: string, skip?: string}[]>}
 */
async function stages(fast) {
  const files = projectFiles();
  const shell = files.filter(isShell);
  const python = files.filter((path) => path.endsWith(".py"));
  const noShellcheck = fast && !(await works(["shellcheck", "--version"])) ? "no shellcheck here" : undefined;
  const noVenv =
    fast && !(await works(["python3", "-c", "import ensurepip, venv"])) ? "no Python venv here" : undefined;
  return [
    { name: "dependencies", commands: dependencies() },
    { name: "build", commands: [["npm", "run", "build"]] },
    { name: "npm audit", commands: [AUDIT], skip: await noAudit() },
    { name: "commands answer --help", commands: askForHelp() },
    { name: "format", commands: [[npmBinary("biome"), "format", "--colors=off", "."]] },
    {
      name: "lint",
      commands: [
        [
          npmBinary("biome"),
          "check",
          "--formatter-enabled=false",
          "--error-on-warnings",
          "--colors=off",
          ".",
        ],
      ],
    },
    { name: "types", commands: [[npmBinary("tsc"), "--noEmit", "--pretty", "false"]] },
    { name: "shellcheck", commands: [["shellcheck", ...shell]], skip: noShellcheck },
    { name: "python lint", commands: [[...script("lint-python.sh"), ...python]], skip: noVenv },
    { name: "tarball installs and runs", commands: [script("check-tarball.sh")] },
    { name: "unit tests", suite: "unit" },
    { name: "integration tests", suite: "integration" },
    { name: "end-to-end tests", suite: "e2e", skip: fast ? "--fast" : undefined },
    { name: "compatibility tests", suite: "compat", skip: fast ? "--fast" : undefined },
    // A part of it, which the seed chooses: all of it takes hours (npm run faults -- --full).
    { name: "injected faults", suite: "faults", skip: fast ? "--fast" : undefined },
  ];
}

const AUDIT = [
  "npm",
  "audit",
  "--omit=dev",
  "--package-lock-only",
  "--fetch-retries=0",
  "--fetch-timeout=20000",
];

/** Why the registry cannot be asked for vulnerabilities; many mirrors of it have packages only. */
async function noAudit() {
  const { text } = await run([...AUDIT, "--json"], { cwd: PROJECT, output: "pipe", quiet: true });
  return text.includes('"vulnerabilities"') ? undefined : "the registry does not answer npm audit";
}

async function works(argv) {
  return (await run(argv, { output: "pipe", quiet: true })).code === 0;
}

/** In CI always from nothing; elsewhere a complete node_modules is left alone. */
function dependencies() {
  return IN_CI ? [[...script("npm-dependencies.sh"), "--clean"]] : [script("npm-dependencies.sh")];
}

// ---- running them ----------------------------------------------------------------------------------------------------

function resultsDirectory() {
  mkdirSync(RESULTS, { recursive: true });
  const old = readdirSync(RESULTS)
    .filter((name) => name.startsWith("check-"))
    .sort();
  for (const name of old.slice(0, Math.max(0, old.length - KEPT_RESULTS + 1))) {
    rmSync(join(RESULTS, name), { recursive: true, force: true });
  }
  const time = new Date()
    .toISOString()
    .replace(/[-:]|\..*/g, "")
    .replace("T", "-");
  return mkdtempSync(join(RESULTS, `check-${time}-`));
}

async function runCommands(commands, log) {
  const output = openSync(log, "a");
  try {
    for (const argv of commands) {
      writeSync(output, `+ ${argv.join(" ")}\n`);
      const { code } = await run(argv, { cwd: PROJECT, output });
      writeSync(output, `exit code ${code}\n`);
      if (code !== 0) return code;
    }
    return 0;
  } finally {
    closeSync(output);
  }
}

/** What a vitest report counts. A file or a run that fails without a failed test counts as one failed. */
function countReport(report, code) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const problems = [];
  const secondTries = [];
  const skipped = new Map();
  for (const file of report.testResults) {
    const before = counts.failed;
    const path = relative(PROJECT, file.name);
    for (const test of file.assertionResults) {
      const name = `${path}: ${test.fullName}`;
      const [failure] = test.failureMessages.map((message) => message.split("\n", 1)[0]);
      if (test.status === "passed") {
        counts.passed++;
        if (failure !== undefined) secondTries.push(`${name}\n      ${failure}`);
      } else if (test.status === "failed") {
        counts.failed++;
        problems.push(`${name}\n      ${failure ?? ""}`);
      } else {
        counts.skipped++;
        const group = `${path}: ${test.ancestorTitles.join(" ")}`;
        skipped.set(group, (skipped.get(group) ?? 0) + 1);
      }
    }
    if (file.status === "failed" && counts.failed === before) {
      counts.failed++;
      problems.push(`${path}\n      ${(file.message ?? "").split("\n", 1)[0]}`);
    }
  }
  if (counts.failed === 0 && (code !== 0 || !report.success)) {
    counts.failed++;
    problems.push("vitest failed outside of the tests: see the log");
  }
  return {
    counts,
    problems,
    secondTries,
    skipped: [...skipped].map(([group, tests]) => `${tests} in ${group}`),
  };
}

async function runSuite(suite, log) {
  const report = log.replace(/\.log$/, ".json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const code = await runCommands(
    [[npmBinary("vitest"), "run", "--no-color", "--project", suite, ...reporters]],
    log,
  );
  if (!existsSync(report))
    return { counts: { passed: 0, failed: 1, skipped: 0 }, problems: excerpt(log), skipped: [] };
  const results = JSON.parse(readFileSync(report, "utf8"));
  const result = countReport(results, code);
  const { counts } = result;
  if (suite === "compat") recordCompatibility(results, log.replace(/[^/]*$/, "compat.md"), result);
  if (counts.passed + counts.failed === 0 && (IN_CI || counts.skipped === 0)) {
    counts.failed++;
    result.problems.push("no test of this suite ran");
  }
  return result;
}

/**
 * The table of this run, beside its log. That of docs/ is from another machine's run, which may have had other results;
 * but it has to list the checks that there are, and each of them has to have been run.
 */
function recordCompatibility(results, page, { counts, problems }) {
  const made = compatPage(compatChecks(), results);
  writeFileSync(page, made.page);
  const complain = (problem) => {
    counts.failed++;
    problems.push(problem);
  };
  if (made.notRun.length > 0) complain(`not run: ${made.notRun.join(", ")}`);
  const documented = existsSync(COMPAT_PAGE) ? listedChecks(readFileSync(COMPAT_PAGE, "utf8")) : [];
  if (documented.join("\n") !== listedChecks(made.page).join("\n")) {
    complain("docs/compat.md lists other checks than test/compat/checks.json: npm run test:compat");
  }
}

/** The lines of a log that tell most: where the errors begin, and how it ended. */
function excerpt(log) {
  const lines = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
  if (lines.length <= SHOWN_FIRST + SHOWN_LAST) return lines;
  return [...lines.slice(0, SHOWN_FIRST), `... (${log})`, ...lines.slice(-SHOWN_LAST)];
}

async function runStage(stage, log) {
  if (stage.skip) return { counts: { passed: 0, failed: 0, skipped: 1 }, problems: [], skipped: [] };
  if (stage.suite) return runSuite(stage.suite, log);
  const failed = (await runCommands(stage.commands, log)) === 0 ? 0 : 1;
  return {
    counts: { passed: 1 - failed, failed, skipped: 0 },
    problems: failed ? excerpt(log) : [],
    skipped: [],
  };
}

/** Says every minute that a long stage is still at it: an hour without a line looks like a hang. */
function sayStillRunning(name, log) {
  const start = Date.now();
  const say = () => {
    const minutes = Math.round((Date.now() - start) / 60_000);
    console.log(
      `  ...      ${name}: ${minutes} min, ${statSync(log, { throwIfNoEntry: false })?.size ?? 0} bytes of log`,
    );
  };
  return setInterval(say, 60_000);
}

function record(name, seconds, { counts, problems, skipped, secondTries = [] }, note) {
  for (const key of Object.keys(sum)) sum[key] += counts[key];
  const word = counts.failed > 0 ? "FAILED " : counts.passed > 0 ? "ok     " : "skipped";
  console.log(`  ${word}  ${name.padEnd(26)}${seconds.toFixed(1).padStart(7)} s  ${note}`.trimEnd());
  if (counts.failed > 0) failedStages.push(name);
  for (const problem of problems.slice(0, SHOWN_TESTS)) console.log(`    ${problem}`);
  if (problems.length > SHOWN_TESTS) console.log(`    and ${problems.length - SHOWN_TESTS} more`);
  for (const test of secondTries) console.log(`    passed at the second try: ${test}`);
  for (const name of skipped) console.log(`    skipped: ${name}`);
}

// ---- main ------------------------------------------------------------------------------------------------------------

function options() {
  try {
    return parseArgs({ options: { yes: { type: "boolean" }, fast: { type: "boolean" } } }).values;
  } catch (error) {
    console.error(`${error.message}\nusage: ./check [--yes] [--fast]`);
    process.exit(2);
  }
}

const { yes = false, fast = false } = options();
if (fast && IN_CI) {
  console.error("check: --fast leaves out the end-to-end tests, which may not be skipped in CI (CI is set)");
  process.exit(2);
}
const parts = fast
  ? []
  : ["runtime", "python", "test-tools", ...(process.getuid() === 0 ? ["test-user", "slurm"] : [])];
await announce("check", {
  parts,
  own: [
    `${PROJECT}: node_modules/, dist/, test-results/`,
    ...(fast ? [] : [`/var/tmp/kapseli-e2e-*: the tool as installed from its tarball, and a conda channel`]),
    `${join(homedir(), ".cache")}: downloads of npm, pip and the tests`,
  ],
  yes,
});
process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

const started = performance.now();
const logs = resultsDirectory();
console.log(`Logs: ${logs}`);
if (!fast) {
  const { code, seconds } = await setUp(parts);
  const failed = code === 0 ? 0 : 1;
  record(
    "machine",
    seconds,
    { counts: { passed: 1 - failed, failed, skipped: 0 }, problems: [], skipped: [] },
    "",
  );
  if (code === 4) {
    console.log("Without these, ./check --fast runs everything but the end-to-end tests.");
    end(4);
  }
}
for (const [index, stage] of (await stages(fast)).entries()) {
  const log = join(logs, `${String(index + 1).padStart(2, "0")}-${stage.name.replaceAll(" ", "-")}.log`);
  const start = performance.now();
  const timer = sayStillRunning(stage.name, log);
  const result = await runStage(stage, log);
  clearInterval(timer);
  const note = stage.skip ?? (stage.suite ? last(result.counts) : "");
  record(stage.name, (performance.now() - start) / 1000, result, note);
}
console.log(`All of it took ${((performance.now() - started) / 1000).toFixed(0)} s. Logs: ${logs}`);
if (failedStages.length > 0) console.log(`Failed: ${failedStages.join(", ")}`);
end(sum.failed > 0 ? 1 : 0);
