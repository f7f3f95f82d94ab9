import type { Command } from "commander";
import { EXIT_CODES, fullName, leaves, textBelow } from "./command-definitions.ts";
import { PROGRAMS } from "./programs.ts";

const MADE = '.\\" Made by `npm run docs` from the definitions in src/cli; changes here are lost.';

/**
 * Text that roff shows as it is (man 7 groff: `\e` is a backslash, `\-` the sign of options, `\&` nothing, `\[uXXXX]`
 * any character).
 */
function shown(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("\n", " ")
    .replace(
      /[^ -~]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    )
    .replace(/^([.'])/, "\\&$1");
}

/** A text as one argument of a macro. */
function argument(text: string): string {
  return `"${shown(text).replaceAll('"', "\\(dq")}"`;
}

function section(title: string, lines: readonly string[]): string[] {
  return [`.SH ${argument(title.toUpperCase())}`, ...lines];
}

/** A list of terms with what they mean. */
function terms(entries: readonly (readonly [string, string])[]): string[] {
  return entries.flatMap(([term, meaning]) => [".TP", `.B ${argument(term)}`, shown(meaning)]);
}

/** Titles become sections, indented lines are shown as they are. */
function below(text: string): string[] {
  const lines: string[] = [];
  let verbatim = false;
  const end = (): void => {
    if (verbatim) lines.push(".EE");
    verbatim = false;
  };
  for (const line of text.split("\n")) {
    if (line.startsWith("  ")) {
      if (!verbatim) lines.push(".EX");
      verbatim = true;
      lines.push(shown(line));
      continue;
    }
    end();
    if (/^[A-Z][\w ]*:$/.test(line)) lines.push(...section(line.slice(0, -1), []));
    else if (line !== "") lines.push(".PP", shown(line));
  }
  end();
  return lines;
}

const nameOf = (command: Command): string => fullName(command).replaceAll(" ", "-");

function head(name: string, description: string, usage: string): string[] {
  return [
    MADE,
    `.TH ${argument(name.toUpperCase())} 1 "" "Kapseli" "Kapseli"`,
    ...section("name", [`${shown(name)} \\- ${shown(description)}`]),
    ...section("synopsis", [`.B ${argument(usage)}`]),
    ...section("description", [shown(description)]),
  ];
}

const ELSEWHERE = "The documentation is in docs/ of the installation.";

function page(command: Command): string {
  const help = command.createHelp();
  const lines = head(nameOf(command), command.description(), help.commandUsage(command));
  const operands = help.visibleArguments(command);
  if (operands.length > 0) {
    lines.push(
      ...section("arguments", terms(operands.map((one) => [one.name(), help.argumentDescription(one)]))),
    );
  }
  const groups = new Map<string, [string, string][]>();
  for (const option of help.visibleOptions(command)) {
    const heading = (option.helpGroupHeading ?? "Options:").replace(/:$/, "");
    groups.set(heading, [...(groups.get(heading) ?? []), [option.flags, help.optionDescription(option)]]);
  }
  for (const [heading, entries] of groups) lines.push(...section(heading, terms(entries)));
  lines.push(...below(textBelow(command)));
  lines.push(
    ...section("exit status", terms(EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]))),
  );
  const { parent } = command;
  const others = parent
    ? leaves(parent)
        .map(nameOf)
        .filter((name) => name !== nameOf(command))
    : [];
  const also = [...(parent ? [nameOf(parent)] : []), ...others].map((name) => `${name}(1)`).join(", ");
  lines.push(...section("see also", [...(also === "" ? [] : [shown(also), ".PP"]), ELSEWHERE]));
  return `${lines.join("\n")}\n`;
}

/** The page of a program that has sub-commands. */
function overview(program: Command): string {
  const commands = leaves(program);
  const lines = [
    ...head(program.name(), program.description(), program.createHelp().commandUsage(program)),
    ...section("commands", terms(commands.map((one) => [fullName(one), one.description()]))),
    ...section("see also", [shown(commands.map((one) => `${nameOf(one)}(1)`).join(", ")), ".PP", ELSEWHERE]),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * Manual pages, made from the definitions that --help is made from: one for each program and each of its commands.
 *
 * @returns the text of each page by its file name
 */
export function manPages(): Map<string, string> {
  const pages = new Map<string, string>();
  for (const program of Object.values(PROGRAMS).map((make) => make())) {
    if (program.commands.length > 0) pages.set(`${program.name()}.1`, overview(program));
    for (const command of leaves(program)) pages.set(`${nameOf(command)}.1`, page(command));
  }
  return pages;
}
