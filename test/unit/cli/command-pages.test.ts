import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { commandPages } from "../../../src/cli/command-pages.ts";

const FOLDER = fileURLToPath(new URL("../../../docs/commands/", import.meta.url));

describe("docs/commands", () => {
  it("is what the definitions say; if not, run: npm run docs", () => {
    const there = new Map(
      readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name), "utf8")] as const),
    );
    expect(Object.fromEntries(there)).toEqual(Object.fromEntries(commandPages()));
  });

  it("has a page for each command with its synopsis, options, examples and exit codes", () => {
    const page = commandPages().get("conda-containerize-new.md");
    expect(page).toContain("```\nconda-containerize new [options] <env>\n```");
    expect(page).toContain("| `-w, --wrapper-paths <a,b,c>` | ");
    expect(page).toContain("(default: none)");
    expect(page).toContain("## Examples\n\n```\nconda-containerize new --prefix ./env env.yml\n");
    expect(page).toContain("| 3 | a file, a value or the configuration is wrong |");
  });

  it("has every page in its index", () => {
    const pages = commandPages();
    const index = pages.get("README.md") ?? "";
    const linked = [...index.matchAll(/\]\(([^)]+\.md)\)/g)].map(([, name]) => name);
    expect(linked.sort()).toEqual([...pages.keys()].filter((name) => name !== "README.md").sort());
  });
});
