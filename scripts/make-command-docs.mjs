// Writes docs/commands from the command definitions (npm run docs). A unit test says when that is due.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const project = fileURLToPath(new URL("../", import.meta.url));
const folder = join(project, "docs", "commands");
const work = mkdtempSync(join(tmpdir(), "kapseli-docs-"));
try {
  const bundle = join(work, "command-pages.cjs");
  const made = spawnSync(process.execPath, ["scripts/bundle.mjs", bundle, "src/cli/command-pages.ts"], {
    cwd: project,
    stdio: "inherit",
  });
  if (made.status !== 0) throw new Error("the command definitions could not be bundled");
  const { commandPages } = await import(pathToFileURL(bundle).href);
  const pages = commandPages();
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder)) if (!pages.has(old)) rmSync(join(folder, old));
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
  console.log(`${pages.size} pages in docs/commands`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
