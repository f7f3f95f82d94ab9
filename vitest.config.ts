import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { defineConfig, type Plugin } from "vitest/config";

/** Templates are imported as text, as esbuild's text loader does for the bundle (scripts/bundle.mjs). */
const templatesAsText: Plugin = {
  name: "templates-as-text",
  enforce: "pre",
  load(id) {
    if (!/\/src\/templates\/[^/]+\.(sh|py)$/.test(id)) return null;
    return `export default ${JSON.stringify(readFileSync(id, "utf8"))};`;
  },
};

const suite = (name: string, timeout: number, parallel: boolean, setup?: string) => ({
  plugins: [templatesAsText],
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    fileParallelism: parallel,
    // vitest leaves one processor free for itself; the tests mostly wait for the programs that they start.
    ...(parallel ? { maxWorkers: Math.max(2, availableParallelism()) } : {}),
    ...(setup === undefined ? {} : { globalSetup: `test/support/${setup}-setup.ts` }),
  },
});

export default defineConfig({
  plugins: [templatesAsText],
  test: {
    projects: [
      suite("unit", 10_000, true),
      suite("integration", 60_000, true, "integration"),
      suite("e2e", 300_000, true, "e2e"),
      // The checks of Tykky's own suite and of its defects stand on what the end-to-end tests stand on.
      suite("compat", 300_000, true, "e2e"),
      suite("faults", 300_000, true, "e2e"),
    ],
  },
});
