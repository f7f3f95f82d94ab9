import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { ExitCode, KapseliError } from "../errors.ts";
import { shellQuote } from "../prefix/shell-data.ts";
import { subcommand } from "./program.ts";

/** The installation, from the bundle in dist/; src/cli/ is one deeper. */
const INSTALLATION = import.meta.url.endsWith("/src/cli/activate-command.ts") ? "../../" : "../";

/** Who gets here called the executable: the functions, which alone can change a shell, are not loaded in it. */
function notLoaded(name: string): KapseliError {
  const root = fileURLToPath(new URL(INSTALLATION, import.meta.url));
  const file = `${root}etc/profile.d/tykky`;
  return new KapseliError(
    ExitCode.usage,
    `${name}: a program cannot change the shell that calls it: kapseli has to be a function of that shell`,
    {
      lines: [`. ${shellQuote(`${file}.sh`)}`, `source ${shellQuote(`${file}.fish`)}    (fish)`],
      hint: `Run that line in your shell, or have its start-up file run it, then kapseli ${name} again.`,
    },
  );
}

/** `kapseli activate` and `kapseli deactivate`, which etc/profile.d/tykky.{sh,fish} carry out. */
export function addActivation(tool: Command): void {
  const below =
    "\nA function of your shell does this; etc/profile.d/tykky.sh of the installation defines it (fish: tykky.fish).";
  subcommand(
    tool,
    "activate",
    "Put the commands of an environment first in PATH, and hold it warm for this shell.",
  )
    .usage("NAME|DIR")
    .argument("[environment...]", "its directory, or its name in a directory of TYKKY_PATH or in this one")
    .allowUnknownOption()
    .addHelpText("after", below)
    .action(() => {
      throw notLoaded("activate");
    });
  subcommand(tool, "deactivate", "Take the commands of the active environment out of PATH again.")
    .allowExcessArguments()
    .allowUnknownOption()
    .addHelpText("after", below)
    .action(() => {
      throw notLoaded("deactivate");
    });
}
