/** Several at once on one prefix or one cache, and prefixes in places that are out of the ordinary. */
import { chmodSync, chownSync, lchownSync, readdirSync, utimesSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  emptyCache,
  expectBuilt,
  killBuilds,
  listing,
  newPlace,
  type Place,
  put,
  putEnv,
  type Running,
  start,
  until,
} from "../support/builds.ts";
import { type, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";
import { FULL, record, SEED, seeded } from "./record.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import { beginAgain, expectSound } from "./sound.ts";
import { reaches, wait } from "./steps.ts";

let place: Place;
let others: Running[] = [];
afterEach(async () => {
  killBuilds(place);
  await Promise.all(others.map(({ ended }) => ended));
  others = [];
  place[Symbol.dispose]();
});

function begin(name: string): { scenario: Scenario; before: string[] } {
  place = newPlace(ordinary());
  const scenario = SCENARIOS[name] as (place: Place) => Scenario;
  const made = scenario(place);
  return { scenario: made, before: beginAgain(made) };
}

function run(...argv: [string, ...string[]]): Running {
  const running = start(place, argv);
  others.push(running);
  return running;
}

const random = seeded(SEED);
/** Names for the table, and whether they are in the part that ./check runs. */
const NAMES = ["update conda", "update pip", "update uv", "new conda", "new pip", "new uv"];
const some = (most: number): string[] => (FULL ? NAMES : NAMES.slice(0, most));

describe("two at once on one prefix", () => {
  it.for(some(1).map((scenario) => ({ scenario, delay: Math.floor(random() * 1000) })))(
    "$scenario and the same again $delay ms later: one of them says who works there",
    async ({ scenario: name, delay }) => {
      const { scenario, before } = begin(name);
      const first = run(...scenario.argv);
      await wait(delay);
      const second = run(...scenario.argv);
      const ends = await Promise.all([first.ended, second.ended]);
      // The second may have begun after the first had ended.
      expect([0, 4]).toContain(ends[0]);
      expect(ends).toContain(0);
      const refused = [first, second].find((_, index) => ends[index] === 4);
      if (refused) expect(refused.output()).toContain(`another build works on ${scenario.prefix}`);
      expect(scenario.ask()).toBe(scenario.after);
      if (refused) expectSound(place, scenario, { what: "two at once", ended: 0, log: "", before });
    },
  );

  it.for(["rollback", "update", "new"].slice(0, FULL ? 3 : 1).map((other) => ({ other })))(
    "an update and a $other: both end well, or one says who works there",
    async ({ other }) => {
      const { scenario, before } = begin("update conda");
      expectBuilt(place, type(place, scenario.argv));
      const commands: Record<string, [string, ...string[]]> = {
        rollback: ["kapseli", "rollback", "env"],
        update: ["conda-containerize", "update", "env"],
        new: ["conda-containerize", "new", "--engine", "rattler", "--prefix", "env", "env.yml"],
      };
      const first = run(...scenario.argv);
      expect(await reaches(first, "post-install")).toBe(true);
      const second = run(...(commands[other] ?? ["false"]));
      const ends = await Promise.all([first.ended, second.ended]);
      expect(ends[0], first.output()).toBe(0);
      expect([0, 4], second.output()).toContain(ends[1]);
      expect(["1.0", "2.0"]).toContain(scenario.ask());
      expectBuilt(place, type(place, scenario.argv));
      expectSound(place, scenario, { what: `an update and a ${other} at once`, ended: 0, log: "", before });
    },
  );
});

describe("an update", () => {
  it("while programs of the environment start in a loop: none fails, each answers as before or after", async () => {
    const { scenario, before } = begin("update conda");
    const loop = `fails=0; n=0; until [ -e stop ]; do n=$((n+1)); env/bin/kapseli-versions >>answers 2>>failures || fails=$((fails+1)); done; echo "$n $fails" >>ends`;
    const loops = Array.from({ length: 20 }, () => run("sh", "-c", loop));
    await until("the first answers", () => readdirSync(place.directory).includes("answers"));
    const updated = start(place, scenario.argv);
    const ended = await updated.ended;
    put(place, "stop", "");
    await Promise.all(loops.map(({ ended: end }) => end));
    expect(ended, updated.output()).toBe(0);
    const answers = typeWell(place, ["sort", "answers"]).stdout.trim().split("\n");
    expect([...new Set(answers)].sort()).toEqual(["1.0", "2.0"]);
    expect(typeWell(place, ["cat", "failures"]).stdout).toBe("");
    const ends = typeWell(place, ["cat", "ends"]).stdout.trim().split("\n");
    expect(ends.map((line) => line.split(" ")[1])).toEqual(Array(20).fill("0"));
    expectSound(place, scenario, {
      what: "20 loops of starts meanwhile",
      ended,
      log: updated.output(),
      before,
    });
  });

  it("while a program of it runs: that one goes on to its end", async () => {
    const { scenario, before } = begin("update pip");
    const program = `import time, os\nprint('up', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.05)\nimport cowsay, decimal\nprint(decimal.Decimal(1), cowsay.__name__)`;
    const running = run("env/bin/python3", "-c", program);
    await until("the program", () => running.output().includes("up"));
    const updated = type(place, scenario.argv);
    put(place, "go", "");
    expect(await running.ended, running.output()).toBe(0);
    expect(running.output()).toBe("up\n1 cowsay\n");
    expectSound(place, scenario, {
      what: "a program that runs meanwhile",
      ended: updated.exitCode ?? "?",
      log: updated.stdout,
      before,
    });
  });
});

describe("builds that share a cache", () => {
  it.for(["rattler", "uv", "pip"].slice(0, FULL ? 3 : 1).map((installer) => ({ installer })))(
    "$installer: three at once with an empty one",
    async ({ installer }) => {
      place = newPlace(ordinary());
      putEnv(place, "kapseli-versions=1.0, kapseli-postlink");
      put(place, "one.txt", "cowsay==6.1\n");
      const env = {
        ...emptyCache(place, "cache"),
        UV_CACHE_DIR: put(place, "uv"),
        PIP_CACHE_DIR: put(place, "pip"),
      };
      const words =
        installer === "rattler"
          ? ["conda-containerize", "new", "--engine", "rattler", "env.yml"]
          : ["pip-containerize", "new", ...(installer === "uv" ? ["--uv"] : []), "one.txt"];
      const builds = [1, 2, 3].map((number) => {
        const [tool = "", command = "", ...rest] = words;
        const running = start(place, [tool, command, "--prefix", `env${number}`, ...rest], env);
        others.push(running);
        return running;
      });
      const ends = await Promise.all(builds.map(({ ended }) => ended));
      expect(ends, builds.map((one) => one.output()).join("\n")).toEqual([0, 0, 0]);
      for (const number of [1, 2, 3]) {
        const argv: [string, ...string[]] =
          installer === "rattler"
            ? [`env${number}/bin/kapseli-versions`]
            : [`env${number}/bin/python3`, "-c", "import cowsay; print(cowsay.__name__)"];
        typeWell(place, argv);
      }
      record({
        scenario: `new ${installer}`,
        fault: "three at once with one cache",
        ended: 0,
        answers: "after",
      });
    },
  );
});

/** Puts a lock into the prefix as a build would have left it. */
function lock(more: Record<string, unknown>): void {
  const holder = {
    host: hostname(),
    boot: "00000000-0000-0000-0000-000000000000",
    pid: 1,
    start: "1",
    user: "somebody",
    since: "2020-01-01T00:00:00.000Z",
    ...more,
  };
  typeWell(place, ["ln", "-s", JSON.stringify(holder), "env/.kapseli.lock"]);
}

describe("a prefix", () => {
  it("with the lock of another boot is taken over", async () => {
    const { scenario, before } = begin("update conda");
    lock({ pid: process.pid });
    const updated = type(place, scenario.argv);
    expect(updated.exitCode, updated.stderr).toBe(0);
    expectSound(place, scenario, { what: "a lock of another boot", ended: 0, log: updated.stdout, before });
  });

  it("with the lock of another host is left alone, and the way out is named", () => {
    const { scenario, before } = begin("update conda");
    lock({ host: "another-host" });
    const refused = type(place, scenario.argv);
    typeWell(place, ["rm", "env/.kapseli.lock"]);
    expectSound(place, scenario, {
      what: "a lock of another host",
      codes: [4],
      ended: refused.exitCode ?? "?",
      log: refused.stdout + refused.stderr,
      before,
      says: /another-host[\s\S]*If that host is gone, remove \S+\.kapseli\.lock/,
    });
  });

  it("whose files are of tomorrow (a clock set back) is updated", () => {
    const { scenario, before } = begin("update conda");
    const tomorrow = new Date(Date.now() + 86_400_000);
    for (const entry of readdirSync(scenario.prefix, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) utimesSync(join(entry.parentPath, entry.name), tomorrow, tomorrow);
    }
    expect(scenario.ask()).toBe(scenario.before);
    const updated = type(place, scenario.argv);
    expectSound(place, scenario, {
      what: "a clock set back",
      ended: updated.exitCode ?? "?",
      log: updated.stdout,
      before,
    });
  });

  it("that may not be written works, and is not updated", () => {
    const { scenario } = begin("update conda");
    chmodSync(scenario.prefix, 0o555);
    const before = listing(scenario.prefix);
    const refused = type(place, scenario.argv);
    expect(refused.exitCode, refused.stdout).toBe(4);
    expect(listing(scenario.prefix)).toEqual(before);
    expect(scenario.ask()).toBe(scenario.before);
    chmodSync(scenario.prefix, 0o755);
    expectSound(place, scenario, {
      what: "a prefix that may not be written",
      codes: [4],
      ended: 4,
      log: refused.stdout + refused.stderr,
      before: listing(scenario.prefix),
    });
  });

  it("on a file system without hard links", () => {
    const { scenario, before } = begin("update conda");
    const calls = "link,linkat";
    // The kernel refuses the call, as such a file system does.
    const inject = ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=EPERM`];
    const argv = ["strace", "-f", "-o", "/dev/null", "--seccomp-bpf", ...inject, ...scenario.argv];
    const ran = type(place, argv as [string, ...string[]]);
    const log = ran.stdout + ran.stderr;
    expect(ran.exitCode, log).toBe(0);
    expectSound(place, scenario, { what: "no hard links (strace injects EPERM)", ended: 0, log, before });
  });

  // Only root can give a link away.
  it.runIf(userInfo().uid === 0)("in which `current` cannot be replaced by renaming", () => {
    const { scenario } = begin("update conda");
    const current = join(scenario.prefix, "current");
    const { uid, gid } = place.user;
    // In a directory with the sticky bit only a link's owner may rename over it.
    lchownSync(current, 0, 0);
    chownSync(scenario.prefix, 0, gid);
    chmodSync(scenario.prefix, 0o1775);
    // Commands are put back as they were, but for their times.
    const withoutTimes = (): string[] => listing(scenario.prefix).map((line) => line.replace(/ [\d.]+$/, ""));
    const before = withoutTimes();
    const ran = type(place, scenario.argv);
    const log = ran.stdout + ran.stderr;
    expect(ran.exitCode, log).not.toBe(0);
    expect(withoutTimes()).toEqual(before);
    chownSync(scenario.prefix, uid, gid);
    expectSound(place, scenario, {
      what: "current cannot be replaced (sticky bit)",
      ended: ran.exitCode ?? "?",
      log,
      before: listing(scenario.prefix),
      codes: [7],
      says: /current/,
    });
  });
});

// Only root can act as two users.
describe.runIf(userInfo().uid === 0)("two users of one group", () => {
  it("update one prefix at once: one of them says who works there, and it works for both", async () => {
    const { scenario, before } = begin("update conda");
    chmodSync(place.directory, 0o2775);
    typeWell(place, ["chmod", "-R", "g+rwX", "env"]);
    const first = run(...scenario.argv);
    expect(await reaches(first, "post-install")).toBe(true);
    // An account of every system that nobody logs in to, as a member of the group.
    const other = { name: "daemon", uid: 1, gid: place.user.gid, home: "/tmp" };
    const elsewhere = {
      KAPSELI_CACHE: "/tmp/kapseli-faults-nobody",
      CW_BUILD_TMPDIR: "/tmp",
      TMPDIR: "/tmp",
    };
    const words = ["sh", "-c", 'umask 007; exec "$@"', "sh", ...scenario.argv] as const;
    const second = start({ ...place, user: other }, words, elsewhere);
    others.push(second);
    const code = await second.ended;
    expect(await first.ended, first.output()).toBe(0);
    expect(code, second.output()).toBe(4);
    expect(second.output()).toContain(`of ${place.user.name}`);
    expectSound(place, scenario, { what: "another one of the group at once", ended: 0, log: "", before });
  });
});
