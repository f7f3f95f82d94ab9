import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { RollbackResult } from "../build/rollback.ts";
import { subcommand } from "./program.ts";

function generationNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text))
    throw new InvalidArgumentError("A generation is a number from 1 upwards.");
  return Number(text);
}

function rollbackText({ root, from, to, back, gone }: RollbackResult): string {
  if (from === to) return `[ INFO ] ${root}: generation ${to} is the current one already\n`;
  // A package's command may be called anything, also what moves a terminal's cursor.
  const shown = (name: string): string => (/[^!-~]/.test(name) ? JSON.stringify(name) : name);
  const names = (what: string, list: readonly string[]): string =>
    list.length === 0 ? "" : `         ${what}: ${list.map(shown).join(" ")}\n`;
  return `[ INFO ] ${root}: generation ${from} -> ${to}\n${names("commands that are back", back)}${names("commands that are gone", gone)}         To undo it: kapseli rollback --to ${from} ${root}\n`;
}

/** `kapseli rollback`. */
export function addRollback(tool: Command): void {
  subcommand(tool, "rollback", "Make an older generation of an environment the current one again.")
    .argument("<prefix>", "the environment")
    .option(
      "--to <number>",
      "this generation (default: the newest complete one before the current one)",
      generationNumber,
    )
    .option("--json", "print the result as JSON on stdout")
    .action(async (prefix: string, options: { to?: number; json?: boolean }) => {
      const { objectText } = await import("../report/objects.ts");
      const { rollback } = await import("../build/rollback.ts");
      const result = await rollback(resolve(prefix), options.to, new Date());
      process.stdout.write(
        options.json ? objectText("rollback", { event: "result", ...result }) : rollbackText(result),
      );
    });
}
