import type { Command } from "commander";
import { subcommand } from "./program.ts";
import { addWithOption, type LaunchOptions, launch, launchRequest } from "./run-command.ts";

/** `kapseli shell`. It takes no further words: `_debug_shell` has the runtime's options, `kapseli run PREFIX -- bash` a shell's. */
export function addShell(tool: Command): void {
  addWithOption(
    subcommand(
      tool,
      "shell",
      "Start a shell in the container of an environment, with what its activation sets.",
    ).argument("<prefix>", "the environment"),
  )
    .addHelpText(
      "after",
      "\nFor a shell of your own choice or with arguments:\n  kapseli run PREFIX -- bash [ARGUMENT...]",
    )
    .action(async (prefix: string, options: LaunchOptions) => {
      const { launchShell } = await import("../build/launch.ts");
      await launch(await launchShell(launchRequest(prefix, options)));
    });
}
