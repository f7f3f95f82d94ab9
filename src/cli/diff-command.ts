import type { Command } from "commander";
import type { NamedGeneration } from "../build/named.ts";
import type { PackageDifference } from "../prefix/difference.ts";
import type { ContentOf } from "../report/objects.ts";
import { subcommand } from "./program.ts";

function changeOf({ before, after }: PackageDifference): "added" | "removed" | "changed" {
  return before === undefined ? "added" : after === undefined ? "removed" : "changed";
}

async function difference(one: NamedGeneration, other: NamedGeneration): Promise<ContentOf<"diff">> {
  const { manifestOf } = await import("../build/named.ts");
  const { environmentDifference } = await import("../prefix/difference.ts");
  const found = environmentDifference(await manifestOf(one), await manifestOf(other));
  const packages = found.packages.map((entry) => ({
    source: entry.source,
    name: entry.name,
    change: changeOf(entry),
    a: entry.before ?? null,
    b: entry.after ?? null,
  }));
  const settings = found.settings.map(({ name, before, after }) => ({
    name,
    a: before ?? null,
    b: after ?? null,
  }));
  const { commands } = found;
  const count = packages.length + settings.length + commands.added.length + commands.removed.length;
  return { a: one, b: other, same: count === 0, packages, settings, commands };
}

/** `kapseli diff`. */
export function addDiff(tool: Command): void {
  subcommand(
    tool,
    "diff",
    "Show what differs between two environments or generations: packages, commands, settings.",
  )
    .argument("<a>", "an environment (PREFIX), or a generation of one: PREFIX@2, PREFIX@previous")
    .argument(
      "[b]",
      "another one; without it, A is compared with its previous generation, and PREFIX@2 with PREFIX",
    )
    .option("--json", "print the difference as JSON on stdout")
    .addHelpText(
      "after",
      "\nPREFIX@previous is the generation that kapseli rollback takes. A directory whose own name ends like that is taken as it is.\n\nExamples:\n  kapseli diff ./env\n  kapseli diff ./env@1 ./env@3\n  kapseli diff ./env ../other/env",
    )
    .action(async (a: string, b: string | undefined, options: { json?: boolean }) => {
      const { environmentName, generationOf } = await import("../build/named.ts");
      const { objectText } = await import("../report/objects.ts");
      const { diffText } = await import("../report/look-text.ts");
      const cwd = process.cwd();
      const first = await environmentName(a, cwd);
      const second =
        b === undefined
          ? { directory: first.directory, generation: "current" as const }
          : await environmentName(b, cwd);
      const before = b === undefined && first.generation === "current" ? "previous" : first.generation;
      const one = await generationOf({ ...first, generation: before }, cwd);
      const found = await difference(one, await generationOf(second, cwd));
      process.stdout.write(options.json ? objectText("diff", found) : diffText(found));
    });
}
