import { printable } from "./shown-text.ts";

/** A place in a text. Lines and columns count from 1; a column counts UTF-16 code units, as editors do. */
export interface Place {
  line: number;
  column: number;
}

export type Severity = "error" | "warning" | "note";

/** One thing to say about an input file. An `error` means that the file must not be given to an engine. */
export interface Diagnostic {
  severity: Severity;
  /** The file as the user named it; for an included file, its path joined to that. */
  file: string;
  line?: number;
  column?: number;
  /** What is wrong and what was expected. Never holds credentials (see shown-text.ts). */
  message: string;
  /** What to do about it, in one or two sentences. */
  hint?: string;
}

/** What a reading returns when the file may be unusable: `value` is absent when nothing could be made of it. */
export interface Reading<T> {
  value: T | undefined;
  diagnostics: Diagnostic[];
}

/** More than this many are not shown for one input; a summary takes the place of the rest. */
const MOST_SHOWN = 100;

/** More than this many of one severity are not even kept for one file, whatever it holds. */
const MOST_KEPT = 2000;

/** Collects the diagnostics of one file. */
export class FindingsOfFile {
  readonly file: string;
  readonly list: Diagnostic[] = [];
  private readonly counts = { error: 0, warning: 0, note: 0 };

  constructor(file: string) {
    this.file = file;
  }

  error(place: Partial<Place>, message: string, hint?: string): void {
    this.add("error", place, message, hint);
  }

  warning(place: Partial<Place>, message: string, hint?: string): void {
    this.add("warning", place, message, hint);
  }

  note(place: Partial<Place>, message: string, hint?: string): void {
    this.add("note", place, message, hint);
  }

  add(severity: Severity, place: Partial<Place>, message: string, hint?: string): void {
    if (++this.counts[severity] > MOST_KEPT) return;
    this.list.push({
      severity,
      file: this.file,
      ...(place.line === undefined ? {} : { line: place.line }),
      ...(place.column === undefined ? {} : { column: place.column }),
      // Much of what a message quotes is the user's own text: an address with a password may be anywhere in it.
      message: printable(message),
      ...(hint === undefined ? {} : { hint: printable(hint) }),
    });
  }
}

/**
 * The diagnostics in reading order: the input file, then those that it includes, each by line and column.
 * Errors come before the rest where there are too many to show; the last one then says how many are left out.
 */
export function inReadingOrder(input: string, diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const files = [...new Set([input, ...diagnostics.map((one) => one.file)])];
  const rank = new Map(files.map((file, index) => [file, index]));
  const byPlace = (a: Diagnostic, b: Diagnostic) =>
    (rank.get(a.file) ?? 0) - (rank.get(b.file) ?? 0) ||
    (a.line ?? 0) - (b.line ?? 0) ||
    (a.column ?? 0) - (b.column ?? 0);
  if (diagnostics.length <= MOST_SHOWN) return [...diagnostics].sort(byPlace);
  const errorsFirst = [
    ...diagnostics.filter((one) => one.severity === "error"),
    ...diagnostics.filter((one) => one.severity !== "error"),
  ];
  const kept = errorsFirst.slice(0, MOST_SHOWN).sort(byPlace);
  const left = errorsFirst.slice(MOST_SHOWN);
  const errors = left.filter((one) => one.severity === "error").length;
  kept.push({
    severity: errors > 0 ? "error" : "warning",
    file: input,
    message: `at least ${left.length} more problems are not shown (${errors} of them errors)`,
  });
  return kept;
}
