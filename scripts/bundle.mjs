// Bundles the tool into one file: a start then reads one file instead of two thousand.
// node scripts/bundle.mjs [OUTFILE [ENTRY]]
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** What git says of this clone; empty where there is no clone or no git. */
const git = (...args) => {
  const ran = spawnSync("git", args, { cwd: new URL("..", import.meta.url), encoding: "utf8" });
  return ran.status === 0 ? ran.stdout.trim() : "";
};

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
  // Only for bills of materials in XML, which we do not write; the library does without it where it is missing.
  external: ["xmlbuilder2"],
  define: {
    KAPSELI_VERSION: JSON.stringify(version),
    KAPSELI_TAG: JSON.stringify(git("describe", "--tags", "--always")),
    KAPSELI_COMMIT: JSON.stringify(git("rev-parse", "HEAD")),
  },
  // Some dependencies are CommonJS and call require() for Node's own modules.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  logLevel: "warning",
});
