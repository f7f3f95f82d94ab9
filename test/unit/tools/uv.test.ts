import { describe, expect, it } from "vitest";
import { explainUvFailure, hasPlainScripts, installArgv, uvProgress } from "../../../src/tools/uv.ts";
import { outputOf } from "../../support/outputs.ts";

describe("scripts that were written for another place", () => {
  it.each([
    ["/projects/env", true],
    [`/${"x".repeat(112)}`, true],
    [`/${"x".repeat(113)}`, false],
    ["/my env", false],
    ["/it's", false],
  ])("can be put right for %s: %s", (root, can) => expect(hasPlainScripts(root)).toBe(can));
});

describe("uv's words", () => {
  it("are one script's arguments, whatever is in them", () => {
    expect(
      installArgv({
        script: "/w/uv-install.sh",
        installer: "/w/uv_install.py",
        uv: "/opt/uv",
        python: "/usr/bin/python3",
        root: "/p",
        requirements: "/$(id).txt",
        systemSitePackages: true,
      }),
    ).toEqual([
      "/bin/sh",
      "/w/uv-install.sh",
      "/opt/uv",
      "/usr/bin/python3",
      "/p",
      "/$(id).txt",
      "/w/uv_install.py",
      "--system-site-packages",
    ]);
  });
});

describe("what uv is doing", () => {
  it.each([
    ["Resolved 1 package in 97ms", "resolved 1 package"],
    ["Prepared 12 packages in 1.20s", "prepared 12 packages"],
    ["Installed 3 packages in 3ms", "installed 3 packages"],
    ["   Building badw @ file:///tmp/cap/badw", "building badw @ file:///tmp/cap/badw"],
    ["Downloading numpy (16.1MiB)", "downloading numpy (16.1MiB)"],
    [" + cowsay==6.1", undefined],
    ["Using Python 3.11.7 environment at: uve", undefined],
  ])("%s", (line, said) => expect(uvProgress(line)).toBe(said));

  it("is said for a whole installation", () => {
    expect(outputOf("uv-good").flatMap((line) => uvProgress(line) ?? [])).toEqual([
      "resolved 1 package",
      "prepared 1 package",
      "installed 1 package",
    ]);
  });
});

describe("a failing uv", () => {
  it.each([
    ["uv-notfound", "uv found no version of a package that fits", "nosuchpkg-kapseli-xyz was not found"],
    ["uv-noversion", "uv found no version of a package that fits", "there is no version of cowsay==99"],
    ["uv-conflict", "the requirements contradict each other", "requests==2.20.0 depends on urllib3"],
    ["uv-hash", "a package does not have the hash that the requirements give", "sha256:0000"],
    ["uv-build", "a package could not be built from its source", "no compiler"],
    ["uv-wheel", "a package could not be built from its source", "badw.c:1:1: error"],
    ["uv-network", "the package index could not be reached", "Connection refused"],
    ["uv-dns", "the package index could not be reached", "dns error"],
    ["uv-cert", "the package index's certificate is not trusted", "invalid peer certificate"],
    ["uv-nofile", "uv could not read the requirements", "File not found: nofile.txt"],
    ["uv-invalid", "uv could not read the requirements", "Couldn't parse requirement"],
  ])("%s: %s", (name, message, line) => {
    const error = explainUvFailure(outputOf(name), 1);
    expect(error).toMatchObject({ code: 5, message, details: { hint: expect.any(String) } });
    expect(error.details.lines?.join("\n")).toContain(line);
  });

  it("for an unknown reason shows its last lines", () => {
    expect(explainUvFailure(["one", "two"], 2)).toMatchObject({
      message: "uv failed with exit code 2",
      details: { lines: ["one", "two"] },
    });
  });
});
