import { Command } from "commander";
import { VERSION } from "../version.ts";

/** Settings that a program and all of its sub-commands share. */
function settle(command: Command): Command {
  return command
    .exitOverride()
    .helpOption("-h, --help", "show this help message and exit")
    .configureHelp({ styleTitle: (title) => (title === "Usage:" ? "usage:" : title) })
    .configureOutput({
      outputError: (text, write) =>
        write(
          text.replace(/missing required argument '([^']+)'/, "the following arguments are required: $1"),
        ),
    })
    .showHelpAfterError("(-h shows the help)");
}

/** A program with our conventions: usage errors end with 2, help goes to stdout. */
export function program(name: string, description: string): Command {
  return settle(new Command(name))
    .description(description)
    .version(VERSION, "--version", "print the version");
}

/** A sub-command with the same conventions. */
export function subcommand(parent: Command, name: string, description: string): Command {
  return settle(parent.command(name)).description(description);
}
