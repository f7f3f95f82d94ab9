import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DoctorReport } from "../../src/build/doctor.ts";
import { inputFile, runTool, type StubHostOptions, stubHost } from "../support/stub-host.ts";

const NOWHERE = "http://u:secret@127.0.0.1:9/simple";

const OFFLINE = { CONDA_CHANNELS: "file:///nonexistent/channel", PIP_INDEX_URL: NOWHERE };

/** What the doctor says of a host; its network is one refused connection. */
async function examined(options: StubHostOptions, ...args: string[]) {
  const host = await stubHost(options);
  const ran = await runTool(host, "kapseli", ["doctor", "--prefix", host.prefix, "--json", ...args], {
    env: OFFLINE,
  });
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

  it("refuses a cache that a build would refuse, and tells what the build would", async () => {
    const open = await stubHost({ programs: ["micromamba"] });
    const cache = join(open.directory, "cache");
    await mkdir(cache);
    await chmod(cache, 0o777);
    const file = join(open.directory, "file");
    await writeFile(file, "");
    for (const path of [cache, file, join(file, "below")]) {
      const env = { ...OFFLINE, KAPSELI_CACHE: path };
      const doctor = await runTool(open, "kapseli", ["doctor", "--json"], { env });
      const report = JSON.parse(doctor.stdout) as DoctorReport;
      const [check] = report.checks.filter(({ id }) => id === "cache");
      expect(check).toMatchObject({ state: "problem", advice: expect.stringContaining("KAPSELI_CACHE") });
      expect(doctor.exitCode).toBe(4);
      const input = await inputFile(open, "env.yml", "dependencies: [hello]\n");
      const build = await runTool(open, "conda-containerize", ["new", "--prefix", open.prefix, input], {
        env,
      });
      expect(build.exitCode).toBe(4);
      expect(build.stderr).toContain(`[ ERROR ] ${check?.detail}`);
    }
  });

  it("leaves no cache behind that was not there", async () => {
    const host = await stubHost({ programs: ["micromamba", "python3"] });
    const base = join(host.directory, "none");
    const env = { ...OFFLINE, KAPSELI_CACHE: join(base, "cache") };
    const ran = await runTool(host, "kapseli", ["doctor", "--json"], { env });
    const report = JSON.parse(ran.stdout) as DoctorReport;
    expect(report.checks.filter(({ id }) => id === "cache")).toMatchObject([{ state: "ok" }]);
    expect(existsSync(base)).toBe(false);
  });
});
