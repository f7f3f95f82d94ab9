import { describe, expect, it } from "vitest";
import { explainRattlerFailure, installArgv, parseRattlerLine } from "../../../src/tools/rattler.ts";
import { outputOf } from "../../support/outputs.ts";

const solverSays = (message: string) => [JSON.stringify({ error: { kind: "solve", message } })];

describe("rattler's driver", () => {
  it("is run apart from the user's own Python settings", () =>
    expect(installArgv("/v/bin/python", "/s.py", "/r.json")).toEqual([
      "/v/bin/python",
      "-I",
      "/s.py",
      "/r.json",
    ]));

  it("tells how far it is", () => {
    const progress = outputOf("rattler-good").flatMap((line) => {
      const message = parseRattlerLine(line);
      return message.kind === "progress"
        ? [`${message.phase} ${message.done}/${message.total} ${message.name}`]
        : [];
    });
    expect(progress).toEqual([
      "solving 0/0 ",
      "downloading 1/2 cowsay",
      "linking 1/2 cowsay",
      "downloading 2/2 python",
      "linking 2/2 python",
    ]);
  });

  it.each([
    [
      '{"progress": {"phase": "downloading", "done": 0, "total": 1, "name": "a", "bytes": {"done": 5, "total": 9}}}',
      { kind: "progress", phase: "downloading", done: 0, total: 1, name: "a", bytes: { done: 5, total: 9 } },
    ],
    ['{"warning": "a script failed"}', { kind: "warning", message: "a script failed" }],
    ['{"error": {"kind": "hash", "message": "x"}}', { kind: "error", about: "hash", message: "x" }],
    ['{"solved": 3}', { kind: "other" }],
    ["{not json", { kind: "other" }],
    ["Traceback (most recent call last):", { kind: "other" }],
    ["", { kind: "other" }],
  ])("%s", (line, message) => expect(parseRattlerLine(line)).toEqual(message));
});

describe("a change by rattler", () => {
  it("says what came and went", () => {
    const line = JSON.stringify({ changed: { added: ["a 1 0"], removed: ["b 2 0"] } });
    expect(parseRattlerLine(line)).toEqual({ kind: "changed", added: ["a 1 0"], removed: ["b 2 0"] });
  });

  it("of a package that is not installed is explained", () => {
    const line = JSON.stringify({ error: { kind: "not-installed", message: "nope" } });
    const { message, details } = explainRattlerFailure([line], 1);
    expect(message).toBe("a package is not installed");
    expect(details.lines).toEqual(["nope"]);
  });
});

describe("a failing rattler", () => {
  it("that waited in vain says for how long and for what, and how to wait longer", () => {
    const line = JSON.stringify({ error: { kind: "silent", message: "nothing came for 120 s" } });
    const { code, message, details } = explainRattlerFailure([line], 1);
    expect([code, message, details.lines]).toEqual([
      5,
      "a server of packages sent nothing any more",
      ["nothing came for 120 s"],
    ]);
    expect(details.hint).toContain("CONDA_REMOTE_READ_TIMEOUT_SECS");
  });

  it.each([
    [
      "rattler-notfound",
      "a package was not found in the channels: nosuchpackage",
      "No candidates were found for nosuchpackage",
    ],
    ["rattler-badspec", "a dependency is not a valid conda specification", "invalid bracket"],
    ["rattler-channel", "a channel could not be read", "Connection refused"],
    ["rattler-missing", "a package of the list is not there", "nosuch-1-0.conda does not exist"],
  ])("%s: %s", (name, message, line) => {
    const error = explainRattlerFailure(outputOf(name), 1);
    expect(error).toMatchObject({ code: 5, message, details: { hint: expect.any(String) } });
    expect(error.details.lines?.join("\n")).toContain(line);
  });

  it("to solve shows the solver's explanation", () => {
    // py-rattler 0.28.0
    const said =
      "Cannot solve the request because of: kapseli-unsatisfiable * cannot be installed because there are no viable options:\n└─ kapseli-unsatisfiable 1.0 would require\n   └─ kapseli-nowhere >=1, for which no candidates were found.\n";
    expect(explainRattlerFailure(solverSays(said), 1)).toMatchObject({
      message: "the packages asked for cannot be installed together",
      details: { lines: expect.arrayContaining(["└─ kapseli-unsatisfiable 1.0 would require"]) },
    });
  });

  it.each([
    ["a would require\n└─ __cuda >=12, for which no candidates were found.", "CONDA_OVERRIDE_CUDA"],
    ["a would require\n└─ __glibc >=9, for which no candidates were found.", "C library"],
  ])("that misses a virtual package says what to do: %s", (said, hint) => {
    expect(explainRattlerFailure(solverSays(`Cannot: ${said}`), 1).details.hint).toContain(hint);
  });

  it("for want of room says so before anything is downloaded, in the script's words", () => {
    const line = JSON.stringify({ error: { kind: "room", message: "2 packages are 29 MB to download" } });
    expect(explainRattlerFailure([line], 1)).toMatchObject({
      message: "there is not enough space for the packages",
      details: { lines: ["2 packages are 29 MB to download"], hint: expect.stringContaining("--tmpdir") },
    });
  });

  it("for an unknown reason shows its last lines", () => {
    expect(explainRattlerFailure(["Segmentation fault"], 139)).toMatchObject({
      message: "rattler failed with exit code 139",
      details: { lines: ["Segmentation fault"] },
    });
  });
});
