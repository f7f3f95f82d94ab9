import { existsSync } from "node:fs";

const bundle = new URL("../dist/kapseli.mjs", import.meta.url);

/** Loads the bundled tool, or says how it is made in a checkout that has none yet. */
export async function start(tool) {
  if (!existsSync(bundle)) {
    process.stderr.write(
      `${tool}: this checkout is not built yet: run ./quickstart, or npm ci and npm run build\n`,
    );
    process.exitCode = 1;
    return;
  }
  const { main } = await import(bundle.href);
  await main(tool);
}
