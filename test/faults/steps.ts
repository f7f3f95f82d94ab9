/** Waiting for a build to be where it is to be broken. */
import type { Running } from "../support/builds.ts";

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const isOver = ({ child }: Running): boolean => child.exitCode !== null || child.signalCode !== null;

/** Waits for a step of a build; false when the build ends before. */
export async function reaches(running: Running, step: string): Promise<boolean> {
  for (;;) {
    if (running.output().includes(`"event":"step-started","step":"${step}"`)) return true;
    if (isOver(running)) return false;
    await wait(5);
  }
}
