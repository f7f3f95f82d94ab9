import { describe, expect, it } from "vitest";
import { type LauncherData, renderLauncher, renderStub } from "../../../src/prefix/launcher.ts";
import { launcherData } from "../../support/launcher-data.ts";

const DATA = launcherData("/soft/env", {
  id: "0b9c",
  generation: 3,
  environmentRoot: "/soft/env/",
  runtimeFlags: ["--no-eval"],
  hiddenTopLevel: ["dev", "proc"],
  commands: ["python3"],
});

/** The generated part, before the UTF-8 patterns. */
const data = (changes: Partial<LauncherData>): string =>
  renderLauncher({ ...DATA, ...changes })
    .toString("latin1")
    .split("__k_not_ascii")[0] ?? "";

describe("renderLauncher", () => {
  it("mounts the image where it was built for, at the view's mount, or nowhere", () => {
    expect(data({})).toContain("__k_on_view=''\n__k_mount='/soft/env'\n");
    expect(data({ layout: { kind: "view", mount: "/K_abc" } })).toContain(
      "__k_on_view='1'\n__k_mount='/K_abc'\n",
    );
    const wrapped = data({ layout: { kind: "view" } });
    expect(wrapped).toContain("__k_mount=''\n");
    expect(wrapped).toContain("__k_way=''\n");
  });

  it("knows the program that a file of the generation covers", () => {
    expect(data({})).toContain("__k_interpreter=''\n");
    expect(data({ interpreter: "bin/python3.12" })).toContain("__k_interpreter='bin/python3.12'\n");
  });

  it("quotes every value", () => {
    const evil = "it's $(id) `id`";
    const text = data({
      root: evil,
      redirects: { [evil]: evil },
      libraryPaths: { first: [evil], last: [evil] },
      isolation: { mountPoints: [`/${evil}`], path: evil, libraries: evil },
    });
    expect(
      text.replaceAll("'it'\\''s $(id) `id`'", "").replaceAll("'/it'\\''s $(id) `id`'", ""),
    ).not.toContain("$(id)");
  });

  it("carries the environ runner and starts through it only where there is an environ script", () => {
    expect(data({})).not.toContain("__k_runner");
    expect(data({})).toContain('  exec "$__k_runtime" -s');
    expect(data({ environ: true })).toContain("__k_runner='# Sources the environ script");
    expect(data({ environ: true })).toContain('  __k_source "$__k_runtime" -s');
  });

  it.each(["relative", "/", "/a:b", "/a,b", '/a"b', "/a/", ""])("refuses the mount point %j", (path) => {
    const isolation = { mountPoints: [path], path: "", libraries: "" };
    expect(() => renderLauncher({ ...DATA, isolation })).toThrow(RangeError);
  });
});

describe("renderStub", () => {
  it("quotes the recorded prefix, which may look like a replacement pattern", () => {
    expect(renderStub("/a $& 'b'")).toContain("__k_prefix='/a $& '\\''b'\\'''\n");
  });
});
