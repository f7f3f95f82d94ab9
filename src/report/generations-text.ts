/** One generation, as it is listed. */
interface Listed {
  number: number;
  current: boolean;
  created: string | undefined;
  /** Bytes. */
  imageSize: number | undefined;
  packages: number | undefined;
  missing: readonly string[];
}

/** A table of generations; the current one has a star. */
export function generationsText(generations: readonly Listed[]): string {
  const rows = generations.map(({ number, current, created, imageSize, packages, missing }) => [
    `${current ? "*" : " "} ${number}`,
    created === undefined ? "?" : `${created.slice(0, 10)} ${created.slice(11, 16)} UTC`,
    imageSize === undefined ? "?" : `${Math.max(1, Math.round(imageSize / 1e6))} MB`,
    packages === undefined ? "? packages" : `${packages} package${packages === 1 ? "" : "s"}`,
    missing.length === 0 ? "" : `incomplete: no ${missing.join(", ")}`,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
