import type { ListedGeneration } from "./objects.ts";
import { counted, table, timeText } from "./table.ts";

/** A table of generations; the current one has a star. */
export function generationsText(generations: readonly ListedGeneration[]): string {
  return table(
    generations.map(({ number, current, created, imageSize, packages, missing }) => [
      `${current ? "*" : " "} ${number}`,
      timeText(created),
      imageSize === null ? "?" : `${Math.max(1, Math.round(imageSize / 1e6))} MB`,
      packages === null ? "? packages" : counted(packages, "package"),
      missing.length === 0 ? "" : `incomplete: no ${missing.join(", ")}`,
    ]),
  );
}
