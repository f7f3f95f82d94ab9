import { resolve } from "node:path";
import type { Command } from "commander";
import type { Launch, LaunchRequest } from "../build/launch.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { subcommand } from "./program.ts";

export interface LaunchOptions {
  with?: string[];
  waitChildren?: boolean;
}

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** The option that mounts other environments too. */
export function addWithOption(command: Command): Command {
  return command.option(
    "--with <prefix>",
    "mount this environment too, at its own place, with its commands after those of PREFIX; may be repeated",
    collect,
  );
}

/** What `launchCommand` and `launchShell` ask for. */
export function launchRequest(prefix: string, options: LaunchOptions): LaunchRequest {
  return {
    prefix: resolve(prefix),
    companions: (options.with ?? []).map((given) => ({ given, path: resolve(given) })),
    waitChildren: options.waitChildren === true,
    environment: Object.fromEntries(
      Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
  };
}

/**
 * The words after PREFIX, less the `--` before them.
 *
 * @throws {KapseliError} `usage` for an option of ours among them; `badInput` for bytes that would be changed.
 */
export async function programWords(usage: string, words: readonly string[]): Promise<string[]> {
  const [first] = words;
  if (first?.startsWith("-") && first !== "--") {
    throw new KapseliError(ExitCode.usage, `${first} stands after PREFIX, where the program begins`, {
      hint: `Put options before PREFIX: ${usage}`,
    });
  }
  const { argumentsAreUtf8 } = await import("../host/become.ts");
  if (!argumentsAreUtf8()) {
    throw new KapseliError(
      ExitCode.badInput,
      "an argument is not valid UTF-8, and its bytes would be changed",
      {
        hint: "Give the file a UTF-8 name.",
      },
    );
  }
  return first === "--" ? words.slice(1) : [...words];
}

/** Becomes the program; ends with its exit code. Nothing has been printed that could get lost. */
export async function launch({ argv, env }: Launch): Promise<never> {
  const { become } = await import("../host/become.ts");
  process.exit(await become(argv, env));
}

const USAGE = "kapseli run [--with PREFIX]... [--wait-children] PREFIX -- COMMAND [ARGUMENT...]";

/** `kapseli run`. */
export function addRun(tool: Command): void {
  addWithOption(
    subcommand(tool, "run", "Run a command in the container of an environment, as its own commands run.")
      .usage(USAGE.slice("kapseli run ".length))
      .argument("<prefix>", "the environment")
      .argument("[command...]", "the command with its arguments; searched in the environment, then in PATH")
      .passThroughOptions(),
  )
    .option("--wait-children", "stay until every process that the command has started has ended")
    .addHelpText(
      "after",
      "\nThe exit code, the standard streams and signals are the command's.\n\nExamples:\n  kapseli run ./env -- python3 script.py\n  kapseli run --with ./tools ./env -- make test",
    )
    .action(async (prefix: string, words: string[], options: LaunchOptions) => {
      const [command, ...args] = await programWords(USAGE, words);
      if (command === undefined || command === "") {
        throw new KapseliError(ExitCode.usage, "run: there is no command to run", { hint: USAGE });
      }
      const { launchCommand } = await import("../build/launch.ts");
      await launch(await launchCommand(launchRequest(prefix, options), [command, ...args]));
    });
}
