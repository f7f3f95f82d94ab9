import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { COMPLETION_FILES, commandPages, manPages, withCompletion } from "../../../src/cli/made-files.ts";

const fileOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(fileOf(path), "utf8");

describe("manual pages", () => {
  it("are what the definitions say; if not, run: npm run docs", () => {
    const there = readdirSync(fileOf("share/man/man1")).map((name) => [name, read(`share/man/man1/${name}`)]);
    expect(Object.fromEntries(there)).toEqual(Object.fromEntries(manPages()));
  });

  it("are named in package.json, so that npm installs them", () => {
    const { man } = JSON.parse(read("package.json")) as { man: string[] };
    expect(man).toEqual([...manPages().keys()].map((name) => `share/man/man1/${name}`));
  });

  it("are there for each command that has a page in docs/commands, and for programs with sub-commands", () => {
    const commands = [...commandPages().keys()].filter((name) => name !== "README.md");
    const pages = [...manPages().keys()];
    expect(pages).toEqual(expect.arrayContaining(commands.map((name) => name.replace(/\.md$/, ".1"))));
    expect(pages).toContain("kapseli.1");
  });

  it("show text as it is: options' signs, backslashes, what roff would take for a request", () => {
    const page = manPages().get("kapseli-remove.1") ?? "";
    expect(page).toContain('.TH "KAPSELI\\-REMOVE" 1 ');
    expect(page).toContain('.TP\n.B "\\-\\-yes"\ndo not ask\n');
    expect(page).toContain(".EX\n  kapseli remove ./env\n");
    for (const [name, text] of manPages()) {
      const requests = text.split("\n").filter((line) => line.startsWith(".") || line.startsWith("'"));
      const unknown = requests.filter((line) => !/^\.(?:TH|SH|TP|B|PP|EX|EE|\\")(?: |$)/.test(line));
      expect({ name, unknown }).toEqual({ name, unknown: [] });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
      expect(text).toMatch(/^[\x00-\x7f]*$/);
    }
  });
});

describe("completion", () => {
  it.each(Object.entries(COMPLETION_FILES))("of %s is what the definitions say", (shell, name) => {
    const path = `etc/completion/${name}`;
    expect(read(path)).toBe(withCompletion(shell as keyof typeof COMPLETION_FILES, read(path)));
  });

  it("has no place in a file without its marks", () => {
    expect(() => withCompletion("bash", "echo\n")).toThrow(RangeError);
  });
});

describe("docs/json.md", () => {
  it("has every object with every field", async () => {
    const { OBJECTS } = await import("../../../src/report/objects.ts");
    const document = read("docs/json.md");
    const fieldsOf = (schema: unknown): string[] => {
      const { shape, element, innerType, unwrap } = ((schema as { def?: object }).def ?? {}) as {
        shape?: Record<string, unknown>;
        element?: unknown;
        innerType?: unknown;
        unwrap?: unknown;
      };
      if (shape) return Object.entries(shape).flatMap(([name, field]) => [name, ...fieldsOf(field)]);
      return [element, innerType, unwrap].flatMap((one) => (one ? fieldsOf(one) : []));
    };
    for (const [name, schema] of Object.entries(OBJECTS)) {
      const part = document.split(`## kapseli.${name}/1\n`)[1]?.split("\n## ")[0] ?? "";
      const fields = fieldsOf(schema).filter((field) => field !== "schema");
      expect(fields.length).toBeGreaterThan(2);
      const missing = fields.filter((field) => !part.includes(`\`${field}\``) && !part.includes(`${field}:`));
      expect({ name, missing }).toEqual({ name, missing: [] });
    }
  });
});
