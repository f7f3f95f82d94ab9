import * as z from "zod";
import { splitWords } from "./words.ts";

/**
 * What values of configuration keys may be. Each schema takes what a YAML file can hold for the key, also `yes` and
 * `no` as texts (YAML 1.2 knows only `true` and `false`) and texts that came from variables (`max_num_cpus: $CPUS`).
 */
export interface Kind<S extends z.ZodType = z.ZodType> {
  /** In a reader's words. */
  says: string;
  /** What an error says was expected. */
  expected: string;
  schema: S;
  /** Values are lists, to which a site can add with `prepends` and `appends`. */
  list: boolean;
  /** A number is meant as the text that it is written as: `3.10` is not 3.1. */
  written: boolean;
}

const single = <S extends z.ZodType>(says: string, expected: string, schema: S): Kind<S> => ({
  says,
  expected,
  schema,
  list: false,
  written: false,
});

const several = <S extends z.ZodType>(says: string, expected: string, schema: S): Kind<S> => ({
  says,
  expected,
  schema,
  list: true,
  written: true,
});

/** Words that YAML 1.1, which the compatible site files are written in, reads as true and false (yaml.org/type/bool.html). */
const TRUE_WORDS = ["yes", "true", "on"];
const FALSE_WORDS = ["no", "false", "off"];
const asWritten = (word: string): string[] => [
  word,
  word[0]?.toUpperCase() + word.slice(1),
  word.toUpperCase(),
];

/** Environment variables and arguments end at a NUL. */
const line = z.string().regex(/^[^\0]*$/);
const item = z.union([line.min(1), z.number()]).transform(String);

export const text = {
  ...single("text", "a text", z.union([line, z.number()]).transform(String)),
  written: true,
};

export const list = several("list", "a list of texts that are not empty", z.array(item));

/** A list of texts, or one text with commas, as the -w option takes it. */
export const commaList = several(
  "list, or a text with commas",
  "a list of texts that are not empty, or one text with commas",
  z.union([
    z.array(item),
    line.transform((given) =>
      given
        .split(",")
        .map((one) => one.trim())
        .filter((one) => one !== ""),
    ),
  ]),
);

/** Words of a command line: a list, or one text that is split at blanks outside quotes. */
export const words = several(
  "list, or a text with blanks",
  "a list of texts that are not empty, or one text with blanks in which every quote is closed",
  z.union([
    z.array(item),
    line.transform((given, context) => {
      const split = splitWords(given);
      if (split !== undefined) return split;
      context.addIssue({ code: "custom", message: "a quote is not closed" });
      return z.NEVER;
    }),
  ]),
);

/** @param least the smallest number that makes sense */
export const count = (least: 0 | 1) =>
  single(
    "number",
    `a whole number, ${least} or more`,
    z
      .union([z.number().int().min(least), z.string().regex(least === 0 ? /^\d{1,9}$/ : /^[1-9]\d{0,8}$/)])
      .transform(Number),
  );

export const yesNo = single(
  "yes/no",
  "yes or no",
  z
    .union([z.boolean(), z.enum([...TRUE_WORDS, ...FALSE_WORDS].flatMap(asWritten))])
    .transform((given) => given === true || (given !== false && TRUE_WORDS.includes(given.toLowerCase()))),
);

/** A key that counts when it is there, whatever it holds (tykky-surface.md §4). */
export const present = single(
  "present or not",
  "anything",
  z.unknown().transform(() => true),
);

export const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  single(values.map((value) => `\`${value}\``).join(", "), `one of ${values.join(", ")}`, z.enum(values));

const fileItem = z.strictObject({ file: line.min(1) });

/** Lines of shell, each given as it is or as the name of a file that holds them. Never expanded here. */
export const hookLines = several(
  "list of lines and `{file: path}`",
  "a list of which each item is a line of shell or {file: path}",
  z.array(z.union([line, fileItem])),
);

const CHANGES = ["set", "append", "prepend"] as const;

/** Variables and files for the run-time environment. Never expanded here. */
export const extraEnvironment = several(
  "list of `{name, value, type}` and `{file: path}`",
  "a list of which each item is {file: path} or {name, value, type}, the name being that of a variable",
  z.array(
    z.union([
      fileItem,
      z.strictObject({
        name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
        value: text.schema,
        type: z
          .unknown()
          .optional()
          .transform((type): (typeof CHANGES)[number] =>
            type === "set" || type === "append" ? type : "prepend",
          ),
      }),
    ]),
  ),
);
