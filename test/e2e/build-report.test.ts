import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OBJECTS } from "../../src/report/objects.ts";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  listing,
  newPlace,
  type Place,
  put,
  putEnv,
} from "../support/builds.ts";
import { channelUrl, ordinary, runAs } from "../support/real.ts";
import { TOLD_STEPS } from "../support/steps.ts";

let place: Place;
beforeAll(() => {
  place = newPlace(ordinary());
  putEnv(place, "kapseli-binary-prefix, kapseli-activate");
  putEnv(place, "kapseli-unsatisfiable", "", "bad.yml");
  put(place, "requirements.txt", "cowsay\n");
});
afterAll(() => place?.[Symbol.dispose]());

const NEW = ["conda-containerize", "new", "--engine", "rattler"] as const;
const conda = (env: Record<string, string>, ...args: string[]) =>
  build(place, "conda-containerize", ["--engine", "rattler", ...args], { env });

/** stdout as JSON lines; throws where one is something else. */
function objects(text: string): Record<string, unknown>[] {
  expect(text.endsWith("\n")).toBe(true);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("--dry-run", () => {
  it.each([
    ["conda-containerize", ["--engine", "rattler", "--prefix", "dry", "env.yml"], "rattler_install.py"],
    ["pip-containerize", ["--prefix", "dry", "requirements.txt"], "-m pip install"],
    ["pip-containerize", ["--uv", "--prefix", "dry", "requirements.txt"], "/inputs/uv-install.sh"],
  ] as const)("prints what %s %j would do, and touches nothing", (tool, args, command) => {
    // A new cache, home and state directory: what is written would be seen.
    const home = put(place, `home-${command.replace(/\W/g, "")}`);
    const env = { HOME: home, KAPSELI_CACHE: join(home, "cache"), XDG_STATE_HOME: join(home, "state") };
    const before = listing(place.directory);
    const ran = build(place, tool, [...args, "--dry-run"], { env });
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(ran.stdout).toContain(`prefix        ${place.directory}/dry\n`);
    expect(ran.stdout).toContain("base          host\n");
    expect(ran.stdout).toContain(command);
    expect(ran.stdout).toContain(`dst=${place.directory}/dry`);
    expect(ran.stdout).toContain("mksquashfs");
    expect(listing(place.directory)).toEqual(before);
  });

  it("prints the plan as one JSON object with --json", () => {
    const ran = conda({}, "--prefix", "dry", "--dry-run", "--json", "env.yml");
    const [only, ...others] = objects(ran.stdout);
    expect(others).toEqual([]);
    expect(only).toMatchObject({ event: "plan", plan: { tool: "conda", engine: { engine: "rattler" } } });
    expectNothingLeft(place, join(place.directory, "dry"));
  });

  it("refuses what a build would refuse", () => {
    const ran = conda({}, "--prefix", "it's", "--dry-run", "env.yml");
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("cannot be used");
  });
});

describe("--json", () => {
  it("prints nothing but JSON lines, the result last", () => {
    const ran = conda({}, "--prefix", "json", "--json", "env.yml");
    expectBuilt(place, ran);
    const events = objects(ran.stdout);
    const steps = events.filter(({ event }) => event === "step-finished").map(({ step }) => step);
    expect(steps).toEqual(TOLD_STEPS);
    const result = events.at(-1);
    expect(OBJECTS.build.parse(result)).toMatchObject({
      schema: "kapseli.build/1",
      event: "result",
      prefix: join(place.directory, "json"),
      bin: join(place.directory, "json/bin"),
      generation: 1,
      commands: ["kapseli-binary-prefix", "list-packages"],
      manifest: { engine: { name: "rattler" } },
    });
    expect(ran.stderr).toBe("");
  });

  it("prints an error as JSON, too, with its code and what to do", () => {
    const ran = conda({}, "--prefix", "json-bad", "--json", "bad.yml");
    expect(ran.exitCode).toBe(5);
    const error = objects(ran.stdout).at(-1);
    expect(error).toMatchObject({
      event: "error",
      code: 5,
      hint: expect.any(String),
      log: expect.any(String),
    });
    expect(String(error?.lines)).toContain("kapseli-nowhere");
    expectNothingLeft(place, join(place.directory, "json-bad"));
  });
});

describe("what a build says", () => {
  it("without a terminal is plain lines: each step, its time, and how to use what was made", () => {
    const ran = conda({}, "--prefix", "plain", "env.yml");
    expectBuilt(place, ran);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(ran.stdout).not.toMatch(/[\x1b\r]/);
    for (const title of ["Installing packages with rattler", "Creating sqfs image", "Trying the launchers"]) {
      expect(ran.stdout).toMatch(new RegExp(`^\\[ INFO \\] ${title}\n +\\d+\\.\\d s`, "m"));
    }
    expect(ran.stdout).toContain(`export PATH="${place.directory}/plain/bin:$PATH"`);
    expect(ran.stderr).toBe("");
  });

  it("on a terminal has one live line, with the step, its time and how far it is", () => {
    const ran = runAs(place.user, ["script", "-qec", `${NEW.join(" ")} --prefix live env.yml`, "/dev/null"], {
      cwd: place.directory,
      env: { ...place.environment, TERM: "xterm" },
    });
    expect(ran.exitCode, ran.stdout).toBe(0);
    // What clears the line, written so that one can read it.
    const shown = ran.stdout.replaceAll("\r\x1b[2K", "<clear>");
    expect(shown).toMatch(/<clear>. \d\/8 Installing packages with rattler {2}\d+\.\d s/);
    expect(shown).toMatch(/<clear>\[ INFO \] Creating sqfs image \(\d+\.\d s, \d+ MB, \d+ files\)/);
    expect(call(place, [join(place.directory, "live/bin/kapseli-binary-prefix")]).exitCode).toBe(0);
  });

  it.each([
    ["0", "env.yml", [], ["INFO", "WARNING", "DEBUG"]],
    ["1", "env.yml", [], ["INFO", "DEBUG"]],
    ["2", "env.yml", ["[ INFO ] Installing packages"], ["DEBUG"]],
    ["3", "env.yml", ["DEBUG", "INFO", "-comp zstd"], []],
  ])("at CW_LOG_LEVEL=%s is as much as that", (level, file, has, hasNot) => {
    const ran = conda({ CW_LOG_LEVEL: level }, "--prefix", `level-${level}`, file);
    expectBuilt(place, ran);
    for (const text of has) expect(ran.stdout).toContain(text);
    for (const text of hasNot) expect(ran.stdout + ran.stderr).not.toContain(text);
  });

  it("of an error is said even at CW_LOG_LEVEL=0", () => {
    const ran = conda({ CW_LOG_LEVEL: "0" }, "--prefix", "quiet-bad", "bad.yml");
    expect(ran.stderr).toContain("kapseli-nowhere");
  });
});

describe("the log", () => {
  it("of a build has every command with its words and output", () => {
    const log = readFileSync(join(place.directory, "plain/current/build.log"), "utf8");
    expect(log).toMatch(/\$ .*rattler_install\.py/);
    expect(log).toMatch(/\$ \S+mksquashfs .*env\.sqfs/);
    expect(log).toContain("linking");
  });

  it("of a failed build is kept for its owner alone, and named; of these the ten newest", () => {
    let ran = conda({}, "--prefix", "failed", "bad.yml");
    const named = /Full log: (\S+)/.exec(ran.stderr)?.[1] ?? "";
    expect(readFileSync(named, "utf8")).toContain("kapseli-nowhere");
    expect(call(place, ["stat", "-c", "%a", named]).stdout).toBe("600\n");
    for (let count = 0; count < 11; count++) ran = conda({}, "--prefix", "failed", "bad.yml");
    const newest = /Full log: (\S+)/.exec(ran.stderr)?.[1] ?? "";
    expect(readdirSync(place.logs)).toHaveLength(10);
    expect(existsSync(newest)).toBe(true);
  });
});

describe("CW_DEBUG_KEEP_FILES", () => {
  it("keeps a failed build's work directory and names it", () => {
    const ran = conda({ CW_DEBUG_KEEP_FILES: "1" }, "--prefix", "kept", "bad.yml");
    const [kept] = readdirSync(place.work);
    expect(kept).toMatch(/^cw-[A-Z0-9]{6}$/);
    expect(ran.stderr).toContain(join(place.work, kept ?? ""));
    expect(existsSync(join(place.directory, "kept"))).toBe(false);
    const request = readFileSync(join(place.work, kept ?? "", "inputs/rattler.json"), "utf8");
    expect(request).toContain(channelUrl());
    runAs(place.user, ["rm", "-rf", join(place.work, kept ?? "")]);
  });
});
