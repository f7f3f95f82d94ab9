import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { Diagnostic } from "../../../src/inputs/diagnostic.ts";
import { readInput } from "../../../src/inputs/read-input.ts";

/**
 * Real files with what conda and pip make of each: KAPSELI_INPUTS_DIR, or ../shared/inputs beside the project.
 * They are no part of the project; without them the test is skipped.
 */
const folder = resolve(
  process.env.KAPSELI_INPUTS_DIR ?? join(import.meta.dirname, "../../../../shared/inputs"),
);
const index = join(folder, "INDEX.md");
const there = existsSync(index);

type Verdict = "accept" | "accept-with-warning" | "reject";

/** Where the index miscounts: the line that really holds the text which it quotes (checked with grep -n). */
const LINE_CORRECTIONS: Readonly<Record<string, number>> = { "conda/32-swapped-operator.yaml": 10 };

interface Row {
  file: string;
  verdict: Verdict;
  why: string;
  /** The line where the index puts the fault. */
  line: number | undefined;
  /** The index allows a refusal that names the format in place of the verdict. */
  orRefusedAs: string | undefined;
}

/** A row of the index: - `folder/file` | source | what | verdict: why. */
function rows(): Row[] {
  return [
    ...readFileSync(index, "utf8").matchAll(
      /^- `([^`]+)` \|.*\| (accept-with-warning|accept|reject)\b(.*)$/gm,
    ),
  ].map(([, file = "", verdict, why = ""]) => ({
    file,
    verdict: verdict as Verdict,
    why,
    line: LINE_CORRECTIONS[file] ?? (Number(/\bline (\d+)/.exec(why)?.[1]) || undefined),
    orRefusedAs: /: (\S+) format: .*refuse with a message naming the format if unsupported/.exec(why)?.[1],
  }));
}

/** The severest findings that agree with a verdict; a note is in order for both "accept"s. */
const AGREES: Readonly<Record<Verdict, readonly Worst[]>> = {
  accept: ["clean", "note"],
  "accept-with-warning": ["note", "warning"],
  reject: ["error"],
};

type Worst = "clean" | Diagnostic["severity"];

function ours(file: string): { worst: Worst; diagnostics: Diagnostic[] } {
  const path = join(folder, file);
  const beside = (other: string) => resolve(dirname(path), other);
  const isFile = (other: string) => existsSync(beside(other)) && statSync(beside(other)).isFile();
  const { diagnostics } = readInput(file.startsWith("pip/") ? "pip" : "conda", file, readFileSync(path), {
    readBeside: (other) => (isFile(other) ? readFileSync(beside(other)) : undefined),
    existsBeside: (other) => existsSync(beside(other)),
    env: {},
  });
  const has = (severity: Diagnostic["severity"]) => diagnostics.some((one) => one.severity === severity);
  return {
    worst: has("error") ? "error" : has("warning") ? "warning" : has("note") ? "note" : "clean",
    diagnostics,
  };
}

describe.skipIf(!there)("real dependency files", () => {
  const all = there ? rows() : [];
  const results = all.map((row) => ({ row, found: ours(row.file) }));

  it("are all in the index and all of the index is read", () => {
    const files = ["conda", "explicit", "pip"].flatMap((name) =>
      readdirSync(join(folder, name)).map((file) => `${name}/${file}`),
    );
    expect(all.map((row) => row.file).sort()).toEqual(files.sort());
    const table = results.map(({ row, found }) => {
      const first = found.diagnostics.find((one) => one.severity === "error") ?? found.diagnostics[0];
      const said = first ? `${first.severity}, line ${first.line ?? "-"}: ${first.message}` : "";
      const id = row.file.replace(/^(\w+\/\d+).*$/, "$1");
      return `${id.padEnd(12)} ${row.verdict.padEnd(20)} ${found.worst.padEnd(8)} ${said}`;
    });
    console.log(
      [`${"id".padEnd(12)} ${"expected".padEnd(20)} ${"ours".padEnd(8)} first message`, ...table].join("\n"),
    );
  });

  it.each(results.map((one) => [one.row.file, one.row.verdict, one] as const))(
    "%s: %s",
    (_file, verdict, { row, found }) => {
      const said = JSON.stringify(found.diagnostics, null, 1);
      if (row.orRefusedAs !== undefined && found.worst === "error") {
        expect(said).toContain(row.orRefusedAs);
        return;
      }
      expect(AGREES[verdict], said).toContain(found.worst);
      if (row.line !== undefined) {
        const severe = found.diagnostics.filter((one) => verdict !== "reject" || one.severity === "error");
        expect(severe.map((one) => one.line)).toContain(row.line);
      }
    },
  );
});
