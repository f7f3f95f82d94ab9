import { resolve } from "node:path";
import type { Command } from "commander";
import { type Origin, originText } from "../config/origin.ts";
import type { ContentOf } from "../report/objects.ts";
import { examples, subcommand } from "./program.ts";

/** Where a value came from, of a manifest that anybody may have written. */
function fromText(origin: unknown): string | undefined {
  try {
    return originText(origin as Origin);
  } catch {
    return undefined;
  }
}

/** The configuration that is not built in. */
function chosen(config: ContentOf<"info">["config"]): { name: string; value: string; from: string }[] {
  return Object.entries(config).flatMap(([name, { value, origin }]) => {
    const from = fromText(origin) ?? "origin not known";
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return from === "built in" ? [] : [{ name, value: text, from }];
  });
}

/** `kapseli info`. */
export function addInfo(tool: Command): void {
  const info = subcommand(
    tool,
    "info",
    "Show what is in an environment, from what and how it was built, and what it runs on.",
  )
    .argument("<prefix>", "the environment")
    .option("--json", "print it as JSON on stdout");
  examples(info, ["kapseli info ./env", "kapseli info --json ./env"]).action(
    async (prefix: string, options: { json?: boolean }) => {
      const { environmentInfo } = await import("../build/info.ts");
      const { objectText } = await import("../report/objects.ts");
      const { infoText } = await import("../report/look-text.ts");
      const found = await environmentInfo(resolve(prefix));
      const columns = process.stdout.columns || 100;
      process.stdout.write(
        options.json ? objectText("info", found) : infoText(found, chosen(found.config), columns),
      );
    },
  );
}
