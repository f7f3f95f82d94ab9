/** Real temporary directories and programs for tests of what touches the machine. */
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { startTime } from "../../src/host/proc-stat.ts";

/** A directory that is there until the test ends. */
export async function scratch(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "kapseli-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** An executable file. @returns its path. */
export async function executable(path: string, text: string): Promise<string> {
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

/** Waits until a file holds a line, and returns it. */
export function firstLine(path: string): Promise<string> {
  return vi.waitFor(
    async () => {
      const [line, ...more] = (await readFile(path, "utf8")).split("\n");
      if (!line || more.length === 0) throw new Error(`${path} holds no line yet`);
      return line;
    },
    { timeout: 20_000, interval: 5 },
  );
}

/** Waits until no process has a text in its environment. */
export function noneWith(text: string): Promise<void> {
  return vi.waitFor(
    async () => {
      for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
        const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
        if (environment.includes(text)) throw new Error(`process ${pid} still runs`);
      }
    },
    { timeout: 20_000, interval: 10 },
  );
}

/** Waits until a process is gone. */
export function gone(pid: number): Promise<void> {
  return vi.waitFor(
    () => {
      if (startTime(pid) !== undefined) throw new Error(`process ${pid} still runs`);
    },
    { timeout: 20_000, interval: 5 },
  );
}
