// Writes docs/commands, share/man/man1 (named in package.json) and parts of etc/completion from the command definitions (npm run docs). A unit
// test says when that is due.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../", import.meta.url));

/** Makes a folder hold these pages and nothing else. */
function writePages(folder, pages) {
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder)) if (!pages.has(old)) rmSync(join(folder, old));
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
}

const work = mkdtempSync(join(tmpdir(), "kapseli-docs-"));
try {
  const bundle = join(work, "made-files.cjs");
  const made = spawnSync(process.execPath, ["scripts/bundle.mjs", bundle, "src/cli/made-files.ts"], {
    cwd: project,
    stdio: "inherit",
  });
  if (made.status !== 0) throw new Error("the command definitions could not be bundled");
  const require = createRequire(import.meta.url);
  const { commandPages, manPages, COMPLETION_FILES, withCompletion } = require(bundle).load("cli");
  const [pages, manual] = [commandPages(), manPages()];
  writePages(join(project, "docs", "commands"), pages);
  writePages(join(project, "share", "man", "man1"), manual);
  // npm links those that are named, one by one.
  const own = join(project, "package.json");
  const man = [...manual.keys()].map((name) => `share/man/man1/${name}`);
  writeFileSync(own, `${JSON.stringify({ ...JSON.parse(readFileSync(own, "utf8")), man }, null, 2)}\n`);
  for (const [shell, name] of Object.entries(COMPLETION_FILES)) {
    const path = join(project, "etc", "completion", name);
    writeFileSync(path, withCompletion(shell, readFileSync(path, "utf8")));
  }
  console.log(`${pages.size} pages in docs/commands, ${manual.size} in share/man/man1, etc/completion`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
