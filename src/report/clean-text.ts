interface Item {
  kind: string;
  path: string;
  bytes: number;
  removable: boolean;
  why: string;
}

/** Bytes for people. */
export function sizeText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
}

/** A table of what can go and what stays. */
export function cleanText(items: readonly Item[]): string {
  if (items.length === 0) return "[ INFO ] there is nothing to clean up\n";
  const rows = items.map(({ kind, path, bytes, removable, why }) => [
    removable ? "remove" : "keep",
    kind === "processes" ? "" : sizeText(bytes),
    kind === "processes" ? `process ${path}` : path,
    why,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: string[]): string =>
    row
      .map((cell, column) =>
        column === 1 ? cell.padStart(widths[1] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join("");
}
