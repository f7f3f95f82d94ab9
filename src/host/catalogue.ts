import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CatalogueEntry } from "../plan/base-choice.ts";

/** base-images/ beside the bundle's directory; src/host/ is one deeper than dist/. */
const CANDIDATES = ["../base-images/", "../../base-images/"];

/**
 * The named bases.
 *
 * @returns the entries, recipes with their scripts' absolute paths; empty when base-images/ is not there (the tool
 * copied as one file).
 */
export async function readCatalogue(): Promise<{ entries: Record<string, CatalogueEntry> }> {
  for (const candidate of CANDIDATES) {
    const directory = fileURLToPath(new URL(candidate, import.meta.url));
    try {
      const text = await readFile(join(directory, "catalogue.json"), "utf8");
      const raw = JSON.parse(text) as Record<string, CatalogueEntry & { source: string | null }>;
      const entries = Object.entries(raw).map(
        ([name, { kind, description, source }]): [string, CatalogueEntry] => [
          name,
          {
            kind,
            description,
            ...(source ? { source: kind === "recipe" ? join(directory, source) : source } : {}),
          },
        ],
      );
      return { entries: Object.fromEntries(entries) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return { entries: { host: { kind: "host", description: "this machine's own system" } } };
}
