import { Argument, type Command } from "commander";
import type { CleanItem, CleanRequest } from "../build/clean.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { confirm } from "./confirm.ts";
import { EndsWith, examples, subcommand } from "./program.ts";

/** As in build/clean.ts, which is loaded when there is something to do. */
const KINDS = ["work", "processes", "caches", "logs"] as const;
type Kind = (typeof KINDS)[number];

interface CleanOptions {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

async function requestOf(kinds: readonly Kind[], signal: AbortSignal): Promise<CleanRequest> {
  const { hostFacts } = await import("../host/facts.ts");
  const { readConfig } = await import("./read-config.ts");
  const facts = hostFacts(process.env, process.cwd());
  const { config } = await readConfig({}, facts);
  const base = config.build_tmpdir_base.value;
  return {
    // Logs of failed builds are the ten newest anyway, and may still be wanted.
    kinds: kinds.length > 0 ? kinds : ["work", "processes", "caches"],
    uid: facts.user.uid,
    environment: facts.environment,
    home: facts.home,
    cacheDirectory: config.cache_directory.value,
    workBase: base === "" ? undefined : base,
    sizes: true,
    signal,
  };
}

function question(items: readonly CleanItem[], size: string): string {
  const processes = items.filter(({ kind }) => kind === "processes").length;
  const others = items.length - processes;
  const parts = [
    ...(others > 0 ? [`Remove ${size}`] : []),
    ...(processes > 0
      ? [`${others > 0 ? "end" : "End"} ${processes} process${processes === 1 ? "" : "es"}`]
      : []),
  ];
  return `${parts.join(" and ")}?`;
}

async function cleanCommand(kinds: readonly Kind[], options: CleanOptions): Promise<void> {
  const { CLEAN_SCHEMA, findLeftovers, removeLeftover } = await import("../build/clean.ts");
  const { withInterruption } = await import("../host/signals.ts");
  const { cleanText, sizeText } = await import("../report/clean-text.ts");
  await withInterruption(async (signal) => {
    const request = await requestOf(kinds, signal);
    const items = await findLeftovers(request);
    const removable = items.filter((item) => item.removable);
    if (!options.json) process.stdout.write(cleanText(items));
    const size = sizeText(removable.reduce((sum, { bytes }) => sum + bytes, 0));
    const isWanted =
      !options.dryRun &&
      removable.length > 0 &&
      (await confirm(question(removable, size), options.yes === true));
    const removed: string[] = [];
    const left: string[] = [];
    for (const item of isWanted ? removable : []) {
      signal.throwIfAborted();
      ((await removeLeftover(item, request)) ? removed : left).push(item.path);
    }
    if (options.json) {
      const shown = items.map(({ start: _start, ...item }) => item);
      const result = { schema: CLEAN_SCHEMA, dryRun: options.dryRun === true, items: shown, removed, left };
      process.stdout.write(`${JSON.stringify(result)}\n`);
      if (left.length > 0) throw new EndsWith(ExitCode.unexpected);
      return;
    }
    if (left.length > 0) {
      throw new KapseliError(ExitCode.unexpected, `these could not be removed: ${left.join(", ")}`, {
        hint: "They came into use meanwhile, or you have no right to: see what kapseli clean --dry-run says now.",
      });
    }
    if (isWanted) process.stdout.write(`[ INFO ] done: ${size}\n`);
  });
}

/** `kapseli clean`. */
export function addClean(tool: Command): void {
  const clean = subcommand(
    tool,
    "clean",
    "Remove caches, and what builds and containers left that were killed; shows first what and how much.",
  )
    .addArgument(
      new Argument(
        "[what...]",
        "work (directories of builds that were killed), processes (squashfuse whose container is gone), caches, logs (of failed builds); default: all but logs",
      ).choices(KINDS),
    )
    .option("--dry-run", "show what there is, and remove nothing")
    .option("--yes", "do not ask")
    .option("--json", "print the result as JSON on stdout");
  clean.addHelpText(
    "after",
    "\nWhat another user owns, and what a build of yours on this host works with, stays. What is downloaded again when it is needed is a cache; a build of yours on another host that uses it may fail.",
  );
  examples(clean, ["kapseli clean --dry-run", "kapseli clean work processes --yes"]).action(cleanCommand);
}
