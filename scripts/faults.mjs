#!/usr/bin/env node
// Breaks builds, updates and wrapping in every way that the fault suite knows, and prints what was really broken.
//
//   npm run faults                 the part that ./check runs
//   npm run faults -- --full       everything; takes hours on two processors
//   npm run faults -- --seed 7     other moments and another part; the seed is in every test's title
//   npm run faults -- --full room  those of test/faults/room.test.ts
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Counts by scenario and fault. */
function table(lines) {
  const rows = new Map();
  for (const line of lines) {
    const { scenario, fault, answers } = JSON.parse(line);
    const key = `| ${scenario} | ${fault} |`;
    const row = rows.get(key) ?? { times: 0, before: 0, after: 0 };
    row.times += 1;
    row[answers] += 1;
    rows.set(key, row);
  }
  const body = [...rows]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([key, { times, before, after }]) => `${key} ${times} | ${before} | ${after} |`);
  return [
    "| what was broken | how | times | answered as before | as after |",
    "|---|---|---:|---:|---:|",
    ...body,
  ];
}

function main() {
  let values;
  let positionals;
  try {
    ({ values, positionals } = parseArgs({
      allowPositionals: true,
      options: { full: { type: "boolean", default: false }, seed: { type: "string", default: "1" } },
    }));
    if (!/^\d+$/.test(values.seed)) throw new Error("--seed takes a whole number");
  } catch (error) {
    process.stderr.write(
      `faults: ${error.message}\nusage: npm run faults -- [--full] [--seed N] [FILE...]\n`,
    );
    return 2;
  }
  const directory = mkdtempSync(join(tmpdir(), "kapseli-faults-"));
  const record = join(directory, "record");
  writeFileSync(record, "");
  const env = {
    ...process.env,
    KAPSELI_FAULTS_RECORD: record,
    KAPSELI_FAULTS_SEED: values.seed,
    ...(values.full ? { KAPSELI_FAULTS: "full" } : {}),
  };
  const report = join(directory, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status } = spawnSync(
    join(PROJECT, "node_modules/.bin/vitest"),
    ["run", "--project", "faults", ...reporters, ...positionals],
    { cwd: PROJECT, env, stdio: "inherit" },
  );
  const lines = readFileSync(record, "utf8").split("\n").filter(Boolean);
  const tests = existsSync(report)
    ? JSON.parse(readFileSync(report, "utf8")).testResults.flatMap((file) => file.assertionResults)
    : [];
  const count = (state) => tests.filter((test) => test.status === state).length;
  const notInjected = count("skipped") + count("pending");
  process.stdout.write(
    `${table(lines).join("\n")}\n\nseed ${values.seed}: ${lines.length} faults injected, ${count("failed")} tests failed, ${notInjected} skipped (what was to be broken was not there)\n`,
  );
  rmSync(directory, { recursive: true, force: true });
  return status ?? 1;
}

process.exitCode = main();
