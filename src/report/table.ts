/** Text that could move a terminal's cursor or pass for another line, as something visible. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** How many columns of a terminal a text takes, as far as its characters are one column wide. */
const width = (text: string): number => [...text].length;

/**
 * Lines with aligned columns. The last column is as long as it is; what its lines hold is made printable.
 *
 * @param right the columns, counted from 0, that are aligned at their right
 * @param heads a first line
 */
export function table(
  rows: readonly (readonly string[])[],
  { heads, right = [] }: { heads?: readonly string[]; right?: readonly number[] } = {},
): string {
  const all = [...(heads ? [heads] : []), ...rows].map((row) => row.map(printable));
  const columns = Math.max(0, ...all.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_none, column) =>
    Math.max(...all.map((row) => width(row[column] ?? ""))),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const blanks = " ".repeat((widths[column] ?? 0) - width(cell));
          return right.includes(column) ? blanks + cell : cell + blanks;
        })
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

const UNITS = ["kB", "MB", "GB", "TB"] as const;

/** Bytes in the unit that is best read: `950 kB`, `108 MB`, `1.2 GB`. */
export function sizeText(bytes: number): string {
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const shown =
    unit > 1 && value < 10 ? value.toFixed(1) : String(Math.max(bytes > 0 ? 1 : 0, Math.round(value)));
  return `${shown} ${UNITS[unit]}`;
}

const DAY_MS = 24 * 60 * 60_000;

/** How long ago something was, for people; empty when that is not known. */
export function ageText(time: string | null, now: Date): string {
  const then = time === null ? Number.NaN : Date.parse(time);
  if (Number.isNaN(then)) return "";
  const days = Math.floor((now.getTime() - then) / DAY_MS);
  if (days < 1) return "today";
  if (days < 60) return days === 1 ? "1 day" : `${days} days`;
  if (days < 730) return `${Math.floor(days / 30.44)} months`;
  return `${Math.floor(days / 365.25)} years`;
}

/** A time to the minute; `?` when it is not known. */
export function timeText(time: string | null): string {
  return time === null ? "?" : `${printable(time.slice(0, 10))} ${printable(time.slice(11, 16))} UTC`;
}

/** `1 package`, `2 packages`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
