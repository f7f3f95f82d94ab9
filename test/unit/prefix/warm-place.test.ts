import { describe, expect, it } from "vitest";
import { nodePlace, temporaryPlaces } from "../../../src/prefix/warm-place.ts";

const BOOT = "boot-id";
const RUNTIME = { HOME: "/home/me", XDG_RUNTIME_DIR: "/run/user/1" };

describe("the place of a node's holders", () => {
  it.each([
    ["a login", RUNTIME, true, "/run/user/1/kapseli-warm/login.batch"],
    ["a batch script", { ...RUNTIME, SLURM_JOB_ID: "7" }, true, "/run/user/1/kapseli-warm/7.batch"],
    [
      "a job step",
      { ...RUNTIME, SLURM_JOB_ID: "7", SLURM_STEP_ID: "0" },
      true,
      "/run/user/1/kapseli-warm/7.0",
    ],
    [
      "an interactive allocation",
      { ...RUNTIME, SLURM_JOB_ID: "7", SLURM_STEP_ID: "4294967290" },
      true,
      "/run/user/1/kapseli-warm/7.batch",
    ],
    [
      "a job without a runtime directory",
      { ...RUNTIME, SLURM_JOB_ID: "7" },
      false,
      "/home/me/.local/state/kapseli/warm/boot-id/7.batch",
    ],
    [
      "a job with a state directory",
      { XDG_STATE_HOME: "/state", SLURM_JOB_ID: "7" },
      false,
      "/state/kapseli/warm/boot-id/7.batch",
    ],
    [
      "a job with a relative state directory",
      { HOME: "/home/me", XDG_STATE_HOME: "state", SLURM_JOB_ID: "7" },
      false,
      "/home/me/.local/state/kapseli/warm/boot-id/7.batch",
    ],
  ])("of %s", (_, variables, hasRuntimeDirectory, directory) => {
    expect(nodePlace(variables, BOOT, hasRuntimeDirectory)?.directory).toBe(directory);
  });

  it("is none outside of jobs without a runtime directory, and for a job that is no name", () => {
    expect(nodePlace({ HOME: "/home/me", XDG_RUNTIME_DIR: "/run/user/1" }, BOOT, false)).toBeUndefined();
    expect(nodePlace({ ...RUNTIME, SLURM_JOB_ID: "../x" }, BOOT, true)).toBeUndefined();
    expect(nodePlace({ SLURM_JOB_ID: "7" }, BOOT, false)).toBeUndefined();
  });
});

describe("places for the holder of a command", () => {
  it("are absolute directories, the runtime directory first", () => {
    expect(temporaryPlaces({ XDG_RUNTIME_DIR: "/run/user/1", TMPDIR: "/local" })).toEqual([
      "/run/user/1",
      "/local",
      "/tmp",
    ]);
    expect(temporaryPlaces({ XDG_RUNTIME_DIR: "run", TMPDIR: "/a\nb" })).toEqual(["/tmp"]);
    expect(temporaryPlaces({})).toEqual(["/tmp"]);
  });
});
