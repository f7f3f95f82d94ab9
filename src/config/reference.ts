import { COMMAND_VARIABLES, FACT_VARIABLES } from "./expand.ts";
import { KEY_NAMES, type KeyName, keyOf } from "./keys.ts";
import { joinWords } from "./words.ts";

/** Between these lines docs/configuration.md holds what is made here. */
export const BEGIN = "<!-- made by scripts/make-config-files.mjs: begin -->";
export const END = "<!-- made by scripts/make-config-files.mjs: end -->";

const NOBODY = { environment: {}, home: "", cwd: "", architecture: "" };

function builtInText(name: KeyName): string {
  const key = keyOf(name);
  if (key.builtInText !== undefined) return key.builtInText;
  const value = key.builtIn(NOBODY);
  if (value === undefined) return "unset";
  if (Array.isArray(value)) return value.length === 0 ? "none" : `\`${joinWords(value)}\``;
  if (typeof value === "boolean") return value ? "yes" : "no";
  return `\`${String(value)}\``;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

function table(names: readonly KeyName[]): string[] {
  return [
    "| key | value | built in | meaning |",
    "|---|---|---|---|",
    ...names.map((name) => {
      const { kind, description } = keyOf(name);
      return `| \`${name}\` | ${cell(kind.says)} | ${cell(builtInText(name))} | ${cell(description)} |`;
    }),
  ];
}

/** The part of docs/configuration.md that says what keys, facts and commands there are. */
export function referenceText(): string {
  const works = KEY_NAMES.filter((name) => keyOf(name).effect === undefined);
  const without = KEY_NAMES.filter((name) => keyOf(name).effect !== undefined);
  return [
    "### Keys of a site",
    ...table(works.filter((name) => keyOf(name).group === "site")),
    "",
    "### Keys of an installation",
    "Options set these; the YAML of `advanced` and of `-y` may have all of them, and those above.",
    "",
    ...table(works.filter((name) => keyOf(name).group === "user")),
    "",
    "### Keys without effect",
    "Tykky has these. Files may go on having them; a value that is not Tykky's own brings a warning.",
    "",
    "| key | why |",
    "|---|---|",
    ...without.map(
      (name) => `| \`${name}\` | ${cell(keyOf(name).effect?.slice("none because ".length) ?? "")} |`,
    ),
    "",
    "### Facts and commands in values",
    "| variable | is |",
    "|---|---|",
    ...Object.entries(FACT_VARIABLES).map(([name, { meaning }]) => `| \`$${name}\` | ${meaning} |`),
    "",
    "These commands are not run; they are other names of variables. Any other is an error.",
    "",
    "| command | is |",
    "|---|---|",
    ...Object.entries(COMMAND_VARIABLES).map(([command, name]) => `| \`$(${command})\` | \`$${name}\` |`),
  ].join("\n");
}

/**
 * A document with its made part replaced.
 *
 * @throws {RangeError} when it has no place for it.
 */
export function withReference(document: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from < 0 || to < from) throw new RangeError("the document has no place for what is made");
  return `${document.slice(0, from)}${BEGIN}\n\n${referenceText()}\n\n${document.slice(to)}`;
}
