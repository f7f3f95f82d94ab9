import { readdirSync, readFileSync } from "node:fs";
import { startAs } from "../test/support/launcher-report.ts";
import { hold, stop } from "../test/support/warm.ts";
import { megabytes, type Table } from "./results.ts";
import type { Command } from "./rounds.ts";
import type { Setting } from "./setting.ts";
import { type Environment, nativePython } from "./start.ts";

/** Says when numpy is imported, and ends with its standard input. */
const PROGRAM = "import sys, numpy; print('up', flush=True); sys.stdin.read()";

/** Bytes of memory of a process, of what it shares its part (Pss: man 5 proc, /proc/PID/smaps_rollup). */
export function proportionalSize(rollup: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
}

/** A process' parent; undefined when it has ended. */
function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}

/** Processes with all that they started and that those started: the runtime's and those that mount an image are among them. */
function withDescendants(roots: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const pid of readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const parent = parentOf(pid);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found: number[] = [];
  const waiting = [...roots];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    found.push(pid);
    waiting.push(...(children.get(pid) ?? []));
  }
  return found;
}

interface Memory {
  processes: number;
  bytes: number;
  /** What may not be read of another process of the user's own. */
  unread: number;
}

function memoryOf(pids: readonly number[]): Memory {
  const memory: Memory = { processes: 0, bytes: 0, unread: 0 };
  for (const pid of pids) {
    try {
      memory.bytes += proportionalSize(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
      memory.processes += 1;
    } catch (error) {
      // One that has ended meanwhile has no memory.
      if ((error as NodeJS.ErrnoException).code === "EACCES") memory.unread += 1;
    }
  }
  return memory;
}

/** Runs a Python so many times, all open at once, and measures them. @param others belong to them, too */
async function whileOpen(
  setting: Setting,
  { argv, env }: Pick<Command, "argv" | "env">,
  count: number,
  others: readonly number[] = [],
): Promise<Memory> {
  const { user, home } = setting;
  const call = [...argv, "-c", PROGRAM] as unknown as [string, ...string[]];
  const running = Array.from({ length: count }, () => startAs(user, call, { env, cwd: home }));
  try {
    await Promise.all(running.map((one) => one.said("up\n")));
    return memoryOf(withDescendants([...running.flatMap(({ child }) => child.pid ?? []), ...others]));
  } finally {
    for (const { child } of running) child.stdin?.end();
    await Promise.all(running.map(({ ended }) => ended));
  }
}

/**
 * What many Pythons that imported numpy need, held open at once: natively, each in a container of its own, and in one
 * that is held warm, whose holder counts too.
 *
 * @returns the table, and bytes for each rank
 */
export async function measureMemory(
  setting: Setting,
  environment: Environment,
  count: number,
): Promise<{ table: Table; raw: Record<string, number> }> {
  const { env, user } = setting;
  const { prefix } = environment.build;
  const [bin, python] = [`${prefix}/bin`, `${prefix}/bin/python3`] as const;
  setting.say(`memory of ${count} at once`);
  const native = await whileOpen(setting, nativePython(setting, environment), count);
  const cold = await whileOpen(setting, { argv: [python], env: { ...env, KAPSELI_WARM: "off" } }, count);
  const held = await hold(user, { root: prefix, bin, python }, { env });
  try {
    const warm = await whileOpen(
      setting,
      { argv: [python], env: { ...env, KAPSELI_WARM: held.directory } },
      count,
      // The runtime's process that the holder is a child of.
      [parentOf(held.pid) ?? held.pid],
    );
    const measured = { natively: native, cold, warm };
    const each = ({ bytes }: Memory): number => bytes / count;
    return {
      table: {
        caption: `Memory for each of ${count} Pythons that imported numpy, all open at once (megabytes of Pss, the runtime's and the mounts' processes included):`,
        head: ["what", "for each", "all", "processes", "not readable", "by cold"],
        rows: Object.entries(measured).map(([name, memory]) => [
          name,
          megabytes(each(memory)),
          megabytes(memory.bytes),
          String(memory.processes),
          String(memory.unread),
          (memory.bytes / cold.bytes).toFixed(2),
        ]),
      },
      raw: Object.fromEntries(Object.entries(measured).map(([name, memory]) => [name, each(memory)])),
    };
  } finally {
    await stop(held);
  }
}
