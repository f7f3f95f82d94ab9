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
  /** Files of the name NAME.svg in plots/. */
  plots?: { name: string; title: string; svg: string }[];
  /** Every single measurement, by name. */
  raw: Record<string, unknown>;
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

/**
 * The text of RESULTS.md.
 *
 * @param compared the table of what was measured earlier
 */
export function resultsText(
  circumstances: Circumstances,
  parts: readonly Findings[],
  compared?: Table,
): string {
  const { date, kernel, cores, runtime, node, prefixFileSystem, workFileSystem, loadBefore, options } =
    circumstances;
  const limits: Table = {
    caption: "The limits of the project, beside what was measured:",
    head: ["what", "limit", "measured", "verdict"],
    rows: parts.flatMap((part) =>
      part.limits.map((limit) => [limit.what, limit.limit, limit.measured, verdict(limit)]),
    ),
  };
  const partTexts = parts.map((part) =>
    [
      `## ${part.title}`,
      ...part.tables.map(tableText),
      ...(part.plots ?? []).map(({ name, title }) => `![${title}](plots/${name}.svg)`),
      ...(part.notes.length > 0 ? [part.notes.map((note) => `- ${note}`).join("\n")] : []),
    ].join("\n\n"),
  );
  return `${[
    "# What was measured",
    `Written by \`npm run bench${options ? ` -- ${options}` : ""}\` on ${date}: kernel ${kernel}, ${cores} cores, ${runtime}, Node ${node}; prefix on ${prefixFileSystem}, work directory on ${workFileSystem}; load average before the run ${loadBefore.toFixed(2)}. An ordinary user. Medians, with quartiles in round and 95 % bootstrap intervals in square brackets. Compare within a table only; README.md says how to read it.`,
    tableText(limits),
    ...partTexts,
    ...(compared && compared.rows.length > 0 ? ["## Beside the last results", tableText(compared)] : []),
  ].join("\n\n")}\n`;
}
