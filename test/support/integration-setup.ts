import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { PROJECT, TOOL } from "./stub-host.ts";

/** Once before all integration suites: the tool as it is bundled, apart from the one that may be in dist/. */
export function setup(): void {
  // Where directories were copied by hard links, writing into it would change the bundle of another copy.
  rmSync(dirname(TOOL), { recursive: true, force: true });
  const built = spawnSync(process.execPath, ["scripts/bundle.mjs", TOOL], { cwd: PROJECT, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the tool could not be bundled: ${built.stderr}`);
}
