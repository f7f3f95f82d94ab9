// Makes docs/compat.md: what test/compat/checks.json lists, with the results of a run of the compatibility tests.
//
//   compat-table.mjs REPORT.json [OUT.md]   REPORT is vitest's JSON report; OUT is docs/compat.md by default
//
// Nothing is written when a check has no result. Exit codes: 0 all pass; 1 one fails, or was not run; 2 usage.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));
export const COMPAT_PAGE = join(PROJECT, "docs", "compat.md");

const HEAD = `# Compatibility with Tykky, check by check

Made by \`npm run test:compat\` from a run of test/compat/ with the real Apptainer, as an ordinary user; not written by hand.
The ids are those of the checks of Tykky's own suite, restated, and the numbers those of its known defects, for which the
check is what we do instead. "differs" says where that is on purpose.
`;

/** @returns {{command: string, checks: {id: string, check: string, differs?: string}[]}[]} */
export function compatChecks() {
  return JSON.parse(readFileSync(join(PROJECT, "test", "compat", "checks.json"), "utf8"));
}

/** The id of the check that a test is about, by the test's name. */
export function idOf(title) {
  return /^(defect \d+|[A-Z]\d+): /.exec(title)?.[1];
}

/**
 * The result of each check: it passes when each of its tests ran and passed.
 *
 * @param {string[]} ids
 * @param {{testResults: {assertionResults: {title: string, status: string}[]}[]}} report vitest's JSON report
 * @returns {Map<string, "passes" | "fails" | "not run">}
 */
export function compatResults(ids, report) {
  const statuses = new Map(ids.map((id) => [id, []]));
  for (const { title, status } of report.testResults.flatMap((file) => file.assertionResults)) {
    statuses.get(idOf(title))?.push(status);
  }
  const result = (all) => {
    if (all.includes("failed")) return "fails";
    return all.length > 0 && all.every((status) => status === "passed") ? "passes" : "not run";
  };
  return new Map([...statuses].map(([id, all]) => [id, result(all)]));
}

/** A table's cell: what would end it is escaped. */
function cell(text) {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/**
 * The page, in the order of checks.json.
 *
 * @returns {{page: string, notRun: string[], failed: string[]}}
 */
export function compatPage(groups, report) {
  const results = compatResults(
    groups.flatMap(({ checks }) => checks.map(({ id }) => id)),
    report,
  );
  const of = (wanted) => [...results].filter(([, result]) => result === wanted).map(([id]) => id);
  const sections = groups.map(({ command, checks }) => {
    const rows = checks.map(({ id, check, differs }) =>
      [id, check, results.get(id), differs ? `differs: ${differs}` : ""].map(cell).join(" | "),
    );
    return [
      `\n## ${command}\n`,
      "| id | check | result | note |",
      "|---|---|---|---|",
      ...rows.map((row) => `| ${row} |`),
    ].join("\n");
  });
  const sum = `\n${of("passes").length} of ${results.size} pass.\n`;
  return { page: `${HEAD}${sum}${sections.join("\n")}\n`, notRun: of("not run"), failed: of("fails") };
}

/** What a page lists, without results: pages of different runs are the same in it. */
export function listedChecks(page) {
  return page
    .split("\n")
    .filter((line) => /^\| (defect \d+|[A-Z]\d+) \|/.test(line))
    .map((line) => line.split(" | ").slice(0, 2).join(" "));
}

function main([reportFile, out = COMPAT_PAGE]) {
  if (reportFile === undefined) {
    console.error("usage: compat-table.mjs REPORT.json [OUT.md]");
    return 2;
  }
  const { page, notRun, failed } = compatPage(compatChecks(), JSON.parse(readFileSync(reportFile, "utf8")));
  if (notRun.length > 0) {
    console.error(`compat-table: nothing is written, because these were not run: ${notRun.join(", ")}`);
    return 1;
  }
  writeFileSync(out, page);
  console.log(
    `compat-table: ${out} is written${failed.length > 0 ? `; these fail: ${failed.join(", ")}` : ""}`,
  );
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(main(process.argv.slice(2)));
