import { describe, expect, it } from "vitest";
import { boundTopLevel, hiddenTopLevel, isVisible, skeletonLinks } from "../../../src/plan/visibility.ts";

const dir = (name: string) => ({ name, kind: "directory" as const });
const link = (name: string, target: string) => ({ name, kind: "link" as const, target });
const HOST = { kind: "host" as const, occupiedTopLevel: [] };
const OWN = ["dev", "lost+found", "proc", "sys"];

describe("top-level directories that are never bound", () => {
  it("on the host base are the runtime's own", () => expect(hiddenTopLevel(HOST, [])).toEqual(OWN));

  it("are those of the configuration, however they are written", () => {
    const hidden = hiddenTopLevel(HOST, ["/scratch", "projappl/", "//boot//", "", "/"]);
    expect(hidden.filter((name) => !OWN.includes(name))).toEqual(["boot", "projappl", "scratch"]);
  });

  it("on an image base are the image's system and what it has something in", () => {
    const hidden = hiddenTopLevel({ kind: "image", occupiedTopLevel: ["srv", "usr"] }, []);
    expect(hidden).toEqual(expect.arrayContaining(["usr", "etc", "opt", "var", "srv"]));
    expect(hidden).not.toContain("home");
    expect(new Set(hidden).size).toBe(hidden.length);
  });
});

describe("the host base's skeleton", () => {
  it("has the host's links as they are written, without hidden ones", () => {
    const links = [link("bin", "usr/bin"), link("scratch", "/lustre/scratch"), dir("usr"), link("old", "x")];
    expect(skeletonLinks(links, ["old"])).toEqual([
      ["bin", "usr/bin"],
      ["scratch", "/lustre/scratch"],
    ]);
  });
});

describe("what is bound", () => {
  it.each([
    ["directories, not the skeleton's links", [dir("home"), link("bin", "usr/bin")], [], ["/home"], []],
    ["links that the base lacks", [link("scratch", "/lustre")], null, ["/scratch"], []],
    ["without hidden ones", [dir("proc"), dir("tmp")], [], ["/tmp"], []],
    ["odd names apart", [dir("a:b"), dir("c,d"), dir("e f")], [], ["/e f"], ["/a:b", "/c,d"]],
    ["names with a double quote not at all", [dir('q"q'), dir('a:"')], [], [], []],
  ] as const)("%s", (_what, topLevel, links, plain, odd) => {
    const hidden = hiddenTopLevel(HOST, []);
    const skeleton = links === null ? [] : skeletonLinks(topLevel, hidden);
    expect(boundTopLevel(topLevel, hidden, skeleton)).toEqual({ plain, odd });
  });
});

describe("a host path is the same inside", () => {
  it.each([
    ["/home/u/x", true],
    ["/home", true],
    ["/homework/x", false],
    ["/opt/x", false],
    ["/home/u/env", false],
    ["/home/u/env/bin", false],
    ["/home/u/env2", true],
  ])("%s: %s", (path, visible) => expect(isVisible(path, ["/home", "/tmp"], "/home/u/env")).toBe(visible));
});
