import { describe, expect, it } from "vitest";
import type { DoctorReport } from "../../src/build/doctor.ts";
import { runTool, type StubHostOptions, stubHost } from "../support/stub-host.ts";

const NOWHERE = "http://u:secret@127.0.0.1:9/simple";

/** What the doctor says of a host; its network is one refused connection. */
async function examined(options: StubHostOptions, ...args: string[]) {
  const host = await stubHost(options);
  const env = { CONDA_CHANNELS: "file:///nonexistent/channel", PIP_INDEX_URL: NOWHERE };
  const ran = await runTool(host, "kapseli", ["doctor", "--prefix", host.prefix, "--json", ...args], { env });
  expect(ran.stderr).toBe("");
  const report = JSON.parse(ran.stdout) as DoctorReport;
  return { host, ran, report, of: (id: string) => report.checks.filter((check) => check.id === id) };
}

describe("kapseli doctor", () => {
  it("on a host where builds work says so, and what it found", async () => {
    const { ran, report, of } = await examined({ programs: ["micromamba", "python3"] });
    expect(ran.exitCode).toBe(0);
    expect(report).toMatchObject({ schema: "kapseli.doctor/1", ok: true });
    expect(of("runtime")).toMatchObject([
      { state: "ok", detail: expect.stringContaining("apptainer 1.4.5") },
    ]);
    expect(of("trial")).toMatchObject([{ state: "ok", detail: expect.stringContaining("zstd") }]);
    expect(of("conda-engine")).toMatchObject([
      { state: "ok", detail: expect.stringContaining("micromamba") },
    ]);
    for (const { state, advice } of report.checks) expect(advice === undefined).toBe(state === "ok");
  });

  it("tells what does not answer, without secrets, homes and names of hosts", async () => {
    const { host, ran, of } = await examined({});
    expect(of("channel")).toMatchObject([
      { state: "warning", detail: "file:///nonexistent/channel is not there" },
    ]);
    expect(of("index")).toMatchObject([
      { state: "warning", detail: expect.stringMatching(/cannot be reached/) },
    ]);
    expect(ran.stdout).not.toContain("secret");
    expect(ran.stdout).not.toContain(host.home);
  });

  it.each<[string, StubHostOptions, string, RegExp]>([
    ["there is no runtime", { mode: null }, "runtime", /neither apptainer nor singularity is on PATH/],
    ["the runtime starts nothing", { mode: "broken" }, "trial", /cannot start containers for this user/],
    ["no image can be mounted", { mode: "no-fuse" }, "trial", /an image cannot be mounted/],
  ])("where %s, ends with 4 and says what to do", async (_what, options, id, detail) => {
    const { ran, report, of } = await examined(options);
    expect(ran.exitCode).toBe(4);
    expect(report.ok).toBe(false);
    expect(of(id)).toMatchObject([
      { state: "problem", detail: expect.stringMatching(detail), advice: expect.stringMatching(/\w/) },
    ]);
  });
});
