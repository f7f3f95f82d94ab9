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

/**
 * What runs real containers shares processes, mounts and time with all else on the machine: such a test is tried once
 * more when it fails, and ./check names those that needed it.
 */
const SECOND_TRIES = { e2e: 1, integration: 0 };

const suite = (name: string, timeout: number, parallel: boolean, setup?: keyof typeof SECOND_TRIES) => ({
  plugins: [templatesAsText],
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    retry: setup === undefined ? 0 : SECOND_TRIES[setup],
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
