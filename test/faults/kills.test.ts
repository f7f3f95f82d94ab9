/** Processes of a build that are killed: our own, the installer, mksquashfs, the runtime; at every step, and at random moments. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  buildProcesses,
  expectBuilt,
  expectNothingLeft,
  listing,
  newPlace,
  type Place,
  type Running,
  start,
} from "../support/builds.ts";
import { type, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";
import { FULL, record, SEED, seeded } from "./record.ts";
import { NOTHING, SCENARIOS, type Scenario } from "./scenarios.ts";

type Signal = "SIGKILL" | "SIGTERM";

/** Whose end a fault is: our own process, or the first whose words match. */
const VICTIMS: Readonly<Record<string, RegExp | undefined>> = {
  "our own process": undefined,
  "the installer": /rattler_install\.py|-m pip install|uv-install\.sh|\/uv pip install/,
  mksquashfs: /mksquashfs .*env\.sqfs/,
  "the runtime": /(?:apptainer|singularity) -s exec|Apptainer runtime parent/,
};

/** The steps at which each may be there. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  "our own process": [
    "preflight",
    "unpack",
    "install",
    "requirements",
    "post-install",
    "compile",
    "commands",
    "pack",
    "launchers",
    "check",
    "publish",
  ],
  "the installer": ["install", "requirements"],
  mksquashfs: ["pack"],
  "the runtime": ["install", "requirements", "post-install", "compile", "commands", "check"],
};

/** A process that a build started, and its command line. */
function victim(place: Place, pattern: RegExp): number | undefined {
  const line = buildProcesses(place).find((text) => pattern.test(text));
  return line === undefined ? undefined : Number(line.split(" ")[0]);
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a step of a build; false when the build ends before. */
async function reaches(running: Running, step: string): Promise<boolean> {
  const marks = [`"event":"step-started","step":"${step}"`];
  for (;;) {
    if (marks.some((mark) => running.output().includes(mark))) return true;
    if (running.child.exitCode !== null || running.child.signalCode !== null) return false;
    await wait(5);
  }
}

/** Sends a signal to the victim, waiting for it as long as the build's step lasts. @returns whether it was sent */
async function strike(place: Place, running: Running, name: string, signal: Signal): Promise<boolean> {
  const pattern = VICTIMS[name];
  const isOver = (): boolean => running.child.exitCode !== null || running.child.signalCode !== null;
  if (pattern === undefined) {
    if (isOver()) return false;
    process.kill(running.pid, signal);
    return true;
  }
  while (!isOver()) {
    const pid = victim(place, pattern);
    if (pid !== undefined) {
      try {
        process.kill(pid, signal);
        return true;
      } catch {
        // It ended by itself.
      }
    }
    await wait(2);
  }
  return false;
}

/** What must be so after any fault; the same command then succeeds, and nothing of the first is left. */
async function expectSound(
  place: Place,
  scenario: Scenario,
  ended: number | string,
): Promise<"before" | "after"> {
  const answer = scenario.ask();
  expect([scenario.before, scenario.after]).toContain(answer);
  if (ended === 0) expect(answer).toBe(scenario.after);
  if (answer !== NOTHING && answer !== scenario.before) {
    expect(type(place, ["kapseli", "verify", "--quick", scenario.prefix]).exitCode).toBe(0);
  }
  if (answer === scenario.after && scenario.name.startsWith("wrap in place")) return "after";
  expectBuilt(place, type(place, scenario.argv));
  expect(scenario.ask()).toBe(scenario.after);
  expect(typeWell(place, ["find", scenario.prefix, "-maxdepth", "1", "-name", ".kapseli*"]).stdout).toBe("");
  return answer === scenario.before ? "before" : "after";
}

const random = seeded(SEED);
const NAMES = Object.keys(SCENARIOS);

/** Every combination, or a subset that the seed chooses. */
const CASES = NAMES.flatMap((scenario) =>
  Object.entries(STEPS).flatMap(([who, steps]) =>
    steps.flatMap((step) =>
      (["SIGKILL", "SIGTERM"] as const).map((signal) => ({
        scenario,
        who,
        step,
        signal,
        delay: random() * 150,
      })),
    ),
  ),
).filter(() => random() < 0.03 || FULL);
const MOMENTS = Array.from({ length: 50 }, () => ({
  scenario: NAMES[Math.floor(random() * NAMES.length)] ?? "new pip",
  share: random(),
})).slice(0, FULL ? 50 : 5);

describe.each(NAMES.filter((name) => [...CASES, ...MOMENTS].some(({ scenario }) => scenario === name)))(
  `%s (seed ${SEED})`,
  (name) => {
    let place: Place;
    let scenario: Scenario;
    let running: Running | undefined;
    /** How long the command takes undisturbed, in ms. */
    let whole = 0;
    beforeAll(() => {
      place = newPlace(ordinary());
      const make = SCENARIOS[name];
      if (!make) throw new RangeError(`there is no scenario ${name}`);
      scenario = make(place);
      const began = performance.now();
      expectBuilt(place, type(place, scenario.argv));
      whole = performance.now() - began;
      expect(scenario.ask()).toBe(scenario.after);
    });
    afterAll(() => place?.[Symbol.dispose]());
    beforeEach(() => {
      scenario.restore();
      expect(scenario.ask()).toBe(scenario.before);
    });
    afterEach(async () => {
      for (const line of buildProcesses(place)) process.kill(Number(line.split(" ")[0]), "SIGKILL");
      await running?.ended;
      running = undefined;
    });

    it.for(CASES.filter(({ scenario: its }) => its === name))(
      "$signal of $who at the step $step",
      async ({ who, step, signal, delay }, { skip }) => {
        const before = listing(scenario.prefix);
        running = start(place, scenario.argv);
        if (!(await reaches(running, step))) return skip(`there is no step ${step}`);
        await wait(delay);
        const struck = await strike(place, running, who, signal);
        const ended = await running.ended;
        if (!struck) return skip(`${who} was not there`);
        const log = running.output();
        if (ended !== 0 && ended !== "SIGKILL") {
          expect(log, log).toMatch(/"event":"error"|ERROR|Interrupted/);
          if (scenario.ask() === scenario.before && scenario.before === NOTHING) {
            expectNothingLeft(place, scenario.prefix);
          } else if (scenario.ask() === scenario.before) expectNothingLeft(place, scenario.prefix, before);
        }
        const answers = await expectSound(place, scenario, ended);
        record({ scenario: name, fault: `${signal} of ${who} at ${step}`, ended, answers });
      },
    );

    it.for(MOMENTS.filter(({ scenario: its }) => its === name))(
      "SIGKILL of our own process after $share of its time",
      async ({ share }, { skip }) => {
        running = start(place, scenario.argv);
        await wait(share * whole);
        const struck = await strike(place, running, "our own process", "SIGKILL");
        const ended = await running.ended;
        if (!struck) return skip("it had ended");
        const answers = await expectSound(place, scenario, ended);
        record({ scenario: name, fault: "SIGKILL at a random moment", ended, answers });
      },
    );
  },
);
