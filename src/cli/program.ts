import { Command, Option, type ParseOptionsResult } from "commander";
import type { ExitCodeValue } from "../errors.ts";
import { VERSION } from "../version.ts";
import { expandAbbreviations, type OptionShape } from "./abbreviations.ts";

/** Ends a command that has said everything, with this exit code. */
export class EndsWith extends Error {
  constructor(readonly code: ExitCodeValue) {
    super(`ends with ${code}`);
  }
}

/** A command that takes any unambiguous prefix of its long options, as Tykky's do. */
export class ToolCommand extends Command {
  #passesThrough = false;

  override createCommand(name?: string): ToolCommand {
    return new ToolCommand(name);
  }

  override passThroughOptions(passThrough = true): this {
    this.#passesThrough = passThrough;
    return super.passThroughOptions(passThrough);
  }

  /** Each command reads its own part of the line: a program up to the sub-command, that one the rest. */
  override parseOptions(args: string[]): ParseOptionsResult {
    const stopsAtOperand = this.#passesThrough || this.commands.length > 0;
    const expanded = expandAbbreviations(args, this.#shapes(), stopsAtOperand);
    if ("problem" in expanded) this.error(`error: ${expanded.problem}`);
    else return super.parseOptions(expanded.args);
  }

  #shapes(): OptionShape[] {
    // The help option is not among `options`, only among what help shows.
    const all = new Set([...this.options, ...this.createHelp().visibleOptions(this)]);
    return [...all].map((option) => ({
      ...(option.long === undefined ? {} : { long: option.long }),
      ...(option.short === undefined ? {} : { short: option.short }),
      value: option.required ? "required" : option.optional ? "optional" : "none",
      variadic: option.variadic,
      yields: option instanceof AddedOption,
    }));
  }
}

/**
 * An option that Tykky does not have. An abbreviation that could also mean one of Tykky's means that one, so that
 * existing scripts go on working.
 */
export class AddedOption extends Option {
  constructor(flags: string, description: string) {
    super(flags, description);
    this.helpGroup("Options that Tykky does not have:");
  }
}

/** Settings that a program and all of its sub-commands share. */
function settle<C extends Command>(command: C): C {
  return command
    .exitOverride()
    .helpOption("-h, --help", "show this help message and exit")
    .configureHelp({ styleTitle: (title) => (title === "Usage:" ? "usage:" : title) })
    .configureOutput({
      outputError: (text, write) =>
        write(
          `usage: ${command.createHelp().commandUsage(command)}\n${text.replace(
            /missing required argument '([^']+)'/,
            "the following arguments are required: $1",
          )}`,
        ),
    })
    .showHelpAfterError("(-h shows the help)");
}

/** A program with our conventions: usage errors end with 2, help goes to stdout. */
export function program(name: string, description: string): ToolCommand {
  return settle(new ToolCommand(name))
    .description(description)
    .enablePositionalOptions()
    .version(VERSION, "--version", "print the version and exit");
}

/** A sub-command with the same conventions. */
export function subcommand(parent: Command, name: string, description: string): ToolCommand {
  return settle(parent.command(name) as ToolCommand).description(description);
}

/** Adds command lines that show how a command is used. */
export function examples<C extends Command>(command: C, lines: readonly string[]): C {
  const title = lines.length === 1 ? "Example:" : "Examples:";
  return command.addHelpText("after", `\n${[title, ...lines.map((line) => `  ${line}`)].join("\n")}`);
}
