import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { compatChecks, compatPage, compatResults, listedChecks } from "../../scripts/compat-table.mjs";

const report = (...tests: [string, string][]) => ({
  testResults: [{ assertionResults: tests.map(([title, status]) => ({ title, status })) }],
});
const resultOf = (...tests: [string, string][]): string => compatResults(["H1"], report(...tests)).get("H1");

describe("the table of compatibility checks", () => {
  it("says that a check passes only when every test of it ran and passed", () => {
    expect(resultOf(["H1: it helps", "passed"])).toBe("passes");
    expect(resultOf(["H1: one part", "passed"], ["H1: the other", "failed"])).toBe("fails");
    expect(resultOf(["H1: one part", "passed"], ["H1: the other", "skipped"])).toBe("not run");
    expect(resultOf(["H1: it helps", "skipped"])).toBe("not run");
    expect(resultOf(["H10: another check", "passed"])).toBe("not run");
    expect(resultOf()).toBe("not run");
  });

  it("lists every check once, in the order of its file, with what differs", () => {
    const checks = compatChecks().flatMap(({ checks: ofCommand }: { checks: { id: string }[] }) => ofCommand);
    const ids = checks.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const tests = ids.map((id: string): [string, string] => [`${id}: x`, "passed"]);
    const { page, notRun, failed } = compatPage(compatChecks(), report(...tests));
    expect({ notRun, failed }).toEqual({ notRun: [], failed: [] });
    expect(page).toContain(`${ids.length} of ${ids.length} pass.`);
    expect(page).toContain("| passes | differs: ");
    expect(listedChecks(page)).toHaveLength(ids.length);
  });

  it("names what was not run", () => {
    const { notRun } = compatPage(compatChecks(), report(["H1: x", "passed"]));
    expect(notRun).toContain("defect 30");
    expect(notRun).not.toContain("H1");
  });
});
