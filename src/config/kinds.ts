import { z } from "zod";
import { splitWords } from "./words.ts";

/**
 * What values of configuration keys may be. Each schema takes what a YAML file can hold for the key, also `yes` and
 * `no` as texts (YAML 1.2 knows only `true` and `false`) and texts that came from variables (`max_num_cpus: $CPUS`).
 */

export interface Kind<S extends z.ZodType = z.ZodType> {
  /** In a reader's words. */
  says: string;
  schema: S;
  /** Values are lists, to which a site can add with `prepends` and `appends`. */
  list: boolean;
  /** A number is meant as the text that it is written as: `3.10` is not 3.1. */
  written: boolean;
}

const kind = <S extends z.ZodType>(
  says: string,
  schema: S,
  { list = false, written = true }: { list?: boolean; written?: boolean } = {},
): Kind<S> => ({ says, schema, list, written });

/** Words that YAML 1.1, which the compatible site files are written in, reads as true and false (yaml.org/type/bool.html). */
const TRUE_WORDS = ["yes", "true", "on"];
const FALSE_WORDS = ["no", "false", "off"];
const asWritten = (word: string): string[] => [
  word,
  word[0]?.toUpperCase() + word.slice(1),
  word.toUpperCase(),
];

/** Environment variables and arguments end at a NUL. */
const NO_NUL = /^[^\0]*$/;

export const text = kind(
  "text",
  z.union([z.string().regex(NO_NUL), z.number()], { error: "expected a text" }).transform(String),
);

const item = z
  .union([z.string().regex(NO_NUL).min(1), z.number()], { error: "expected a text that is not empty" })
  .transform(String);

export const list = kind("list", z.array(item, { error: "expected a list of texts" }), { list: true });

/** A list of texts, or one text with commas, as the -w option takes it. */
export const commaList = kind(
  "list, or a text with commas",
  z.union(
    [
      z.array(item),
      z
        .string()
        .regex(NO_NUL)
        .transform((given) =>
          given
            .split(",")
            .map((one) => one.trim())
            .filter((one) => one !== ""),
        ),
    ],
    { error: "expected a list of texts, or one text with commas" },
  ),
  { list: true },
);

/** Words of a command line: a list, or one text that is split at blanks outside quotes. */
export const words = kind(
  "list, or a text with blanks",
  z.union(
    [
      z.array(item),
      z
        .string()
        .regex(NO_NUL)
        .transform((given, context) => {
          const split = splitWords(given);
          if (split !== undefined) return split;
          context.addIssue({ code: "custom", message: "a quote is not closed" });
          return z.NEVER;
        }),
    ],
    { error: "expected a list of texts, or one text with blanks" },
  ),
  { list: true },
);

/** @param least the smallest number that makes sense */
export const count = (least: 0 | 1) => {
  const error = `expected a whole number, ${least} or more`;
  return kind(
    "number",
    z
      .union([z.number().int().min(least), z.string().regex(least === 0 ? /^\d{1,9}$/ : /^[1-9]\d{0,8}$/)], {
        error,
      })
      .transform(Number),
    { written: false },
  );
};

export const yesNo = kind(
  "yes/no",
  z
    .union([z.boolean(), z.enum([...TRUE_WORDS, ...FALSE_WORDS].flatMap(asWritten))], {
      error: "expected yes or no",
    })
    .transform((given) => given === true || (given !== false && TRUE_WORDS.includes(given.toLowerCase()))),
  { written: false },
);

/** A key that counts when it is there, whatever it holds (tykky-surface.md §4). */
export const present = kind(
  "present or not",
  z.unknown().transform(() => true),
  { written: false },
);

export const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  kind(
    values.map((value) => `\`${value}\``).join(", "),
    z.enum(values, { error: `expected one of ${values.join(", ")}` }),
  );

const fileItem = z.strictObject({ file: z.string().regex(NO_NUL).min(1) });

/** Lines of shell, each given as it is or as the name of a file that holds them. Never expanded here. */
export const hookLines = kind(
  "list of lines and `{file: path}`",
  z.array(z.union([z.string().regex(NO_NUL), fileItem]), {
    error: "expected a list; an item is a line of shell, or {file: path}",
  }),
  { list: true },
);

const CHANGES = ["set", "append", "prepend"] as const;

/** Variables and files for the run-time environment. Never expanded here. */
export const extraEnvironment = kind(
  "list of `{name, value, type}` and `{file: path}`",
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
    { error: "expected a list; an item is {file: path}, or {name, value, type} with a variable's name" },
  ),
  { list: true },
);
