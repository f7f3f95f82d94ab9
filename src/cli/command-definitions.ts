import type { Command } from "commander";
import { ExitCode } from "../errors.ts";

/** What each exit code says; keyed so that a new one cannot be left out. */
const MEANINGS: Readonly<Record<keyof typeof ExitCode, string>> = {
  ok: "done",
  unexpected: "an error that was not expected",
  usage: "the command line is wrong",
  badInput: "a file, a value or the configuration is wrong",
  hostCannot: "this host cannot do it; found before anything was made",
  installFailed: "installing failed",
  packingFailed: "packing the image failed",
  checkOrPublishFailed: "the finished environment failed its check, or could not be published",
  hangup: "stopped by HUP",
  interrupted: "stopped by INT",
  terminated: "stopped by TERM",
};

/** Every exit code with what it says, in the order of errors.ts. */
export const EXIT_CODES: readonly { code: number; meaning: string }[] = Object.entries(MEANINGS).map(
  ([name, meaning]) => ({ code: ExitCode[name as keyof typeof ExitCode], meaning }),
);

/** The sub-commands that help shows, but for the built-in help. */
export function shownCommands(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== "help");
}

/** The commands that do something: those without sub-commands. */
export function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : shownCommands(command).flatMap(leaves);
}

/** A command's whole name: `conda-containerize new`. */
export function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

/** What a command's help says below its options (addHelpText): examples and notes. */
export function textBelow(command: Command): string {
  let whole = "";
  const collect = (text: string): void => {
    whole += text;
  };
  command.configureOutput({ writeOut: collect }).outputHelp();
  return whole.slice(command.helpInformation().length).trim();
}
