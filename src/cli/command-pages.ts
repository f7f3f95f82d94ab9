import type { Command } from "commander";
import { ExitCode } from "../errors.ts";
import { PROGRAMS } from "./programs.ts";

/** What each exit code says; keyed so that a new one cannot be left out. */
const EXIT_CODES: Readonly<Record<keyof typeof ExitCode, string>> = {
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

const MADE = "<!-- Made by `npm run docs` from the definitions in src/cli; changes here are lost. -->";

/** The commands that do something: those without sub-commands, but for the built-in help. */
function leaves(command: Command): Command[] {
  if (command.commands.length === 0) return [command];
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== "help")
    .flatMap(leaves);
}

/** A command's whole name: `conda-containerize new`. */
function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function pageName(command: Command): string {
  return `${fullName(command).replaceAll(" ", "-")}.md`;
}

/** A text that Markdown shows as it is, in a table's cell too. */
function shown(text: string): string {
  return text.replace(/[\\`*<>|[\]]/g, (character) => `\\${character}`).replaceAll("\n", " ");
}

const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``;

function table(heads: [string, string], rows: readonly [string, string][]): string {
  const lines = [heads, ["---", "---"], ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return `${lines.join("\n")}\n`;
}

/** What a command's help says below its options (addHelpText): examples and notes. */
function textBelow(command: Command): string {
  let whole = "";
  const collect = (text: string): void => {
    whole += text;
  };
  command.configureOutput({ writeOut: collect }).outputHelp();
  return whole.slice(command.helpInformation().length).trim();
}

/** Titles become headings, indented lines code. */
function sections(text: string): string[] {
  const parts: string[] = [];
  let block: string[] = [];
  const endBlock = (): void => {
    while (block.at(-1) === "") block.pop();
    if (block.length > 0) parts.push(`\`\`\`\n${block.join("\n")}\n\`\`\`\n`);
    block = [];
  };
  for (const line of text.split("\n")) {
    if (line.startsWith("  ")) block.push(line.slice(2));
    else if (line === "" && block.length > 0) block.push("");
    else {
      endBlock();
      if (/^[A-Z][\w ]*:$/.test(line)) parts.push(`## ${line.slice(0, -1)}\n`);
      else if (line !== "") parts.push(`${shown(line)}\n`);
    }
  }
  endBlock();
  return parts;
}

function page(command: Command): string {
  const help = command.createHelp();
  const parts = [
    MADE,
    `# ${fullName(command)}\n`,
    `\`\`\`\n${help.commandUsage(command)}\n\`\`\`\n`,
    `${shown(command.description())}\n`,
  ];
  const operands = help.visibleArguments(command);
  if (operands.length > 0) {
    parts.push(
      "## Arguments\n",
      table(
        ["argument", "meaning"],
        operands.map((one) => [code(one.name()), shown(help.argumentDescription(one))]),
      ),
    );
  }
  const groups = new Map<string, [string, string][]>();
  for (const option of help.visibleOptions(command)) {
    const heading = (option.helpGroupHeading ?? "Options:").replace(/:$/, "");
    groups.set(heading, [
      ...(groups.get(heading) ?? []),
      [code(option.flags), shown(help.optionDescription(option))],
    ]);
  }
  for (const [heading, rows] of groups) parts.push(`## ${heading}\n`, table(["option", "meaning"], rows));
  const below = textBelow(command);
  if (below !== "") parts.push(...sections(below));
  parts.push("## Exit codes\n", "What this command itself ends with:\n", exitCodes());
  return parts.join("\n");
}

function exitCodes(): string {
  return table(
    ["code", "meaning"],
    Object.entries(EXIT_CODES).map(([name, meaning]) => [
      String(ExitCode[name as keyof typeof ExitCode]),
      meaning,
    ]),
  );
}

function index(programs: readonly Command[]): string {
  const parts = [
    MADE,
    "# Commands\n",
    "Every long option may be shortened as long as only one option begins like that (`--wrapper` for `--wrapper-paths`); " +
      "an option given twice counts once, as given last; `--` ends the options. `--help` on every command prints what is here.\n",
  ];
  for (const program of programs) {
    parts.push(
      `## ${program.name()}\n`,
      `${shown(program.description())}\n`,
      table(
        ["command", "what it does"],
        leaves(program).map((command) => [
          `[${fullName(command)}](${pageName(command)})`,
          shown(command.description()),
        ]),
      ),
    );
  }
  return parts.join("\n");
}

/**
 * The pages of docs/commands, made from the definitions that --help is made from.
 *
 * @returns the text of each page by its file name
 */
export function commandPages(): Map<string, string> {
  const programs = Object.values(PROGRAMS).map((make) => make());
  return new Map([
    ["README.md", index(programs)],
    ...programs.flatMap(leaves).map((command): [string, string] => [pageName(command), page(command)]),
  ]);
}
