import { describe, expect, it } from "vitest";
import { type CatalogueEntry, chooseBase } from "../../../src/plan/base-choice.ts";

const CATALOGUE: Record<string, CatalogueEntry> = {
  host: { kind: "host", description: "this machine" },
  slim: { kind: "pull", description: "small", source: "docker://python:3.12-slim" },
  debian12: { kind: "recipe", description: "Debian", source: "/base-images/debian12/build.sh" },
};
const FILES: Record<string, "file" | "directory"> = {
  "./a.sif": "file",
  "/sandbox": "directory",
  slim: "file",
};
const choose = (wanted: string) => chooseBase(wanted, CATALOGUE, (path) => FILES[path] ?? "nothing");

describe("--base", () => {
  it.each([
    ["auto", { kind: "host" }],
    ["host", { kind: "host" }],
    ["debian12", { kind: "recipe", name: "debian12", script: "/base-images/debian12/build.sh" }],
    ["slim", { kind: "pull", uri: "docker://python:3.12-slim" }],
    ["./a.sif", { kind: "image", path: "./a.sif", shared: false }],
    ["/sandbox", { kind: "directory", path: "/sandbox" }],
    ["docker://debian:12", { kind: "pull", uri: "docker://debian:12" }],
    ["oras://host/x:1", { kind: "pull", uri: "oras://host/x:1" }],
    ["library://a/b/c", { kind: "pull", uri: "library://a/b/c" }],
    ["docker-archive:/x.tar", { kind: "pull", uri: "docker-archive:/x.tar" }],
  ])("%s", (wanted, choice) => expect(choose(wanted)).toEqual(choice));

  it("a file is used where it is when it is to be shared", () => {
    const choice = chooseBase("/a.sif", CATALOGUE, () => "file", true);
    expect(choice).toEqual({ kind: "image", path: "/a.sif", shared: true });
  });

  it.each(["nothing.sif", "constructor", "docker:", "", "$(touch pwned)"])(
    "%s is refused with the names that there are",
    (wanted) =>
      expect(() => choose(wanted)).toThrow(
        expect.objectContaining({
          code: 3,
          message: expect.stringContaining(wanted),
          details: expect.objectContaining({ hint: expect.stringContaining("host, slim, debian12") }),
        }),
      ),
  );
});
