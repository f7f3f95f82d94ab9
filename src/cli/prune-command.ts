import { resolve } from "node:path";
import type { Command } from "commander";
import type { Pruned } from "../build/prune.ts";
import { KapseliError } from "../errors.ts";
import { examples, subcommand } from "./program.ts";

interface PruneOptions {
  now?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `kapseli prune`. */
export function addPrune(tool: Command): void {
  const prune = subcommand(
    tool,
    "prune",
    "Remove generations that are neither the current one nor the one before it.",
  )
    .argument("<prefix...>", "the environments")
    .option(
      "--now",
      "also those that were replaced less than 14 days ago; jobs on other nodes may still use them",
    )
    .option("--dry-run", "only say what would go, and what that would free")
    .option("--json", "print the result as JSON on stdout");
  examples(prune, ["kapseli prune --dry-run ./env", "kapseli prune --now ./env"]).action(
    async (prefixes: string[], { now, dryRun, json }: PruneOptions) => {
      const { prune } = await import("../build/prune.ts");
      const { withInterruption } = await import("../host/signals.ts");
      const { objectText } = await import("../report/objects.ts");
      const { pruneText } = await import("../report/look-text.ts");
      const request = { also: now === true, dryRun: dryRun === true, now: new Date() };
      const environments: Pruned[] = [];
      const errors: KapseliError[] = [];
      // A removal that is begun is brought to its end.
      await withInterruption(async (signal) => {
        for (const prefix of prefixes) {
          signal.throwIfAborted();
          try {
            environments.push(await prune(resolve(prefix), request));
          } catch (error) {
            if (!(error instanceof KapseliError)) throw error;
            errors.push(error);
          }
        }
      });
      const result = { dryRun: request.dryRun, environments };
      if (environments.length > 0) {
        process.stdout.write(json ? objectText("prune", result) : pruneText(result));
      }
      const [first, ...others] = errors;
      if (first) throw first.with({ others: others.map(({ message }) => message) });
    },
  );
}
