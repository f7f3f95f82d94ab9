// Bundles the benchmark (main.ts) and runs it: Node 20 cannot run TypeScript itself.
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

// Two directories below the project, as test/support/ is: real.ts finds the project from where it lies.
const outfile = fileURLToPath(new URL("../node_modules/.kapseli-bench/main.mjs", import.meta.url));
await mkdir(new URL("../node_modules/.kapseli-bench/", import.meta.url), { recursive: true });
await build({
  entryPoints: [fileURLToPath(new URL("main.ts", import.meta.url))],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  logLevel: "warning",
});
const { main } = await import(outfile);
await main(process.argv.slice(2));
