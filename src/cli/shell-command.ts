import type { Command } from "commander";
import { subcommand } from "./program.ts";
import { addWithOption, type LaunchOptions, launch, launchRequest, programWords } from "./run-command.ts";

const USAGE = "kapseli shell [--with PREFIX]... PREFIX [-- ARGUMENT...]";

/** `kapseli shell`. */
export function addShell(tool: Command): void {
  addWithOption(
    subcommand(tool, "shell", "Start a shell in the container of an environment.")
      .usage(USAGE.slice("kapseli shell ".length))
      .argument("<prefix>", "the environment")
      .argument("[argument...]", "arguments of the shell, -c 'COMMAND' for one")
      .passThroughOptions(),
  ).action(async (prefix: string, words: string[], options: LaunchOptions) => {
    const args = await programWords(USAGE, words);
    const { launchShell } = await import("../build/launch.ts");
    await launch(await launchShell(launchRequest(prefix, options), args));
  });
}
