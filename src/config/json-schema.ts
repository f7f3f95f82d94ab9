import * as z from "zod";
import { KEY_NAMES, KEYS, type Key, keyOf } from "./keys.ts";
import { SECTIONS, type Section } from "./origin.ts";

/** Where a value of another type may come from a variable, a text with `$` is right too. */
const variable = z.string().regex(/[$]/);

function schemaOf({ kind, description, verbatim, effect }: Key): z.ZodType {
  const anyText = kind === KEYS.container_src.kind || kind === KEYS.enable_site_packages.kind;
  const options = [kind.schema, ...(anyText || verbatim ? [] : [variable]), ...(kind.list ? [z.null()] : [])];
  const [only, ...more] = options;
  const schema = only !== undefined && more.length === 0 ? only : z.union(options);
  const said = effect === undefined ? description : `${description} No effect here.`;
  return schema.describe(said.replaceAll("`", "'")).optional();
}

const keys = (id: string, wanted: (key: Key) => boolean) =>
  z
    .looseObject(
      Object.fromEntries(
        KEY_NAMES.filter((name) => wanted(keyOf(name))).map((name) => [name, schemaOf(keyOf(name))]),
      ),
    )
    .meta({ id });

const ALL = keys("keys", () => true);
const LISTS = keys("lists", ({ kind }) => kind.list);

const SECTION_MEANING: Record<Section, string> = {
  defaults: "Values for those who say nothing else.",
  prepends: "Items before the lists of defaults or users.",
  appends: "Items after the lists of defaults or users.",
  force: "Values that nobody can change.",
};

/**
 * The JSON schema of site files, in draft 7, which editors know. Keys that nobody knows are allowed: hook scripts see
 * them.
 */
export function siteJsonSchema(): Record<string, unknown> {
  const sections = SECTIONS.map((section) => {
    const map = section === "defaults" || section === "force" ? ALL : LISTS;
    return [section, z.union([map, z.null()]).describe(SECTION_MEANING[section]).optional()];
  });
  const schema = z.toJSONSchema(z.looseObject(Object.fromEntries(sections)), {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
  });
  return { title: "Kapseli site configuration", ...schema };
}

/** The schema as the text of etc/kapseli-config.schema.json. */
export function siteJsonSchemaText(): string {
  return `${JSON.stringify(siteJsonSchema(), null, 2)}\n`;
}
