import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Command, runCommand } from "./rounds.ts";
import type { Setting } from "./setting.ts";

/** Longer than any argument list or path here. */
const WHOLE_STRINGS = String(1 << 20);

function traced(setting: Setting, flags: readonly string[], command: Command): string[] {
  const output = join(setting.work, "strace");
  const argv = ["strace", ...flags, "-o", output, "--", ...command.argv] as const;
  runCommand(setting.user, { ...command, argv: [...argv] });
  const lines = readFileSync(output, "latin1").split("\n");
  rmSync(output);
  return lines;
}

/** A string as `strace -xx` prints it. */
function unhex(text: string): string {
  return Buffer.from(text.replaceAll("\\x", ""), "hex").toString("utf8");
}

const strings = (text: string): string[] =>
  [...text.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => unhex(match[1] ?? ""));

/** One program that was started. */
export interface Execution {
  pid: number;
  argv: string[];
  env: Record<string, string>;
}

export interface Starts {
  executions: Execution[];
  /** New processes (not threads) that were made before each of the executions. */
  forksBefore: number[];
}

/** Follows everything that a command starts. */
export function traceStarts(setting: Setting, command: Command): Starts {
  const flags = ["-f", "-v", "-xx", "-s", WHOLE_STRINGS, "-e", "trace=execve,clone,clone3,fork,vfork"];
  const executions: Execution[] = [];
  const forksBefore: number[] = [];
  let forks = 0;
  for (const line of traced(setting, flags, command)) {
    const call = /^(\d+)\s+(execve|clone3?|v?fork)\((.*)$/.exec(line);
    const [, pid = "", name, rest = ""] = call ?? [];
    if (name === "execve") {
      const lists = /^"[^"]*", \[(.*?)\], \[(.*?)\]/.exec(rest);
      if (!lists || / = -1 /.test(rest)) continue;
      const variables = strings(lists[2] ?? "").map((entry): [string, string] => {
        const at = entry.indexOf("=");
        return [entry.slice(0, at), entry.slice(at + 1)];
      });
      executions.push({
        pid: Number(pid),
        argv: strings(lists[1] ?? ""),
        env: Object.fromEntries(variables),
      });
      forksBefore.push(forks);
    } else if (name !== undefined && !rest.includes("CLONE_THREAD")) {
      forks += 1;
    }
  }
  return { executions, forksBefore };
}

/** How often a command asks the kernel about files below a directory, by system call. */
export function countFileCalls(setting: Setting, command: Command, below: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of traced(setting, ["-f", "-y", "-e", "trace=%file,%desc"], command)) {
    const name = /^\d+\s+(\w+)\(/.exec(line)?.[1];
    // A program's other words are no question to the file system.
    const about = name === "execve" ? line.slice(0, line.indexOf(", [")) : line;
    if (name === undefined || !about.includes(below)) continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
