// Adds to the parts of a bundled tool what V8 compiles of them, so that no start compiles it again (tool-loader.cjs).
// node scripts/compile-ahead.mjs BUNDLE   by scripts/bundle.mjs, in a process of its own
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import vm from "node:vm";

const { Script } = vm;
const compiled = [];
vm.Script = class extends Script {
  constructor(text, options) {
    super(text, options);
    compiled.push({ script: this, path: options.filename, text });
  }
};

const require = createRequire(import.meta.url);
const { main, load } = require(process.argv[2]);
const place = mkdtempSync(join(tmpdir(), "kapseli-compile-ahead-"));
try {
  // What is run here is compiled; the rest of a part is compiled when it is run.
  process.chdir(place);
  writeFileSync("env.yml", "channels: [conda-forge]\ndependencies: [python>=3.10, numpy]\n");
  writeFileSync("requirements.txt", "numpy>=1\n");
  for (const [tool, ...args] of [
    ["kapseli", "--help"],
    ["conda-containerize", "new", "--help"],
    ["conda-containerize", "new", "--dry-run", "--prefix", "env", "env.yml"],
    ["pip-containerize", "new", "--dry-run", "--prefix", "env", "requirements.txt"],
  ]) {
    process.argv = [process.argv[0], tool, ...args];
    await main(tool);
  }
  for (const name of ["work", "http"]) {
    for (const begin of Object.values(load(name).modules)) begin();
  }
} finally {
  process.chdir("/");
  rmSync(place, { recursive: true, force: true });
}
for (const { script, path, text } of compiled) {
  const about = { v8: process.versions.v8, arch: process.arch, source: text.length };
  const head = JSON.stringify(about);
  // V8 wants its data at a multiple of eight bytes.
  const padding = " ".repeat((8 - ((head.length + 1 + text.length) % 8)) % 8);
  writeFileSync(
    path,
    Buffer.concat([Buffer.from(`${head}${padding}\n${text}`, "latin1"), script.createCachedData()]),
  );
}
// Of the commands above it does not matter how they ended.
process.exitCode = 0;
