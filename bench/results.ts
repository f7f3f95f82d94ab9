import { COMPARISON } from "./compare.ts";
import type { Interval, Summary } from "./statistics.ts";

export interface Table {
  caption: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

/** A limit of the project's, with what was measured. */
export interface Limit {
  what: string;
  limit: string;
  measured: string;
  met: boolean;
  /** The interval of the measurement holds the limit: another run may say otherwise. */
  close?: boolean;
}

/** What one part of the benchmark found. */
export interface Findings {
  title: string;
  tables: Table[];
  limits: Limit[];
  /** Sentences on how it was measured and what was left out. */
  notes: string[];
  /** Files of the name NAME.svg in plots/; `svg` is only there in the run that drew it. */
  plots?: { name: string; title: string; svg?: string }[];
  /** Every single measurement, by name. */
  raw: Record<string, unknown>;
}

/** Whether a measurement is within a limit. */
export function within(
  { estimate, lower, upper }: Interval,
  limit: number,
): Required<Pick<Limit, "met" | "close">> {
  return { met: estimate <= limit, close: lower <= limit && upper > limit };
}

/** The machine, as far as it explains the numbers; nothing that names it. */
export interface Circumstances {
  date: string;
  kernel: string;
  cores: number;
  runtime: string;
  node: string;
  prefixFileSystem: string;
  workFileSystem: string;
  /** Of the minute before the run; above 0.5 or so others were at work. */
  loadBefore: number;
  options: string;
}

export const milliseconds = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
export const seconds = (value: number): string => value.toFixed(2);

export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** `median (quartile–quartile)`. */
export function spread(summary: Summary, format: (value: number) => string): string {
  return `${format(summary.median)} (${format(summary.lower)}–${format(summary.upper)})`;
}

/** `estimate [lower, upper]`. */
export function interval(value: Interval, format: (value: number) => string): string {
  return `${format(value.estimate)} [${format(value.lower)}, ${format(value.upper)}]`;
}

function tableText({ caption, head, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, index) => (index === 0 ? "---" : "---:"));
  return [`${caption}`, "", line(head), line(rule), ...rows.map(line)].join("\n");
}

function verdict(limit: Limit): string {
  const word = limit.met ? "met" : "**missed**";
  return limit.close ? `${word}, close: the interval holds the limit` : word;
}

/** A part's findings with when and where they were made; parts may come from several runs. */
export interface Measured {
  about: Circumstances;
  findings: Findings;
  /** Rows of the comparison with what was measured before. */
  compared: readonly (readonly string[])[];
}

/** One row for all parts that were measured in one run on one machine. */
function runsTable(parts: readonly Measured[]): Table {
  const rows = parts.map(({ about, findings }) => [
    findings.title,
    about.date,
    about.loadBefore.toFixed(2),
    `\`npm run bench${about.options ? ` -- ${about.options}` : ""}\``,
    about.kernel,
    String(about.cores),
    about.runtime.replace(/ version /, " "),
    about.node,
    about.prefixFileSystem,
    about.workFileSystem,
  ]);
  return {
    caption: "When and where:",
    head: [
      "part",
      "date",
      "load before",
      "run",
      "kernel",
      "cores",
      "runtime",
      "Node",
      "prefix on",
      "work directory on",
    ],
    rows,
  };
}

/** The text of RESULTS.md. */
export function resultsText(parts: readonly Measured[]): string {
  const limits: Table = {
    caption: "The limits of the project, beside what was measured:",
    head: ["what", "limit", "measured", "verdict"],
    rows: parts.flatMap(({ findings }) =>
      findings.limits.map((limit) => [limit.what, limit.limit, limit.measured, verdict(limit)]),
    ),
  };
  const partTexts = parts.map(({ findings }) =>
    [
      `## ${findings.title}`,
      ...findings.tables.map(tableText),
      ...(findings.plots ?? []).map(({ name, title }) => `![${title}](plots/${name}.svg)`),
      ...(findings.notes.length > 0 ? [findings.notes.map((note) => `- ${note}`).join("\n")] : []),
    ].join("\n\n"),
  );
  const rows = parts.flatMap(({ compared }) => compared);
  return `${[
    "# What was measured",
    "Written by `npm run bench`. An ordinary user. Medians, with quartiles in round and 95 % bootstrap intervals in square brackets. Compare within a table only; README.md says how to read it. A load above 0.5 or so says that others were at work.",
    tableText(runsTable(parts)),
    tableText(limits),
    ...partTexts,
    ...(rows.length > 0 ? ["## Beside the last results", tableText({ ...COMPARISON, rows })] : []),
  ].join("\n\n")}\n`;
}
