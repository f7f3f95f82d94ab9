/** What must be so after any fault, whatever was broken. */
import { expect } from "vitest";
import { expectBuilt, expectNoRemains, expectNothingLeft, listing, type Place } from "../support/builds.ts";
import { type, typeWell } from "../support/compat-place.ts";
import { record } from "./record.ts";
import { NOTHING, type Scenario } from "./scenarios.ts";

/** How the broken command ended. */
export interface Broken {
  /** An exit code, or the signal that ended it. */
  ended: number | string;
  /** What it printed, both streams. */
  log: string;
}

/** How many faults were injected of what; counted as passed only with this. */
export interface Fault extends Broken {
  /** For the table. */
  what: string;
  /** Files of the prefix before the command (`listing`). */
  before: readonly string[];
  /** Exit codes with which it may end, besides well; without them it has to go well. */
  codes?: readonly number[];
  /** What its words must say where it failed. */
  says?: RegExp;
}

/** A command that could say something said it, and left nothing behind. */
function expectClear(
  place: Place,
  scenario: Scenario,
  { ended, log, before, codes = [], says }: Fault,
): void {
  if (ended === 0 || ended === "SIGKILL") return;
  // It had said that it was done.
  if (ended === "SIGTERM" && log.includes('"event":"result"') && scenario.ask() === scenario.after) return;
  // A program that was only just started is ended by the signal itself: it has nothing to take back or to say.
  if (ended !== "SIGTERM" || log !== "") {
    expect(codes, log).toContain(ended);
    expect(log).toMatch(/"event":"error"|ERROR|nterrupted/);
    if (says) expect(log).toMatch(says);
    // What Python prints before it ends is quoted; ours has no stack.
    expect(log).not.toMatch(/not expected|^\s+at .*\.ts:\d+/m);
  }
  expectNoRemains(place);
  if (scenario.ask() === scenario.after) return;
  if (scenario.before === NOTHING) expectNothingLeft(place, scenario.prefix);
  else expectNothingLeft(place, scenario.prefix, [...before]);
}

/**
 * The environment answers as before or as after and `verify` says that it is whole; where the command failed by itself
 * nothing of it is left; the same command, now undisturbed, succeeds and takes away what a killed one left.
 */
export function expectSound(place: Place, scenario: Scenario, fault: Fault): void {
  const { ended, what } = fault;
  expectClear(place, scenario, fault);
  const answer = scenario.ask();
  expect([scenario.before, scenario.after]).toContain(answer);
  if (ended === 0) expect(answer).toBe(scenario.after);
  const isWhole = answer === scenario.after || (answer !== NOTHING && !scenario.plainBefore);
  if (isWhole) {
    const verified = type(place, ["kapseli", "verify", "--quick", scenario.prefix]);
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
  }
  // What is wrapped already is not wrapped again.
  if (!(answer === scenario.after && scenario.plainBefore)) {
    expectBuilt(place, type(place, scenario.argv));
    expect(scenario.ask()).toBe(scenario.after);
    if (ended === "SIGKILL") expectNoRemains(place);
  }
  expect(typeWell(place, ["find", scenario.prefix, "-maxdepth", "1", "-name", ".kapseli*"]).stdout).toBe("");
  record({
    scenario: scenario.name,
    fault: what,
    ended,
    answers: answer === scenario.before ? "before" : "after",
  });
}

/** Begins again from before the command. @returns what is there then */
export function beginAgain(scenario: Scenario): string[] {
  scenario.restore();
  expect(scenario.ask()).toBe(scenario.before);
  return listing(scenario.prefix);
}
