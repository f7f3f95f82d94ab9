import type { Command } from "commander";
import { EXIT_CODES, fullName, leaves, textBelow } from "./command-definitions.ts";
import { PROGRAMS } from "./programs.ts";

const MADE = "<!-- Made by `npm run docs` from the definitions in src/cli; changes here are lost. -->";

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
    EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]),
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
