import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isThere } from "../support/activation.ts";
import { prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { ordinary, PROJECT, remove, runAs, scratch } from "../support/real.ts";
import { until } from "../support/warm.ts";

/** A real Slurm of one node; scripts/host-setup.sh slurm installs it, root starts it. */
const possible = userInfo().uid === 0 && isThere("srun") && existsSync("/usr/sbin/munged");

describe.runIf(possible)("in a Slurm job", () => {
  const user = ordinary();
  const { root, bin } = sharedEnvironment(user);
  const SCRIPT = join(PROJECT, "test", "support", "slurm.sh");
  let slurm = "";
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
    slurm = mkdtempSync("/var/tmp/kapseli-slurm-");
    const started = spawnSync("sh", [SCRIPT, "start", slurm], {
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (started.status !== 0) throw new Error(started.stderr);
  });
  afterAll(() => {
    spawnSync("sh", [SCRIPT, "stop", slurm], { stdio: "ignore" });
    remove(slurm);
    remove(directory);
  });

  /** Runs a batch script to its end. @returns what it printed */
  function batch(lines: string): string {
    const file = join(directory, "job.sh");
    const out = join(directory, "job.out");
    writeFileSync(file, `#!/bin/sh\n${lines}\n`);
    const ran = runAs(user, ["sbatch", "-W", "-n", "2", "-o", out, file], {
      cwd: directory,
      env: {
        SLURM_CONF: join(slurm, "slurm.conf"),
        HOME: directory,
        ENV: root,
        EXEC: join(bin, "_debug_exec"),
      },
      timeoutMs: 120_000,
    });
    if (ran.exitCode !== 0) throw new Error(ran.stderr + (existsSync(out) ? readFileSync(out, "utf8") : ""));
    return readFileSync(out, "utf8");
  }
  const NAMESPACE = "readlink /proc/self/ns/mnt";
  const nothingLeft = () =>
    until("nothing is left", () => !existsSync(join(directory, ".local/state/kapseli/warm")));

  it("`kapseli warm --node` in the batch script serves every task of every step, and goes with the job", async () => {
    const said = batch(`kapseli warm --node "$ENV" >&2
srun -n 16 --overcommit "$EXEC" ${NAMESPACE} | sort -u
srun -n 16 --overcommit "$EXEC" ${NAMESPACE} | sort -u
KAPSELI_WARM=off srun -n 2 "$EXEC" ${NAMESPACE}`);
    const [first, second, ...cold] = said.split("\n").filter((line) => line.startsWith("mnt:"));
    expect(second).toBe(first);
    expect(cold).toHaveLength(2);
    expect(cold).not.toContain(first);
    await nothingLeft();
  });

  it("the end of a step with a holder of its own takes nothing from another step", async () => {
    const inStep = `kapseli warm --node "$ENV" >&2; "$EXEC" ${NAMESPACE}; sleep "$0"; "$EXEC" ${NAMESPACE}`;
    const said = batch(`srun -n 1 --overlap sh -c '${inStep}' 0 >first &
srun -n 1 --overlap sh -c '${inStep}' 6 >second &
wait; sort -u first; sort -u second`);
    const spaces = said.split("\n").filter((line) => line.startsWith("mnt:"));
    expect(new Set(spaces).size).toBe(2);
    expect(spaces).toHaveLength(2);
    await nothingLeft();
  });
});
