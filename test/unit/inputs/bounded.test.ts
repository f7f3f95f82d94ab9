import { describe, expect, it } from "vitest";
import { reading } from "../../support/inputs-table.ts";

/** Far more than any of these takes on a slow machine, far less than what an unbounded reader would. */
const SECONDS = 60;

const bomb = (levels: number) => {
  const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let level = 1; level < levels; level++) {
    lines.push(
      `a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(",")}]`,
    );
  }
  return `${lines.join("\n")}\n`;
};

const yaml = 100 * 1024;
const list = 400 * 1024;
const filled = (text: string, length: number) => text.repeat(Math.floor(length / text.length));

describe("whatever a file holds, reading it ends soon and does not throw", () => {
  it.each<[what: string, content: string, said: RegExp]>([
    ["an alias bomb in the dependencies", `${bomb(12)}dependencies: *a11\n`, /alias/],
    ["an alias bomb under another key", `${bomb(12)}dependencies: [numpy]\n`, /alias/],
    ["very many aliases", `a: &a x\ndependencies:\n${filled("- *a\n", yaml)}`, /too many aliases/],
    ["an alias of itself", "dependencies: &a [*a]\n", /list inside the list/],
    ["deep brackets", `dependencies: ${filled("[", yaml)}`, /nested too deeply/],
    ["deep lists", `dependencies:\n ${filled("- ", yaml)}`, /nested too deeply/],
    ["many commas", `dependencies: [${filled(",", yaml)}`, /not valid YAML/],
    ["many keys", Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join("\n"), /is missing/],
    ["a long entry", `dependencies:\n- ${filled("x", yaml)}\n`, /text of \d+ characters/],
    ["a large file", `dependencies:\n${filled("- numpy\n", 300 * 1024)}`, /at most 256 KiB/],
  ])("an environment file with %s", { timeout: SECONDS * 1000 }, (_what, content, said) => {
    const { diagnostics } = reading("conda", "e.yml", content);
    expect(diagnostics.map((one) => one.message).join("\n")).toMatch(said);
    expect(diagnostics.some((one) => one.severity === "error")).toBe(true);
    expect(diagnostics.length).toBeLessThanOrEqual(101);
  });

  it.each([
    ["x", filled("x", list)],
    ["spaces", `a${filled(" ", list)}b`],
    ["backslashes", `a${filled("\\", list)}`],
    ["continued lines", filled("a\\\n", list)],
    ["comments", `a${filled(" #", list)}`],
    ["brackets", `a${filled("[", list)}`],
    ["equal signs", `a${filled("=", list)}`],
    ["markers", `a; ${filled("'a'=='a' and ", list)}`],
    ["parentheses", `a; ${filled("(", list)}`],
    ["quotes", `a --x ${filled('"', list)}`],
    ["options", filled("--pre ", list)],
    ["addresses", `https://${filled("a.", list)}`],
    ["includes", filled("-r x\n", list)],
    ["wrong lines", filled("!\n", list)],
    ["package addresses", `@EXPLICIT\n${filled("https://x/noarch/a-1-0.conda\n", list)}`],
    ["a long package name", `@EXPLICIT\n${filled("a-", list)}.conda`],
  ])("a long list of %s", { timeout: SECONDS * 1000 }, (_what, content) => {
    for (const kind of ["pip", "conda"] as const) {
      expect(reading(kind, "l.txt", content).diagnostics.length).toBeLessThanOrEqual(101);
    }
  });
});

it("more problems than anyone reads are summed up, errors first", () => {
  const { diagnostics } = reading("pip", "r.txt", `${"-e .\n".repeat(150)}!\n`);
  expect(diagnostics).toHaveLength(101);
  expect(diagnostics.some((one) => one.line === 151 && one.severity === "error")).toBe(true);
  expect(diagnostics.at(-1)?.message).toBe("at least 51 more problems are not shown (0 of them errors)");
});
