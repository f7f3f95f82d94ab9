/** Environments that something damages afterwards: launchers and `verify` say what is broken, and `--repair` mends it. */
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { open, rename, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectBuilt, newPlace, type Place } from "../support/builds.ts";
import { type, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";
import { keep } from "../support/trees.ts";
import { chosen, record, SEED, seeded } from "./record.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";

/** What damages a regular file. @param where in [0, 1) */
const DAMAGES: Readonly<Record<string, (file: string, where: number) => Promise<void>>> = {
  "is cut": (file, where) => truncate(file, Math.floor(statSync(file).size * where)),
  "has a byte flipped": async (file, where) => {
    const handle = await open(file, "r+");
    const at = Math.floor(statSync(file).size * where);
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ (1 << (Math.floor(where * 997) % 8));
    await handle.write(byte, 0, 1, at);
    await handle.close();
  },
  "is gone": (file) => rm(file),
  "is empty": (file) => truncate(file, 0),
  "is another file": async (file) => {
    const handle = await open(`${file}.other`, "w", 0o755);
    await handle.write("#!/bin/sh\necho something else\n");
    await handle.close();
    await rename(`${file}.other`, file);
  },
};

/** Files of ours, by what they are; of a prefix whose second generation is the current one. */
const FILES: Readonly<Record<string, (prefix: string) => string>> = {
  "the image": (prefix) => join(prefix, "current/env.sqfs"),
  "the manifest": (prefix) => join(prefix, "current/manifest.json"),
  "launcher.sh": (prefix) => join(prefix, "current/launcher.sh"),
  "a command": (prefix) => join(prefix, "bin/kapseli-versions"),
  "the lock of packages": (prefix) => join(prefix, "current/environment.lock"),
};
/** Nothing is launched from it: a warning. */
const NOT_LAUNCHED = "the lock of packages";

const random = seeded(SEED + 1);
const CASES = chosen(
  Object.keys(FILES).flatMap((file) =>
    Object.keys(DAMAGES).flatMap((damage) => [0, 1].map(() => ({ file, damage, where: random() }))),
  ),
  4,
);

let place: Place;
let scenario: Scenario;
let restore = (): void => undefined;
beforeAll(() => {
  place = newPlace(ordinary());
  const make = SCENARIOS["update conda"];
  if (!make) throw new RangeError("no scenario");
  scenario = make(place);
  expectBuilt(place, type(place, scenario.argv));
  restore = keep(place, "env");
});
afterAll(() => place?.[Symbol.dispose]());

describe(`an environment (seed ${SEED})`, () => {
  it.for(CASES)("$file $damage ($where)", async ({ file, damage, where }) => {
    restore();
    const path = FILES[file]?.(scenario.prefix) ?? "";
    const before = readFileSync(path);
    await DAMAGES[damage]?.(path, where);
    const now = lstatSync(path, { throwIfNoEntry: false }) ? readFileSync(path) : undefined;
    expect(now?.equals(before)).not.toBe(true);
    const found = type(place, ["kapseli", "verify", "env"]);
    const foundCode = file === NOT_LAUNCHED ? 0 : 7;
    expect(found.exitCode, found.stdout + found.stderr).toBe(foundCode);
    expect(found.stdout + found.stderr).toMatch(/kapseli verify --repair/);
    if (file === "a command" && damage === "is another file") {
      // Nobody's file is written over: the advice is to move it away.
      const refused = type(place, ["kapseli", "verify", "--repair", "--yes", "env"]);
      expect(refused.exitCode, refused.stdout + refused.stderr).toBe(4);
      expect(refused.stdout).toMatch(/move it away/);
      expect(readFileSync(path)).toEqual(now);
      await rename(path, join(place.directory, "moved-away"));
    }
    const mended = type(place, ["kapseli", "verify", "--repair", "--yes", "env"]);
    expect(mended.exitCode, mended.stdout + mended.stderr).toBe(0);
    // Mended, or the generation before it.
    const answer = scenario.ask();
    expect([scenario.before, scenario.after]).toContain(answer);
    const verified = type(place, ["kapseli", "verify", "env"]);
    expect(verified.exitCode, verified.stdout).toBe(0);
    // A generation that is gone back from stays as it is.
    if (answer === scenario.after) expect(verified.stdout).toContain("is as it was published");
    expectBuilt(place, type(place, scenario.argv));
    expect(scenario.ask()).toBe(scenario.after);
    const answers = answer === scenario.after ? "after" : "before";
    record({ scenario: "a whole environment", fault: `${file} ${damage}`, ended: foundCode, answers });
  });

  it("current leads nowhere, or is gone", () => {
    for (const line of ["ln -sfn generations/9 env/current", "rm env/current"]) {
      restore();
      typeWell(place, ["sh", "-c", line]);
      const ran = type(place, ["env/bin/kapseli-versions"]);
      expect(ran.exitCode).not.toBe(0);
      expect(ran.stderr).toMatch(/^kapseli: [^\n]*mend it with kapseli verify --repair [^\n]*\n$/);
      const mended = type(place, ["kapseli", "verify", "--repair", "--yes", "env"]);
      expect(mended.exitCode, mended.stdout + mended.stderr).toBe(0);
      expect(scenario.ask()).toBe(scenario.after);
      expect(readdirSync(join(scenario.prefix, "generations")).length).toBe(2);
      record({ scenario: "a whole environment", fault: line, ended: 1, answers: "after" });
    }
  });
});
