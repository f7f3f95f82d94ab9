import { readFileSync } from "node:fs";

/**
 * What an installer printed when it was really run (test/unit/tools/outputs; pip 23.2.1, uv 0.13.8, py-rattler 0.28.0,
 * stdout and stderr together).
 */
export function outputOf(name: string): string[] {
  const text = readFileSync(new URL(`../unit/tools/outputs/${name}.txt`, import.meta.url), "utf8");
  return text.split("\n").slice(0, -1);
}
