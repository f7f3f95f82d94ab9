import { resolve } from "node:path";
import type { Command } from "commander";
import type { Removal, Removed } from "../build/remove.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { confirm } from "./confirm.ts";
import { examples, subcommand } from "./program.ts";

interface RemoveOptions {
  yes?: boolean;
  force?: boolean;
  json?: boolean;
}

type Text = typeof import("../report/table.ts");

/** A few names of files that stay. */
function leftText(root: string, left: readonly string[], { printable }: Text): string {
  const shown = left.slice(0, 10).map((name) => `             ${printable(name)}\n`);
  if (left.length > 10) shown.push(`             and ${left.length - 10} more\n`);
  return `         not made by Kapseli, and stays in ${printable(root)}:\n${shown.join("")}`;
}

function planText({ found, usage, generations, left, original, links }: Removal, text: Text): string {
  const { printable, sizeText, counted } = text;
  const what = `${counted(generations.length, "generation")}, ${sizeText(usage.size)}, ${usage.inodes} inodes`;
  const kept =
    original === undefined ? "" : `         the files it was made of are kept in ${printable(original)}\n`;
  const rest = left.length === 0 ? "" : leftText(found.root, left, text);
  const goes = left.length === 0 && found.prefix === found.root;
  const named = links
    .slice(0, 1)
    .map((link) => `         named by the link ${printable(link)}, which ${goes ? "goes, too" : "stays"}\n`);
  return `${printable(found.prefix)}: ${what}\n${named.join("")}${kept}${rest}`;
}

function doneText(removed: Removed, text: Text): string {
  const { root, size, inodes, left, original, links, dangling } = removed;
  const { printable, sizeText } = text;
  const kept = original === null ? "" : `         the files it was made of are in ${printable(original)}\n`;
  const rest = left.length === 0 ? "" : leftText(root, left, text);
  const named = [
    ...links.map((link) => `         the link ${printable(link)} to it is removed, too\n`),
    ...dangling.map((link) => `         the link ${printable(link)} leads nowhere now\n`),
  ];
  return `[ INFO ] ${printable(root)} is removed: ${sizeText(size)}, ${inodes} inodes\n${named.join("")}${kept}${rest}`;
}

/** @throws {KapseliError} what stands against removing one of them. */
async function refuseUsed(removals: readonly Removal[], text: Text): Promise<void> {
  const { inUse } = await import("../build/remove.ts");
  for (const { found, users, lock } of removals) {
    if (lock) {
      const who = text.printable(`process ${lock.pid} on ${lock.host} of ${lock.user}`);
      throw new KapseliError(ExitCode.hostCannot, `${found.root} is being worked on by ${who}`, {
        hint: "Wait for it to end. --force removes the environment all the same.",
      });
    }
    if (users.length > 0) throw inUse(found.root, users);
  }
}

async function remove(prefixes: readonly string[], { yes, force, json }: RemoveOptions): Promise<void> {
  const { examineRemoval, removeEnvironment } = await import("../build/remove.ts");
  const { objectText } = await import("../report/objects.ts");
  const { withInterruption } = await import("../host/signals.ts");
  const text = await import("../report/table.ts");
  const removals = new Map<string, Removal>();
  for (const prefix of prefixes) {
    const removal = await examineRemoval(resolve(prefix));
    const { root } = removal.found;
    // Named twice, as itself and by a link.
    const links = [...new Set([...(removals.get(root)?.links ?? []), ...removal.links])];
    removals.set(root, { ...removal, links });
  }
  const all = [...removals.values()];
  if (!force) await refuseUsed(all, text);
  if (!yes) {
    const about = all.map((one) => planText(one, text)).join("");
    if (!(await confirm("Remove it for good?", false, about))) {
      process.stderr.write("[ INFO ] nothing is removed\n");
      if (json) process.stdout.write(objectText("remove", { removed: false, environments: [] }));
      return;
    }
  }
  const environments: Removed[] = [];
  // One that is begun is brought to its end.
  await withInterruption(async (signal) => {
    for (const removal of all) {
      signal.throwIfAborted();
      const removed = await removeEnvironment(removal, force === true);
      environments.push(removed);
      if (!json) process.stdout.write(doneText(removed, text));
    }
  });
  if (json) process.stdout.write(objectText("remove", { removed: true, environments }));
}

/** `kapseli remove`. */
export function addRemove(tool: Command): void {
  const command = subcommand(
    tool,
    "remove",
    "Remove environments: what Kapseli made of them. Other files in the directory stay, and are named; a link that is named goes with the environment.",
  )
    .argument("<prefix...>", "the environments")
    .option("--yes", "do not ask")
    .option("--force", "also while it is in use, or being built")
    .option("--json", "print the result as JSON on stdout");
  examples(command, ["kapseli remove ./env", "kapseli remove --yes ./old ./older"]).action(remove);
}
