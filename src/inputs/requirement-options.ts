import { didYouMean } from "./did-you-mean.ts";
import { begun } from "./shown-text.ts";

/** What an option of a requirements file means, by the name of its long form. */
export type OptionName =
  | "index-url"
  | "extra-index-url"
  | "no-index"
  | "constraint"
  | "requirement"
  | "editable"
  | "find-links"
  | "no-binary"
  | "only-binary"
  | "prefer-binary"
  | "require-hashes"
  | "no-require-hashes"
  | "pre"
  | "all-releases"
  | "only-final"
  | "trusted-host"
  | "use-feature"
  | "hash"
  | "config-settings"
  | "global-option";

interface OptionKind {
  takesValue: boolean;
  short?: string;
  alias?: string;
}

/** Source: pip, "Requirements File Format: Supported options", and pip/_internal/req/req_file.py of pip 26.3. */
const OPTIONS: Readonly<Record<OptionName, OptionKind>> = {
  "index-url": { takesValue: true, short: "i", alias: "pypi-url" },
  "extra-index-url": { takesValue: true },
  "no-index": { takesValue: false },
  constraint: { takesValue: true, short: "c" },
  requirement: { takesValue: true, short: "r" },
  editable: { takesValue: true, short: "e" },
  "find-links": { takesValue: true, short: "f" },
  "no-binary": { takesValue: true },
  "only-binary": { takesValue: true },
  "prefer-binary": { takesValue: false },
  "require-hashes": { takesValue: false },
  "no-require-hashes": { takesValue: false },
  pre: { takesValue: false },
  "all-releases": { takesValue: true },
  "only-final": { takesValue: true },
  "trusted-host": { takesValue: true },
  "use-feature": { takesValue: true },
  hash: { takesValue: true },
  "config-settings": { takesValue: true, short: "C", alias: "config-setting" },
  // Gone from pip 25.3; the pips of older Pythons take it.
  "global-option": { takesValue: true },
};

const NAMES = Object.keys(OPTIONS) as OptionName[];

export interface ParsedOption {
  name: OptionName;
  /** Empty for options that take none. */
  value: string;
  /** Where the option begins in the line. */
  offset: number;
}

export interface ParsedOptions {
  options: ParsedOption[];
  /** Words that belong to no option; pip drops them without a word. */
  left: Word[];
  faults: { offset: number; message: string; hint?: string }[];
}

interface Word {
  text: string;
  offset: number;
}

/** Splits a line into what stands before its options and the options. Source: pip's `break_args_options`. */
export function splitOptions(line: string): { requirement: string; optionsAt: number } {
  let offset = 0;
  for (const token of line.split(" ")) {
    if (token.startsWith("-")) return { requirement: line.slice(0, offset).trimEnd(), optionsAt: offset };
    offset += token.length + 1;
  }
  return { requirement: line, optionsAt: line.length };
}

/** Parses the options from `offset` on, as Python's shlex and optparse do for pip: quotes, `--a=b`, `-ab`, short forms. */
export function parseOptions(line: string, from: number): ParsedOptions {
  const result: ParsedOptions = { options: [], left: [], faults: [] };
  const words = splitWords(line, from);
  if (words === undefined) {
    result.faults.push({ offset: from, message: "a quoted text has no closing quote" });
    return result;
  }
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as Word;
    if (!word.text.startsWith("-") || word.text === "-") {
      result.left.push(word);
      continue;
    }
    const found = word.text.startsWith("--") ? longOption(word.text) : shortOption(word.text);
    if (typeof found === "string") {
      result.faults.push({ offset: word.offset, ...unknownOption(found) });
      continue;
    }
    const { name } = found;
    let { value } = found;
    if (!OPTIONS[name].takesValue) {
      if (value !== undefined)
        result.faults.push({ offset: word.offset, message: `the option --${name} takes no value` });
      value = "";
    } else if (value === undefined) {
      index++;
      value = words[index]?.text;
    }
    if (value === undefined || (value === "" && OPTIONS[name].takesValue)) {
      result.faults.push({ offset: word.offset, message: `expected a value after the option ${word.text}` });
      continue;
    }
    result.options.push({ name, value, offset: word.offset });
  }
  return result;
}

function unknownOption(text: string): { message: string; hint?: string } {
  const bare = text.replace(/^-+/, "");
  const meant = didYouMean(bare, NAMES);
  return {
    message: `the option "${begun(text, 40)}" is not possible in a requirements file`,
    hint: meant ? `Did you mean --${meant}?` : "pip takes there index, hash and -r/-c/-e options only.",
  };
}

/** Optparse takes any unambiguous beginning of a long option. */
function longOption(word: string): { name: OptionName; value: string | undefined } | string {
  const equals = word.indexOf("=");
  const key = equals === -1 ? word.slice(2) : word.slice(2, equals);
  const value = equals === -1 ? undefined : word.slice(equals + 1);
  const exact = NAMES.find((name) => name === key || OPTIONS[name].alias === key);
  if (exact) return { name: exact, value };
  const candidates =
    key === "" ? [] : NAMES.filter((name) => name.startsWith(key) || OPTIONS[name].alias?.startsWith(key));
  return candidates.length === 1 ? { name: candidates[0] as OptionName, value } : `--${key}`;
}

function shortOption(word: string): { name: OptionName; value: string | undefined } | string {
  const name = NAMES.find((one) => OPTIONS[one].short === word[1]);
  if (!name) return word.slice(0, 2) === word ? word : word.replace(/=.*$/, "");
  return { name, value: word.length > 2 ? word.slice(2) : undefined };
}

/** Python's `shlex.split` with its POSIX rules; undefined where a quote or an escape is not closed. */
function splitWords(line: string, from: number): Word[] | undefined {
  const words: Word[] = [];
  let current: Word | undefined;
  let quote = "";
  const add = (offset: number, character: string) => {
    current ??= { text: "", offset };
    current.text += character;
  };
  for (let index = from; index < line.length; index++) {
    const character = line[index] as string;
    const next = line[index + 1];
    if (quote === "'" || quote === '"') {
      if (character === quote) quote = "";
      else if (quote === '"' && character === "\\" && (next === '"' || next === "\\")) {
        add(index, next);
        index++;
      } else add(index, character);
    } else if (character === "'" || character === '"') {
      quote = character;
      add(index, "");
    } else if (character === "\\") {
      if (next === undefined) return undefined;
      add(index, next);
      index++;
    } else if (/\s/.test(character)) {
      if (current) words.push(current);
      current = undefined;
    } else add(index, character);
  }
  if (quote !== "") return undefined;
  if (current) words.push(current);
  return words;
}
