/** No room: full file systems, quotas, no inodes, limits of file size and of memory, wherever a build writes. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "vitest";
import {
  buildProcesses,
  emptyCache,
  killBuilds,
  newPlace,
  type Place,
  put,
  type Running,
  start,
} from "../support/builds.ts";
import { baseEnvironment, ordinary, remove, scratch } from "../support/real.ts";
import { type Disk, fewInodes, quotaDisk, smallDisk } from "./disks.ts";
import { chosen } from "./record.ts";
import { SCENARIOS, type Scenario, STEPS_OF } from "./scenarios.ts";
import { beginAgain, expectSound } from "./sound.ts";
import { isOver, reaches, wait } from "./steps.ts";

/** How room ends. */
const ENDS: Readonly<Record<string, (path: string, user: Place["user"]) => Disk | undefined>> = {
  "no space is left": smallDisk,
  "no inode is left": fewInodes,
  "the quota is used up": quotaDisk,
};
/** Where, and at which step. */
const WHERE: readonly (readonly [string, readonly string[]])[] = [
  ["the work directory", ["install", "requirements", "post-install", "compile"]],
  ["the prefix", ["install", "requirements", "post-install", "pack", "launchers"]],
  ["the cache", ["preflight", "install"]],
  ["the home directory", ["preflight", "install"]],
  ["TMPDIR", ["preflight", "install", "pack"]],
];
/** What the words of a failure must name. */
const SAYS = /space|quota|inode|No room|full/i;

/** A place whose WHERE is on a file system of its own. */
function placeOn(place: Place, where: string, disk: string): Place {
  const { environment } = place;
  switch (where) {
    case "the work directory":
      return { ...place, work: disk, environment: { ...environment, CW_BUILD_TMPDIR: disk } };
    case "TMPDIR":
      return { ...place, temporary: disk, environment: { ...environment, TMPDIR: disk } };
    case "the home directory":
      return { ...place, environment: { ...environment, HOME: disk, XDG_STATE_HOME: `${disk}/state` } };
    case "the cache":
      return {
        ...place,
        environment: { ...environment, ...emptyCache({ ...place, directory: disk }, "cache") },
      };
    default:
      // Below it: the tests look for mounts that a build left in a place.
      return { ...place, directory: put({ ...place, directory: disk }, "place") };
  }
}

const CASES = chosen(
  Object.keys(SCENARIOS).flatMap((scenario) =>
    Object.keys(ENDS).flatMap((end) =>
      WHERE.flatMap(([where, steps]) =>
        steps
          .filter((step) => STEPS_OF[scenario]?.includes(step))
          .map((step) => ({ scenario, end, where, step })),
      ),
    ),
  ),
  4,
);

let place: Place | undefined;
let running: Running | undefined;
let disk: Disk | undefined;
/** Holds the disk. */
let beside = "";
afterEach(async () => {
  if (place) killBuilds(place);
  await running?.ended;
  disk?.[Symbol.dispose]();
  place?.[Symbol.dispose]();
  if (beside !== "") remove(beside);
  [place, running, disk, beside] = [undefined, undefined, undefined, ""];
});

// Only root can mount.
describe.runIf(userInfo().uid === 0)("where there is no room", () => {
  it.for(CASES)("$scenario: $end in $where at the step $step", async (one, { skip }) => {
    const outer = newPlace(ordinary());
    place = outer;
    beside = scratch(outer.user);
    disk = ENDS[one.end]?.(join(beside, "disk"), outer.user);
    if (!disk) return skip("there is no such file system here");
    const inner = placeOn(outer, one.where, disk.path);
    const scenario = SCENARIOS[one.scenario]?.(inner) as Scenario;
    const before = beginAgain(scenario);
    running = start(inner, scenario.argv);
    if (!(await reaches(running, one.step))) return skip(`there is no step ${one.step}`);
    disk.fill();
    const ended = await running.ended;
    const log = running.output();
    disk.release();
    expectSound(inner, scenario, {
      what: `${one.end} in ${one.where} at ${one.step}`,
      ended,
      log,
      before,
      codes: one.where === "the prefix" ? [6, 7] : [4, 5, 6, 7],
      says: SAYS,
    });
  });
});

/** Leaves a process whose words match no more memory; false when there was none while the build ran. */
async function limitMemory(place: Place, running: Running, pattern: RegExp): Promise<boolean> {
  while (!isOver(running)) {
    const pid = buildProcesses(place)
      .find((line) => pattern.test(line))
      ?.split(" ")[0];
    // By its own user: whether root may (CAP_SYS_RESOURCE) is another question.
    const options = userInfo().uid === 0 ? { uid: place.user.uid, gid: place.user.gid } : {};
    if (pid !== undefined && spawnSync("prlimit", ["--pid", pid, "--as=1:1"], options).status === 0)
      return true;
    await wait(2);
  }
  return false;
}

