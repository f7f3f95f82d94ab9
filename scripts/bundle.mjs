// Bundles the tool into one file: a start then reads one file instead of two thousand.
// node scripts/bundle.mjs [OUTFILE [ENTRY]]
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

await build({
  entryPoints: [process.argv[3] ?? "src/main.ts"],
  outfile: process.argv[2] ?? "dist/kapseli.mjs",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  minifySyntax: true,
  legalComments: "none",
  loader: { ".sh": "text", ".py": "text" },
  define: { KAPSELI_VERSION: JSON.stringify(version) },
  // Some dependencies are CommonJS and call require() for Node's own modules.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  logLevel: "warning",
});
