import { fstatSync } from "node:fs";

/** Whether standard output and standard error lead to the same file, pipe or terminal. */
export function sameOutput(): boolean {
  try {
    const [out, err] = [fstatSync(1), fstatSync(2)];
    return out.dev === err.dev && out.ino === err.ino;
  } catch {
    return false;
  }
}
