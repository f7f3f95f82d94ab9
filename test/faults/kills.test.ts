/** Processes of a build that are killed: our own, the installer, mksquashfs, the runtime; at every step, and at random moments. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  buildProcesses,
  expectBuilt,
  killBuilds,
  newPlace,
  type Place,
  type Running,
  start,
} from "../support/builds.ts";
import { type } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";
import { chosen, FULL, SEED, seeded } from "./record.ts";
import { SCENARIOS, type Scenario, STEPS_OF } from "./scenarios.ts";
import { beginAgain, expectSound } from "./sound.ts";
import { isOver, reaches, wait } from "./steps.ts";

type Signal = "SIGKILL" | "SIGTERM";

/** Whose end a fault is: our own process, or the first whose words match. */
const VICTIMS: Readonly<Record<string, RegExp | undefined>> = {
  "our own process": undefined,
  "the installer": /rattler_install\.py|-m pip install|uv-install\.sh|\/uv pip install/,
  mksquashfs: /mksquashfs .*(?:env|changes)\.sqfs/,
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

/** How a command ends that lost one of its processes. */
const CODES: Readonly<Record<string, (step: string) => readonly number[]>> = {
  "our own process": () => [143],
  "the installer": () => [5],
  mksquashfs: () => [6],
  "the runtime": (step) => {
    if (step === "check" || step === "commands") return [7];
    // The container of the hooks is gone, or has not begun.
    if (step === "post-install") return [4, 5];
    // What captures the activation runs beside the compiler, and is waited for later.
    return step === "compile" ? [5, 7] : [5];
  },
};

/** A process that a build started, and its command line. */
function victim(place: Place, pattern: RegExp): number | undefined {
  const line = buildProcesses(place).find((text) => pattern.test(text));
  return line === undefined ? undefined : Number(line.split(" ")[0]);
}

/** Sends a signal to the victim, waiting for it as long as the build's step lasts. @returns whether it was sent */
async function strike(place: Place, running: Running, name: string, signal: Signal): Promise<boolean> {
  const pattern = VICTIMS[name];
  if (pattern === undefined) {
    if (isOver(running)) return false;
    process.kill(running.pid, signal);
    return true;
  }
  while (!isOver(running)) {
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

const random = seeded(SEED);
const NAMES = Object.keys(SCENARIOS);

const CASES = chosen(
  NAMES.flatMap((scenario) =>
    Object.entries(STEPS).flatMap(([who, steps]) =>
      steps
        .filter((step) => STEPS_OF[scenario]?.includes(step))
        .flatMap((step) =>
          (["SIGKILL", "SIGTERM"] as const).map((signal) => ({
            scenario,
            who,
            step,
            signal,
            delay: random() * 150,
          })),
        ),
    ),
  ),
  6,
);
const MOMENTS = Array.from({ length: 50 }, () => ({
  scenario: NAMES[Math.floor(random() * NAMES.length)] ?? "new pip",
  share: random(),
  signal: (random() < 0.5 ? "SIGKILL" : "SIGTERM") as Signal,
})).slice(0, FULL ? 50 : 4);

describe.each(NAMES.filter((name) => [...CASES, ...MOMENTS].some(({ scenario }) => scenario === name)))(
  `%s (seed ${SEED})`,
  (name) => {
    let place: Place;
    let scenario: Scenario;
    let running: Running | undefined;
    let before: string[] = [];
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
      before = beginAgain(scenario);
    });
    afterEach(async () => {
      killBuilds(place);
      await running?.ended;
      running = undefined;
    });

    it.for(CASES.filter(({ scenario: its }) => its === name))(
      "$signal of $who at the step $step",
      async ({ who, step, signal, delay }, { skip }) => {
        running = start(place, scenario.argv);
        if (!(await reaches(running, step))) return skip(`there is no step ${step}`);
        await wait(delay);
        const struck = await strike(place, running, who, signal);
        const ended = await running.ended;
        if (!struck) return skip(`${who} was not there`);
        const log = running.output();
        const codes = CODES[who]?.(step) ?? [];
        expectSound(place, scenario, { what: `${signal} of ${who} at ${step}`, ended, log, before, codes });
      },
    );

    it.for(MOMENTS.filter(({ scenario: its }) => its === name))(
      "$signal of our own process after $share of its time",
      async ({ share, signal }, { skip }) => {
        running = start(place, scenario.argv);
        await wait(share * whole);
        const struck = await strike(place, running, "our own process", signal);
        const ended = await running.ended;
        if (!struck) return skip("it had ended");
        const log = running.output();
        const what = `${signal} of our own process at a random moment`;
        expectSound(place, scenario, { what, ended, log, before, codes: [143] });
      },
    );
  },
);