/** The process itself, not the runtime that started it. */
const SOLVERS =
  /^\d+ \S*python\S* -I \S*rattler_install\.py|^\d+ \S*python\S* .*-m pip install|^\d+ \S*\/uv pip install/;
/** mksquashfs with what an image needs and no more than that, found before the host's. */
const LIMITED = `#!/bin/sh
case $* in *env.sqfs* | *changes.sqfs*) ulimit -v 30000 ;; esac
exec /usr/bin/mksquashfs "$@"
`;
const NAMES = Object.keys(SCENARIOS);

const INSTALLING = ["install", "requirements", "post-install"];

describe("where memory is limited", () => {
  it.for(
    chosen(
      NAMES.filter((name) => STEPS_OF[name]?.some((step) => INSTALLING.includes(step))).map((scenario) => ({
        scenario,
      })),
      1,
    ),
  )("$scenario: the installer gets no more of it (RLIMIT_AS)", async ({ scenario: name }, { skip }) => {
    place = newPlace(ordinary());
    const scenario = SCENARIOS[name]?.(place) as Scenario;
    const before = beginAgain(scenario);
    running = start(place, scenario.argv);
    const struck = await limitMemory(place, running, SOLVERS);
    const ended = await running.ended;
    if (!struck) return skip("it was not there long enough");
    if (ended === 0) return skip("it had all that it wanted");
    const log = running.output();
    expectSound(place, scenario, {
      what: "memory of the installer limited (RLIMIT_AS)",
      ended,
      log,
      before,
      codes: [5],
      says: /memory|alloc|killed|Resource temporarily unavailable/i,
    });
  });

  it.for(
    chosen(
      NAMES.map((scenario) => ({ scenario })),
      1,
    ),
  )("$scenario: mksquashfs gets 30 MB of it (ulimit -v)", async ({ scenario: name }) => {
    place = newPlace(ordinary());
    const scenario = SCENARIOS[name]?.(place) as Scenario;
    const before = beginAgain(scenario);
    put(place, "bin/mksquashfs", LIMITED, 0o755);
    const path = `${join(place.directory, "bin")}:${baseEnvironment(place.user).PATH}`;
    running = start(place, scenario.argv, { PATH: path });
    const ended = await running.ended;
    const log = running.output();
    expectSound(place, scenario, {
      what: "memory of mksquashfs limited (ulimit -v)",
      ended,
      log,
      before,
      codes: [6],
      says: /memory|thread/i,
    });
  });

  // Version 1, where the limit of a group is a file of its own; what is over it is killed.
  const groups = "/sys/fs/cgroup/memory";
  it.runIf(userInfo().uid === 0 && existsSync(`${groups}/memory.limit_in_bytes`)).for(
    chosen(
      Object.keys(SCENARIOS).map((scenario) => ({ scenario })),
      1,
    ),
  )("$scenario: a control group with 60 MB", async ({ scenario: name }, { skip }) => {
    place = newPlace(ordinary());
    const scenario = SCENARIOS[name]?.(place) as Scenario;
    const before = beginAgain(scenario);
    const group = join(groups, `kapseli-faults-${process.pid}-${name.replaceAll(" ", "-")}`);
    mkdirSync(group);
    try {
      writeFileSync(join(group, "memory.limit_in_bytes"), String(60 * 1024 ** 2));
      running = start(place, scenario.argv);
      writeFileSync(join(group, "cgroup.procs"), String(running.pid));
      const ended = await running.ended;
      if (ended === 0) return skip("60 MB were enough");
      const log = running.output();
      killBuilds(place);
      expectSound(place, scenario, {
        what: "memory.limit_in_bytes of 60 MB",
        ended,
        log,
        before,
        codes: [4, 5, 6, 7],
        says: /memory|killed|SIGKILL/i,
      });
    } finally {
      // Its last process may still be ending.
      for (let tries = 0; existsSync(group) && tries < 100; tries++) {
        try {
          rmdirSync(group);
        } catch {
          await wait(20);
        }
      }
    }
  });
});

const FILES = chosen(
  ["new pip", "update pip", "new uv", "update uv", "update conda"].flatMap((scenario) =>
    ["", "trap '' XFSZ; "].map((trap) => ({ scenario, trap })),
  ),
  1,
);

describe("where files may not be large", () => {
  it.for(FILES)("$scenario: ulimit -f 1500 ($trap)", async ({ scenario: name, trap }, { skip }) => {
    place = newPlace(ordinary());
    const scenario = SCENARIOS[name]?.(place) as Scenario;
    const before = beginAgain(scenario);
    running = start(place, ["bash", "-c", `${trap}ulimit -f 1500; exec "$@"`, "bash", ...scenario.argv]);
    const ended = await running.ended;
    if (ended === 0) return skip("no file was larger");
    const log = running.output();
    expectSound(place, scenario, {
      what: "file size limited (RLIMIT_FSIZE)",
      ended,
      log,
      before,
      codes: [4, 5, 6],
      says: /ulimit -f/,
    });
  });
});
