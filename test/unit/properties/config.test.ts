// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are for shells and configurations
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { expand } from "../../../src/config/expand.ts";
import { hookVariables } from "../../../src/config/hook-variables.ts";
import { KEY_NAMES, type KeyName, keyOf } from "../../../src/config/keys.ts";
import { type ConfigSources, examineConfig, resolveLayers } from "../../../src/config/resolve.ts";
import { joinWords, splitWords } from "../../../src/config/words.ts";
import { KapseliError } from "../../../src/errors.ts";
import { anyText, holds, madeOf, SEED, withoutNul } from "../../support/properties.ts";

const sources = (more: Partial<ConfigSources>): ConfigSources => ({
  environment: {},
  home: "/home/u",
  cwd: "/here",
  flags: {},
  ...more,
});
const site = (text: string) => ({ file: "/s.yaml", text });
const user = (text: string) => ({ file: "/u.yaml", text });

// biome-ignore format: a list of pieces
const PIECES = [
  "defaults:", "prepends:", "appends:", "force:", ...KEY_NAMES.map((name) => `${name}: `), "\n", "\n  ", "\n- ", "[", "]",
  "{", "}", ", ", ": ", "&a ", "*a", "<<: ", "$HOME", "${X:-y}", "$(id)", "`id`", "yes", "no", "1", "-1", "1e999", "~",
  "'", '"', "|", "\t", "#", "---\n", "\ufeff", "__proto__: ", "constructor: ",
];

describe(`any text as a file of configuration (seed ${SEED})`, () => {
  it("is read, or every problem of it has a file and a line", () => {
    holds(
      40,
      fc.property(fc.oneof(anyText(150), madeOf(PIECES)), fc.boolean(), (text, strict) => {
        for (const given of [{ site: site(text) }, { user: { ...user(text), strict } }]) {
          const { errors, unset, config, custom } = examineConfig(sources(given));
          for (const error of [...errors, ...unset]) expect(error).toMatch(/^\/[su]\.yaml(?::\d+)?: /);
          expect(Object.keys(config).sort()).toEqual([...KEY_NAMES].sort());
          for (const value of Object.values(hookVariables(config, custom))) expect(value).not.toContain("\0");
        }
      }),
    );
  });

  it("is the same in the end for whoever asks in layers, or is refused as a whole", () => {
    holds(
      20,
      fc.property(madeOf(PIECES), (text) => {
        try {
          const { config, withOwn } = resolveLayers(sources({ user: user(text) }));
          expect(withOwn({})).toEqual(config);
        } catch (error) {
          expect(error).toBeInstanceOf(KapseliError);
        }
      }),
    );
  });
});

/** Lists, whose items are added up, and single values, of which the last counts. */
const LISTS = ["mount_points", "excluded_mount_points"] as const;
const SINGLE = ["env_name", "container_image"] as const;
const items = fc.array(fc.stringMatching(/^\/[a-z]{1,4}$/), { maxLength: 3 });
const word = fc.stringMatching(/^[a-z]{1,5}$/);
/** What one source says: some of the keys, each with a value. */
const said = fc.record(
  { mount_points: items, excluded_mount_points: items, env_name: word, container_image: word },
  { requiredKeys: [] },
);
const listsOnly = fc.record({ mount_points: items, excluded_mount_points: items }, { requiredKeys: [] });
type Said = Partial<Record<KeyName, unknown>>;

const inSections = fc.record(
  { defaults: said, prepends: listsOnly, appends: listsOnly, force: said },
  { requiredKeys: [] },
);

function values(given: Partial<ConfigSources>): Record<string, unknown> {
  const { config, errors } = examineConfig(sources(given));
  expect(errors).toEqual([]);
  return Object.fromEntries([...LISTS, ...SINGLE].map((name) => [name, config[name].value]));
}
const text = (value: object) => (Object.keys(value).length === 0 ? "" : stringify(value));
const flags = (said: Said) =>
  Object.fromEntries(Object.entries(said).map(([name, value]) => [name, { value, flag: `--${name}` }]));

describe(`merging (seed ${SEED})`, () => {
  it("is force, else what the last of option, user and defaults says, between prepends and appends", () => {
    holds(
      40,
      fc.property(inSections, said, said, (sections, users, options) => {
        const merged = values({ site: site(text(sections)), user: user(text(users)), flags: flags(options) });
        for (const name of [...LISTS, ...SINGLE]) {
          const of = (source: Said | undefined) => source?.[name];
          const builtIn = keyOf(name).builtIn({
            environment: {},
            home: "/home/u",
            cwd: "/here",
            architecture: "x86_64",
          });
          const chosen = of(options) ?? of(users) ?? of(sections.defaults) ?? builtIn;
          const whole = (LISTS as readonly string[]).includes(name)
            ? [of(sections.prepends) ?? [], chosen, of(sections.appends) ?? []].flat()
            : chosen;
          expect(merged[name], name).toEqual(of(sections.force) ?? whole);
        }
      }),
    );
  });

  it("does nothing a second time: what came out, given as the user's, comes out again", () => {
    holds(
      20,
      fc.property(said, said, (defaults, users) => {
        const once = values({ site: site(text({ defaults })), user: user(text(users)) });
        expect(values({ site: site(text({ defaults })), user: user(text(once)) })).toEqual(once);
        expect(values({ flags: flags(once) })).toEqual(once);
      }),
    );
  });

  it("does not depend on the order in which keys and sections stand", () => {
    const reversed = (value: object): object =>
      Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inside]) => [
            key,
            Array.isArray(inside) || typeof inside === "string" ? inside : reversed(inside),
          ]),
      );
    holds(
      20,
      fc.property(inSections, said, (sections, users) => {
        const one = values({ site: site(text(sections)), user: user(text(users)) });
        const other = values({ site: site(text(reversed(sections))), user: user(text(reversed(users))) });
        expect(other).toEqual(one);
      }),
    );
  });
});

describe(`words and variables (seed ${SEED})`, () => {
  it("words that are joined come apart as they were", () => {
    holds(
      100,
      fc.property(fc.array(withoutNul(12), { maxLength: 6 }), (words) => {
        expect(splitWords(joinWords(words))).toEqual(words);
      }),
    );
  });

  it("any text can be split or has an open quote", () => {
    holds(
      100,
      fc.property(anyText(), (line) => {
        const words = splitWords(line);
        if (words === undefined) expect(line).toMatch(/["']/);
      }),
    );
  });

  it("a text whose signs are protected is expanded to itself, and what is put in is not looked at again", () => {
    const variable = { X: "", Y: "$(id) `id` ${X} $X \\$" };
    holds(
      100,
      fc.property(withoutNul(30), (plain) => {
        const written = plain.replace(/[$`]/g, "\\$&");
        expect(expand(written, variable)).toEqual({ text: plain, unset: [], problems: [] });
        const around = expand(`${written} $Y`, variable);
        expect(around.text).toBe(`${plain} ${variable.Y}`);
      }),
    );
  });
});
