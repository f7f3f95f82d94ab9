import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { keepFailedLog, openLog } from "../../../src/host/log.ts";
import { scratch } from "../../support/programs.ts";

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe("a build's log", () => {
  it("has everything in order with times, and is the owner's alone", async () => {
    const log = openLog(join(await scratch(), "build.log"));
    log.write({ event: "milestone", message: "Starting" });
    log.write({ event: "step-started", step: "install", title: "Installing", index: 1, of: 2 });
    log.write({ event: "step-progress", step: "install", fraction: 0.5 });
    log.write({ event: "command", argv: ["/bin/pip", "two words", ""] });
    log.write({ event: "output", line: "Collecting a" });
    log.write({ event: "warning", message: "careful", hint: "Do this." });
    log.write({ event: "step-finished", step: "install", seconds: 1.234, detail: "3 packages" });
    log.write({ event: "debug", message: "ended" });
    await log.close();
    const lines = (await readFile(log.path, "utf8")).trimEnd().split("\n");
    expect(lines.every((line) => /^\d\d:\d\d:\d\d\.\d{3} /.test(line))).toBe(true);
    expect(lines.map((line) => line.slice(13))).toEqual([
      "[ INFO ] Starting",
      "== Installing",
      '$ /bin/pip "two words" ""',
      "  Collecting a",
      "[ WARNING ] careful Do this.",
      "== install: 1.23 s (3 packages)",
      "[ DEBUG ] ended",
    ]);
    expect(await mode(log.path)).toBe("600");
  });

  it("that cannot be written is no failure", async () => {
    const log = openLog("/proc/nothing/build.log");
    log.write({ event: "milestone", message: "x" });
    await log.close();
  });
});

describe("the log of a failed build", () => {
  const failed = async (at: string) => {
    const log = openLog(join(at, "build.log"));
    log.write({ event: "milestone", message: "failed" });
    await log.close();
    return log.path;
  };

  it.each([
    ["XDG_STATE_HOME", (at: string) => ({ XDG_STATE_HOME: join(at, "state") }), "state/kapseli/logs"],
    ["the home directory", () => ({}), ".local/state/kapseli/logs"],
  ])("is kept below %s, the owner's alone", async (_what, environment, directory) => {
    const at = await scratch();
    const kept = await keepFailedLog(await failed(at), environment(at), at, new Date("2026-01-02T03:04:05Z"));
    expect(kept).toBe(join(at, directory, `2026-01-02T03-04-05-${process.pid}.log`));
    expect(await mode(kept ?? "")).toBe("600");
    expect(await mode(join(at, directory))).toBe("700");
    expect(await readFile(kept ?? "", "utf8")).toContain("failed");
  });

  it("is one of the ten newest", async () => {
    const at = await scratch();
    const logs = join(at, ".local", "state", "kapseli", "logs");
    await mkdir(logs, { recursive: true });
    await writeFile(join(logs, "mine.txt"), "");
    const log = await failed(at);
    for (let day = 10; day < 25; day++)
      await keepFailedLog(log, {}, at, new Date(`2026-01-${day}T00:00:00Z`));
    const names = (await readdir(logs)).filter((name) => name.endsWith(".log")).sort();
    expect(names).toHaveLength(10);
    expect(names[0]).toContain("2026-01-15");
    expect(await readdir(logs)).toContain("mine.txt");
  });

  it("that cannot be kept is no failure", async () => {
    const log = await failed(await scratch());
    expect(await keepFailedLog(log, {}, "/etc/passwd", new Date())).toBeUndefined();
  });
});
