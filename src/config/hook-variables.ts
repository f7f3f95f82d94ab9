import { type Config, type CustomSettings, isKeyName, KEYS } from "./keys.ts";
import { joinWords } from "./words.ts";

/**
 * The configuration as hook scripts see it: every key with one value, known or not, as `CW_<KEY>` in capitals. Lists
 * and mappings are left out, but for the words of `sqfs_options`, which are one text in Tykky; so are names that no
 * shell variable can have. Truth values are `yes` and `no`. Pure.
 */
export function hookVariables(config: Config, custom: CustomSettings): Record<string, string> {
  const variables: [string, string][] = [];
  for (const [name, { value }] of [...Object.entries(custom), ...Object.entries(config)]) {
    if (!/^[A-Za-z0-9_]+$/.test(name)) continue;
    const isWords = isKeyName(name) && KEYS[name].kind === KEYS.sqfs_options.kind;
    const text = isWords ? joinWords(value as string[]) : scalarText(value);
    if (text !== undefined && !text.includes("\0")) variables.push([`CW_${name.toUpperCase()}`, text]);
  }
  return Object.fromEntries(variables);
}

function scalarText(value: unknown): string | undefined {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}
