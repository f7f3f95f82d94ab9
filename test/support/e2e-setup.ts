import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { userInfo } from "node:os";
import { installTool, makeChannel, ownTopLevel } from "./real.ts";

/** Once before all suites that use the real runtime. @returns what takes it back after them. */
export function setup(): () => void {
  installTool();
  makeChannel();
  const directory = ownTopLevel(process.pid);
  if (userInfo().uid !== 0) return () => undefined;
  mkdirSync(directory, { recursive: true });
  return () => {
    if (existsSync(directory)) rmdirSync(directory);
  };
}
