import { describe, expect, it } from "vitest";
import {
  checkPrefixPath,
  type DirectoryFacts,
  originalOf,
  placeConversion,
  placeEnvironment,
  placeInPlace,
} from "../../../src/prefix/placement.ts";

const PREFIX = "/p";
const NEW: DirectoryFacts = { path: PREFIX };
const NO_ENV: DirectoryFacts = { path: "/p/env" };
const at = (...entries: string[]): DirectoryFacts => ({ path: PREFIX, entries });
const ours = (generations: number[], ...more: string[]): DirectoryFacts => ({
  ...at("bin", "current", "generations", "img.sqfs", ...more),
  generations,
});
const inPrefix = { prefix: PREFIX, root: PREFIX, linkedBin: false };
const inEnv = { prefix: PREFIX, root: "/p/env", linkedBin: true };

describe("where in a prefix the environment goes", () => {
  it.each<[string, DirectoryFacts, DirectoryFacts, object]>([
    ["a new one", NEW, NO_ENV, { ...inPrefix, generation: 1, existing: false }],
    ["an empty one", at(), NO_ENV, { ...inPrefix, generation: 1, existing: false }],
    [
      "an environment of ours: the next generation",
      ours([1, 2]),
      NO_ENV,
      { ...inPrefix, generation: 3, existing: true },
    ],
    [
      "one with a gap in its generations",
      ours([2, 7]),
      NO_ENV,
      { ...inPrefix, generation: 8, existing: true },
    ],
    [
      "one of ours with files put there later",
      ours([1], "notes.txt"),
      NO_ENV,
      { ...inPrefix, generation: 2 },
    ],
    [
      "one that holds other files",
      at("env.yml", "data"),
      NO_ENV,
      { ...inEnv, generation: 1, existing: false },
    ],
    [
      "an empty env beside other files",
      at("env.yml"),
      { path: "/p/env", entries: [] },
      { ...inEnv, generation: 1 },
    ],
    [
      "our env beside other files",
      { ...at("env.yml", "env", "bin"), binTarget: "env/bin" },
      { ...ours([1]), path: "/p/env" },
      { ...inEnv, generation: 2, existing: true },
    ],
    ["leftovers of other programs' work", at(".nfs00a1", "lost+found", ".kapseli.lock"), NO_ENV, inPrefix],
    [
      "what an interrupted first build left",
      { ...at("bin", "generations"), generations: [1] },
      NO_ENV,
      { ...inPrefix, generation: 2, existing: false },
    ],
    // The user's own, although they have names of ours.
    ["a user's image file", at("container.sif"), NO_ENV, inEnv],
    ["a user's img.sqfs", at("img.sqfs"), NO_ENV, inEnv],
    ["a user's share directory", at("share"), NO_ENV, inEnv],
    ["a user's file called current", at("current"), NO_ENV, inEnv],
  ])("%s", (_what, prefix, nested, placement) =>
    expect(placeEnvironment(prefix, nested)).toMatchObject(placement),
  );

  it.each<[string, DirectoryFacts, DirectoryFacts, string]>([
    ["a file", { path: PREFIX, notDirectory: true }, NO_ENV, "/p is in the way: it is not a directory"],
    [
      "the user's own bin",
      at("bin", "env.yml"),
      NO_ENV,
      "/p/bin is in the way: the directory holds other files",
    ],
    ["a bin that is alone", at("bin"), NO_ENV, "/p/bin is in the way"],
    [
      "a bin that is a link elsewhere",
      { ...at("bin"), binTarget: "/usr/bin" },
      NO_ENV,
      "/p/bin is in the way",
    ],
    [
      "an installation by Tykky",
      at("bin", "_bin", "common.sh", "container.sif", "img.sqfs", "share"),
      NO_ENV,
      "/p holds an installation made by Tykky",
    ],
    ["a file called env", at("x"), { path: "/p/env", notDirectory: true }, "/p/env is in the way"],
    [
      "a venv called env",
      at("x", "env"),
      { path: "/p/env", entries: ["bin", "lib", "pyvenv.cfg"] },
      "/p/env is in the way: the environment would go there, and it holds other files",
    ],
    ["an env with a bin only", at("x", "env"), { path: "/p/env", entries: ["bin"] }, "/p/env is in the way"],
  ])("%s in the way is named, with what to do", (_what, prefix, nested, message) =>
    expect(() => placeEnvironment(prefix, nested)).toThrow(
      expect.objectContaining({
        code: 4,
        message: expect.stringContaining(message),
        details: expect.objectContaining({ hint: expect.stringContaining("--prefix") }),
      }),
    ),
  );
});

describe("a prefix's path", () => {
  const longest = `/${"x".repeat(127 - "#!//bin/python3".length)}`;

  it.each([
    ["/home/u/env", "conda"],
    ["/home/u/ä-ö.env_1+2@3", "conda"],
    ["/home/u/my env", "pip"],
    [longest, "conda"],
    [`${longest}xxx`, "pip"],
  ] as const)("%s is taken by %s", (root, tool) => expect(() => checkPrefixPath(root, tool)).not.toThrow());

  it.each([
    ["/home/u/my env", "conda", "holds a space"],
    ["/home/u/a\tb", "pip", "control character"],
    ["/home/u/a\nb", "pip", "control character"],
    ["/home/u/a\ufffd", "pip", "not valid UTF-8"],
    ["/home/u/it's", "pip", `"'"`],
    ["/home/u/$(touch pwned)", "pip", '"$"'],
    ["/home/u/a`b", "pip", '"`"'],
    ["/home/u/a:b", "pip", '":"'],
    ["/home/u/a,b", "pip", '","'],
    ["/home/u/a;b", "pip", '";"'],
    ["/home/u/a\\b", "pip", '"\\\\"'],
    ['/home/u/a"b', "pip", '"\\""'],
    [`${longest}x`, "conda", "too long"],
    ["/", "pip", "the root directory"],
  ] as const)("%j is refused by %s: %s", (root, tool, why) =>
    expect(() => checkPrefixPath(root, tool)).toThrow(
      expect.objectContaining({ code: 3, message: expect.stringContaining(why) }),
    ),
  );
});

describe("another tool's installation", () => {
  const FILES = ["bin", "_bin", "common.sh", "share", "container.sif", "img.sqfs"];

  it("is replaced where it is, as the first generation", () => {
    expect(placeConversion(at(...FILES), FILES)).toEqual({
      ...inPrefix,
      holder: PREFIX,
      generation: 1,
      existing: true,
    });
  });

  it("may hold what a conversion that was stopped left, and marks of file systems", () => {
    const facts = { ...at(...FILES, "generations", ".nfs0001", ".kapseli.lock"), generations: [] };
    expect(placeConversion(facts, FILES).generation).toBe(1);
  });

  it("that holds somebody's files is refused: they would be covered", () => {
    expect(() => placeConversion(at(...FILES, "results"), FILES)).toThrow(
      expect.objectContaining({ code: 4, message: expect.stringContaining("/p/results is in the way") }),
    );
  });
});

describe("a directory that becomes a prefix where it is", () => {
  it("is made beside it, so that one rename puts it in its place", () => {
    expect(placeInPlace("/home/u/project/.venv")).toEqual({
      prefix: "/home/u/project/.venv",
      root: "/home/u/project/.venv",
      holder: "/home/u/project/..venv.kapseli-new",
      linkedBin: false,
      generation: 1,
      existing: false,
    });
  });

  it("has its original kept beside it", () => {
    expect(originalOf("/home/u/project/.venv")).toBe("/home/u/project/.venv.kapseli-original");
  });
});
