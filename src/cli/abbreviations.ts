/** What an argument list needs to know of an option. */
export interface OptionShape {
  /** `--name`; an option may have only a short form. */
  long?: string;
  /** `-x` */
  short?: string;
  value: "none" | "required" | "optional";
  /** Takes every word up to the next option. */
  variadic: boolean;
  /** Gives way to other options where an abbreviation could mean both. */
  yields: boolean;
}

export type Expanded = { args: string[] } | { problem: string };

/** As in Python's argparse: a negative number is no option, nor is a text with a space in its first part. */
function looksLikeOption(word: string): boolean {
  if (!word.startsWith("-") || word === "-") return false;
  if (/^-(?:\d+|\d*\.\d+)$/.test(word)) return false;
  return !(word.split("=", 1)[0] as string).includes(" ");
}

/**
 * Writes every abbreviated long option in full, and gives the value of a short option (`-wx`, `-w=x`) its own word, as
 * Python's argparse reads them: any prefix that only one option has is that option, an exact name always wins, and
 * an option's value cannot look like an option itself unless it is joined to it. Unknown options stay as they are.
 *
 * @param stopsAtOperand the first word that is no option ends the options: a sub-command or a command to run follows
 * @returns the words in full, or what is wrong with them
 * @see https://docs.python.org/3/library/argparse.html#argument-abbreviations-prefix-matching
 */
export function expandAbbreviations(
  args: readonly string[],
  options: readonly OptionShape[],
  stopsAtOperand: boolean,
): Expanded {
  const expanded: string[] = [];
  let collecting = false;
  for (let index = 0; index < args.length; index++) {
    const word = args[index] as string;
    if (word === "--") return { args: [...expanded, ...args.slice(index)] };
    if (!looksLikeOption(word)) {
      if (stopsAtOperand && !collecting) return { args: [...expanded, ...args.slice(index)] };
      expanded.push(word);
      continue;
    }
    const read = word.startsWith("--") ? readLong(word, options) : readShort(word, options);
    if ("problem" in read) return read;
    expanded.push(...read.words);
    collecting = read.open?.variadic === true;
    const next = args[index + 1];
    if (read.open === undefined || next === undefined) continue;
    if (!looksLikeOption(next)) {
      expanded.push(next);
      index++;
    } else if (read.open.value === "required") {
      return { problem: valueMissing(read.words.at(-1) as string, next) };
    }
  }
  return { args: expanded };
}

/** The words that one word stands for, and the option whose value the next word is. */
type Read = { words: string[]; open?: OptionShape } | { problem: string };

function readLong(word: string, options: readonly OptionShape[]): Read {
  const equals = word.indexOf("=");
  const name = equals === -1 ? word : word.slice(0, equals);
  const rest = equals === -1 ? "" : word.slice(equals);
  const found = options.find(({ long }) => long === name) ?? meantBy(name, options);
  if (found === undefined) return { words: [word] };
  if (Array.isArray(found)) {
    return {
      problem: `ambiguous option: ${name} could match ${found.map(({ long }) => long).join(", ")}`,
    };
  }
  const long = found.long as string;
  if (rest !== "" && found.value === "none") return { problem: `option ${long} takes no value` };
  const words = [`${long}${rest}`];
  return rest !== "" || found.value === "none" ? { words } : { words, open: found };
}

/** The one option that an abbreviation means, several where it is ambiguous, undefined where it means none. */
function meantBy(name: string, options: readonly OptionShape[]): OptionShape | OptionShape[] | undefined {
  const matching = options.filter(({ long }) => long?.startsWith(name));
  const firm = matching.filter(({ yields }) => !yields);
  const meant = firm.length > 0 ? firm : matching;
  return meant.length > 1 ? meant : meant[0];
}

function readShort(word: string, options: readonly OptionShape[]): Read {
  const words: string[] = [];
  for (let at = 1; at < word.length; at++) {
    const short = `-${word[at]}`;
    const option = options.find((one) => one.short === short);
    if (option === undefined) return { words: [...words, `-${word.slice(at)}`] };
    words.push(short);
    if (option.value === "none") continue;
    const value = word.slice(at + 1);
    if (value === "") return { words, open: option };
    return { words: [...words, value.startsWith("=") ? value.slice(1) : value] };
  }
  return { words };
}

function valueMissing(option: string, next: string): string {
  const joined = option.startsWith("--") ? `${option}=VALUE` : `${option}VALUE`;
  return `option ${option} needs a value, but ${next} follows; a value that begins with "-" is written ${joined}`;
}
