import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { withInterruption } from "../../src/host/signals.ts";

let others: NodeJS.SignalsListener[] = [];

beforeEach(() => {
  others = process.listeners("SIGHUP");
  process.removeAllListeners("SIGHUP");
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  process.removeAllListeners("SIGHUP");
  for (const listener of others) process.on("SIGHUP", listener);
});

it("a signal while work goes on whose part has ended, or after other work, aborts it and ends nothing", async () => {
  const exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  await withInterruption(async () => undefined);
  const aborted = await withInterruption(async (signal) => {
    await withInterruption(async () => undefined);
    process.emit("SIGHUP");
    return signal.aborted;
  });
  expect(aborted).toBe(true);
  expect(exit).not.toHaveBeenCalled();
});

it.each([
  ["that it has", 3, 3],
  ["of the signal, before it has one", undefined, 129],
])("a signal after the work ends the process with the exit code %s", async (_which, has, code) => {
  const exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  const aborted = await withInterruption(async (signal) => {
    process.emit("SIGHUP");
    return signal.aborted;
  });
  expect(aborted).toBe(true);
  expect(exit).not.toHaveBeenCalled();
  process.exitCode = has;
  process.emit("SIGHUP");
  expect(exit.mock.calls).toEqual([[code]]);
});
