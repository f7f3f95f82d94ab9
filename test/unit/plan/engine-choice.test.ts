import { describe, expect, it } from "vitest";
import { chooseCondaEngine, noEngineError } from "../../../src/plan/engine-choice.ts";

const OLD = { path: "/usr/bin/python3", version: "3.9.2", ensurepip: true };
const BARE = { path: "/usr/bin/python3", version: "3.12.1", ensurepip: false };
const GOOD = { path: "/opt/python/bin/python3", version: "3.10.0", ensurepip: true };
const ALL = { micromamba: "/a/micromamba", mamba: "/b/mamba", conda: "/c/conda" };

describe("which engine installs conda packages", () => {
  it.each([
    ["micromamba first", "auto", ALL, [], "micromamba", "found on PATH"],
    ["mamba before conda", "auto", { mamba: "/b/mamba", conda: "/c/conda" }, [], "mamba", "found on PATH"],
    ["conda where it is alone", "auto", { conda: "/c/conda" }, [GOOD], "conda", "found on PATH"],
    ["the one asked for", "conda", ALL, [], "conda", "asked for"],
    ["rattler when asked for", "rattler", ALL, [GOOD], "rattler", "asked for, with Python 3.10.0"],
    [
      "the first Python that will do",
      "rattler",
      {},
      [OLD, BARE, GOOD],
      "rattler",
      "asked for, with Python 3.10.0",
    ],
  ] as const)("%s", (_what, wanted, programs, pythons, engine, why) => {
    expect(chooseCondaEngine(wanted, { programs, pythons })).toMatchObject({
      choice: "engine",
      engine: { engine, why },
    });
  });

  it.each([
    ["goes before the others on PATH", "auto", ALL, "mamba", "asked for"],
    ["is none: the next best", "auto", { micromamba: "/a/micromamba" }, "micromamba", "found on PATH"],
    ["but an engine is named: that one", "conda", ALL, "conda", "asked for"],
  ] as const)("with --mamba, mamba %s", (_what, wanted, programs, engine, why) => {
    expect(chooseCondaEngine(wanted, { programs, pythons: [] }, true)).toMatchObject({
      engine: { engine, why },
    });
  });

  it.each([
    ["auto with a Python: rattler is left", "auto", [GOOD], "rattler"],
    ["auto with an old Python: nothing is left", "auto", [OLD], undefined],
    ["auto without venv: nothing is left", "auto", [BARE], undefined],
    ["asked for: nothing else will do", "micromamba", [GOOD], undefined],
  ] as const)("without a program micromamba is downloaded; %s", (_what, wanted, pythons, otherwise) => {
    const choice = chooseCondaEngine(wanted, { programs: {}, pythons });
    expect(choice.choice).toBe("download-micromamba");
    expect(choice.choice === "download-micromamba" && choice.otherwise?.engine).toBe(otherwise);
  });

  it.each([
    ["mamba", {}, [GOOD], "the engine mamba is not on PATH"],
    ["conda", { micromamba: "/a/micromamba" }, [], "the engine conda is not on PATH"],
    ["rattler", ALL, [OLD, BARE], "the engine rattler needs Python 3.10 or newer with its venv module"],
  ] as const)(
    "%s asked for and not there is an error with a way out",
    (wanted, programs, pythons, message) => {
      expect(() => chooseCondaEngine(wanted, { programs, pythons })).toThrow(
        expect.objectContaining({
          code: 4,
          message,
          details: expect.objectContaining({ hint: expect.any(String) }),
        }),
      );
    },
  );

  it("says what was tried when there is nothing", () => {
    expect(noEngineError(["conda-forge: not reached"])).toMatchObject({
      code: 4,
      details: { lines: ["conda-forge: not reached"], hint: expect.stringContaining("micromamba") },
    });
  });
});
