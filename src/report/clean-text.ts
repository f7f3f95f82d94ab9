import { sizeText, table } from "./table.ts";

interface Item {
  kind: string;
  path: string;
  bytes: number;
  removable: boolean;
  why: string;
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
  return table(rows, { right: [1] });
}
