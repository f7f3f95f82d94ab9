import { readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SOURCE = fileURLToPath(new URL("../../src/", import.meta.url));

interface Import {
  from: string;
  /** `import type`, or only types among the names. */
  typeOnly: boolean;
}

interface Module {
  path: string;
  folder: string;
  text: string;
  imports: Import[];
}

function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?([^;'"]*?)\s*from\s+"([^"]+)";/gms)) {
    const [, type, names = "", from = ""] = match;
    const list = /^\{(.*)\}$/s
      .exec(names.trim())?.[1]
      ?.split(",")
      .map((name) => name.trim())
      .filter(Boolean);
    found.push({
      from,
      typeOnly: type !== undefined || (list?.every((name) => name.startsWith("type ")) ?? false),
    });
  }
  for (const [, from = ""] of text.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g))
    found.push({ from, typeOnly: false });
  for (const [, from = ""] of text.matchAll(/^import\s+"([^"]+)";/gm)) found.push({ from, typeOnly: false });
  return found;
}

const MODULES: Module[] = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
  .map((path) => {
    const text = readFileSync(join(SOURCE, path), "utf8").replace(/^\s*\/\/.*$/gm, "");
    return {
      path,
      folder: path.includes("/") ? path.slice(0, path.indexOf("/")) : "",
      text,
      imports: importsOf(text),
    };
  });

const inFolders = (...folders: string[]) => MODULES.filter(({ folder }) => folders.includes(folder));
const folderOf = (module: Module, from: string): string => {
  const target = relative(SOURCE, join(SOURCE, module.path, "..", from));
  return target.includes("/") ? target.slice(0, target.indexOf("/")) : basename(target);
};
/** Violations as texts: an empty list is what is wanted. */
const importing = (modules: Module[], forbidden: (module: Module, one: Import) => boolean): string[] =>
  modules.flatMap((module) =>
    module.imports.filter((one) => forbidden(module, one)).map((one) => `${module.path} imports ${one.from}`),
  );

/** What each folder may run code of; types may come from anywhere. "Arrows go down only" (design.md). */
const MAY_USE: Record<string, readonly string[]> = {
  "errors.ts": [],
  "version.ts": [],
  templates: [],
  squashfs: [],
  inputs: ["errors.ts"],
  config: ["errors.ts", "inputs"],
  tools: ["errors.ts", "templates"],
  prefix: ["errors.ts", "templates", "tools"],
  plan: ["errors.ts", "inputs", "config", "tools", "prefix", "templates"],
  report: ["errors.ts", "tools"],
  host: ["errors.ts", "tools", "prefix", "inputs", "squashfs"],
  build: ["errors.ts", "version.ts", "host", "prefix", "tools", "plan", "templates", "report", "squashfs"],
  cli: ["errors.ts", "version.ts", "build", "config", "host", "inputs", "plan", "prefix", "report", "tools"],
  "main.ts": ["cli"],
};

describe("the architecture", () => {
  it("has no folder that nobody placed", () => {
    const folders = new Set(MODULES.map(({ folder, path }) => folder || path));
    expect([...folders].filter((folder) => !Object.hasOwn(MAY_USE, folder))).toEqual([]);
  });

  it("has imports that go down only", () => {
    const up = importing(MODULES, (module, { from, typeOnly }) => {
      if (typeOnly || !from.startsWith(".")) return false;
      const own = module.folder || module.path;
      const target = folderOf(module, from);
      return target !== own && !MAY_USE[own]?.includes(target);
    });
    expect(up).toEqual([]);
  });

  it("decides without touching anything: plan, tools, inputs, config and prefix do no I/O", () => {
    const effects = importing(
      inFolders("plan", "tools", "inputs", "config", "prefix"),
      ({ path: _path }, { from, typeOnly }) =>
        !typeOnly &&
        (/^(?:node:)?(?:fs|fs\/promises|child_process|net|http|https|os|process|worker_threads)$/.test(
          from,
        ) ||
          /^(?:execa|undici|tmp-promise)/.test(from)),
    );
    expect(effects).toEqual([]);
  });

  it("decides from what it is given: no process.env, no clock, no chance", () => {
    const asked = inFolders("plan", "tools", "inputs", "config", "prefix")
      .filter(({ text }) =>
        /\bprocess\.(?:env|cwd|argv)|\bDate\.now\(|new Date\(\)|Math\.random\(/.test(text),
      )
      .map(({ path }) => path);
    expect(asked).toEqual([]);
  });

  it("touches files and starts programs in host alone", () => {
    const around = importing(
      MODULES.filter(({ folder }) => folder !== "host"),
      (_module, { from, typeOnly }) =>
        !typeOnly &&
        (/^(?:node:)?(?:fs|fs\/promises|child_process)$/.test(from) || /^(?:execa|tmp-promise)/.test(from)),
    );
    expect(around).toEqual([]);
  });

  it("prints in cli and report alone", () => {
    const printing = MODULES.filter(({ folder }) => !["cli", "report"].includes(folder))
      .filter(({ text }) => /process\.(?:stdout|stderr)\b|\bconsole\.\w+\(/.test(text))
      .map(({ path }) => path);
    expect(printing).toEqual([]);
  });

  it("has no shell line anywhere: programs are started with their words", () => {
    const shells = MODULES.filter(({ text }) =>
      /\bshell:\s*true|\bexecSync\(|\bexec\(\s*["`]|execaCommand/.test(text),
    );
    expect(shells.map(({ path }) => path)).toEqual([]);
  });
});
