import type { Command } from "commander";
import { shellQuote } from "../prefix/shell-data.ts";
import { fullName, shownCommands } from "./command-definitions.ts";
import { PROGRAMS } from "./programs.ts";

const BEGIN = "# made by npm run docs from the definitions in src/cli: begin\n";
const END = "# made by npm run docs from the definitions in src/cli: end\n";

/** An option as a shell completes it. */
interface Word {
  /** `--depth`, `-h`. */
  names: string[];
  description: string;
  takesValue: boolean;
  choices: readonly string[];
}

/** What may follow a program or a sub-command. */
interface Place {
  /** `kapseli config show`. */
  path: string;
  commands: { name: string; description: string }[];
  options: Word[];
  /** The fixed values of its operands. */
  named: readonly string[];
  /** Whether its operands are directories; else, without fixed values, files of any kind. */
  directories: boolean;
}

/** Names of operands that stand for directories. */
const DIRECTORIES = /^(?:prefix|dir|a|b)$/;

/** The part of a description that fits a menu. */
const brief = (text: string): string => (text.split(/[;(:]|\. /, 1)[0] ?? "").replaceAll("\n", " ").trim();

function placesOf(command: Command): Place[] {
  const help = command.createHelp();
  const children = shownCommands(command);
  const place: Place = {
    path: fullName(command),
    commands: children.map((child) => ({ name: child.name(), description: brief(child.description()) })),
    options: help.visibleOptions(command).map((option) => ({
      names: [option.long, option.short].filter((name) => name !== undefined),
      description: brief(option.description),
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
    })),
    named: command.registeredArguments.flatMap((one) => one.argChoices ?? []),
    directories: help.visibleArguments(command).some((one) => DIRECTORIES.test(one.name())),
  };
  return [place, ...children.flatMap(placesOf)];
}

const programs = (): Command[] => Object.values(PROGRAMS).map((make) => make());

/** A function of a shell with a case for each place. */
function cases(places: readonly Place[], lines: (place: Place) => string[]): string {
  const all = places.map((place) => {
    const body = lines(place).map((line) => `      ${line}\n`);
    return `    ${shellQuote(place.path)})\n${body.join("")}      ;;\n`;
  });
  return `__kapseli_words() {\n  case $1 in\n${all.join("")}  esac\n}\n`;
}

/** A line for each option that has a fixed set of values. */
function choiceCases(places: readonly Place[]): string {
  const all = places.flatMap(({ path, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map(({ names, choices }) => {
        const patterns = names.map((name) => shellQuote(`${path} ${name}`)).join(" | ");
        return `    ${patterns}) choices=${shellQuote(choices.join(" "))} ;;\n`;
      }),
  );
  return `__kapseli_choices() {\n  case "$1 $2" in\n${all.join("")}    *) choices='' ;;\n  esac\n}\n`;
}

/** The assignment of an operand's fixed values, where there are some. */
const namedLine = ({ named }: Place, list: (words: string) => string): string[] =>
  named.length === 0 ? [] : [`named=${list(named.join(" "))}`];

const valued = ({ options }: Place): string[] =>
  options.filter(({ takesValue }) => takesValue).flatMap((option) => option.names);

function bash(): string {
  const places = programs().flatMap(placesOf);
  const words = cases(places, (place) => [
    `commands=${shellQuote(place.commands.map(({ name }) => name).join(" "))}`,
    `options=${shellQuote(place.options.flatMap((option) => option.names).join(" "))}`,
    `values=${shellQuote(valued(place).join(" "))}`,
    `operands=${place.directories ? "directories" : "files"}`,
    ...namedLine(place, shellQuote),
  ]);
  return `${words}\n${choiceCases(places)}`;
}

function zsh(): string {
  const places = programs().flatMap(placesOf);
  // A colon ends the name in what _describe takes.
  const entry = (name: string, description: string): string =>
    shellQuote(`${name.replaceAll(":", "\\:")}:${description}`);
  const words = cases(places, (place) => [
    `commands=(${place.commands.map(({ name, description }) => entry(name, description)).join(" ")})`,
    `options=(${place.options.flatMap((option) => option.names.map((name) => entry(name, option.description))).join(" ")})`,
    `values=(${valued(place).join(" ")})`,
    `operands=${place.directories ? "directories" : "files"}`,
    ...namedLine(place, (words) => `(${words})`),
  ]);
  return `${words}\n${choiceCases(places)}`;
}

/** Quotes for fish: in single quotes only these two are special. */
const fishQuote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function fishLines(place: Place): string[] {
  const [program = "", ...under] = place.path.split(" ");
  const at = (question: string): string => `-n ${fishQuote([question, ...under].join(" "))}`;
  const lines = place.commands.map(
    ({ name, description }) =>
      `complete -c ${program} -f ${at("__kapseli_only")} -a ${name} -d ${fishQuote(description)}`,
  );
  for (const { names: own, description, takesValue, choices } of place.options) {
    const flags = own.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
    const value = choices.length > 0 ? `-x -a ${fishQuote(choices.join(" "))}` : takesValue ? "-r" : "";
    const words = [
      `complete -c ${program}`,
      at("__kapseli_after"),
      ...flags,
      value,
      "-d",
      fishQuote(description),
    ];
    lines.push(words.filter((word) => word !== "").join(" "));
  }
  if (place.named.length > 0) {
    const named = fishQuote(place.named.join(" "));
    lines.push(`complete -c ${program} -f ${at("__kapseli_after")} -a ${named}`);
  }
  if (place.directories) {
    const directories = fishQuote("(__fish_complete_directories (commandline -ct))");
    lines.push(`complete -c ${program} -f ${at("__kapseli_after")} -a ${directories}`);
  }
  return lines;
}

function fish(): string {
  const lines = programs().flatMap(placesOf).flatMap(fishLines);
  return `${lines.join("\n")}\n`;
}

const SHELLS = { bash, zsh, fish } as const;

/** The names of the files of etc/completion that are made in part, by shell. */
export const COMPLETION_FILES = {
  bash: "kapseli.bash",
  zsh: "kapseli.zsh",
  fish: "kapseli.fish",
} as const satisfies Record<keyof typeof SHELLS, string>;

/**
 * A file of etc/completion with the part of it that is made from the definitions that --help is made from.
 *
 * @throws {RangeError} where the file has no place for it.
 */
export function withCompletion(shell: keyof typeof SHELLS, file: string): string {
  const [begin, end] = [file.indexOf(BEGIN), file.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new RangeError(`${COMPLETION_FILES[shell]} lacks the lines ${BEGIN} ${END}`);
  return file.slice(0, begin) + BEGIN + SHELLS[shell]() + file.slice(end);
}
