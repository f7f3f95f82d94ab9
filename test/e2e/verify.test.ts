/** A real environment, damaged in every way that can happen to files, is told and mended; and rebuild, doctor, clean. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processTable } from "../../src/host/process-table.ts";
import { lookAtArgv, parseLook } from "../../src/tools/look-at.ts";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  put,
  putEnv,
  start,
  until,
} from "../support/builds.ts";
import { ordinary, runAs } from "../support/real.ts";

let place: Place;
let prefix = "";
const kapseli = (...args: string[]) =>
  runAs(place.user, ["kapseli", ...args], { cwd: place.directory, env: place.environment });
const shell = (line: string) => {
  const ran = runAs(place.user, ["sh", "-ec", line], { cwd: place.directory });
  if (ran.exitCode !== 0) throw new Error(`${line}: ${ran.stderr}`);
};
/** The environment works: a program of it runs, whichever generation it is. */
const expectWorks = () => {
  const ran = call(place, [join(prefix, "bin/python3"), "-c", "import cowsay; print(cowsay.__name__)"]);
  expect(ran.exitCode, ran.stderr).toBe(0);
  expect(ran.stdout).toBe("cowsay\n");
};

beforeAll(() => {
  place = newPlace(ordinary());
  prefix = join(place.directory, "env");
  const file = putEnv(place, "python=3.11, cowsay, kapseli-text-prefix");
  expectBuilt(place, build(place, "conda-containerize", ["--engine", "rattler", "--prefix", "env", file]));
  // The second generation is the same packages again.
  const again = kapseli("rebuild", "env");
  expectBuilt(place, again);
  shell("cp -a env saved");
});
afterAll(() => place?.[Symbol.dispose]());

describe("kapseli rebuild and lock", () => {
  it("made the same packages again, and remembers what was asked for first", () => {
    const lock = (number: number) =>
      readFileSync(join(prefix, `generations/${number}/environment.lock`), "utf8");
    expect(lock(2)).toBe(lock(1));
    expect(lock(2)).toMatch(/^@EXPLICIT\n(file:\S+#sha256:[0-9a-f]{64}\n)+$/m);
    expect(readdirSync(join(prefix, "current/inputs/0"))).toEqual(["env.yml"]);
    const printed = kapseli("lock", "env");
    expect(printed).toMatchObject({ exitCode: 0, stdout: lock(2) });
    expect(printed.stderr).toMatch(/\d+ conda packages \(each with a hash\) for linux-64/);
  });

  it("makes them elsewhere from the file alone", () => {
    put(place, "environment.lock", readFileSync(join(prefix, "current/environment.lock")));
    expectBuilt(place, kapseli("rebuild", "environment.lock", "--prefix", "elsewhere"));
    expect(call(place, [join(place.directory, "elsewhere/bin/cowsay"), "-t", "hi"]).stdout).toContain("hi");
    shell("rm -rf elsewhere");
  });
});

describe("kapseli verify on a whole environment", () => {
  it("compares, starts, imports what the input names, and changes nothing", () => {
    const ran = kapseli("verify", "--json", "env");
    expect(ran.exitCode, ran.stdout).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      schema: "kapseli.verify/1",
      ok: true,
      started: true,
      generation: 2,
      findings: [],
      imports: [
        { name: "cowsay", state: "imported", modules: ["cowsay"] },
        { name: "kapseli-text-prefix", state: "no-modules" },
      ],
    });
    expectNothingLeft(place, join(place.directory, "nothing"));
  });
});

/** What happens, the shell line that does it, what verify says, what the launcher says, and the generation after. */
const DAMAGES: [string, string, RegExp, RegExp | undefined, number][] = [
  [
    "a byte of the image is flipped",
    "printf '\\377\\000' | dd of=env/current/env.sqfs bs=1 seek=20000 conv=notrunc status=none",
    /the image \S+ is damaged: its sha256/,
    undefined,
    1,
  ],
  [
    "the image is cut",
    "truncate -s -100000 env/current/env.sqfs",
    /the image \S+ is cut: it has \d+ bytes, and had \d+/,
    /^kapseli: python3: the image \S+ is cut; mend it with kapseli verify --repair \S+\/env, or [^\n]*\n$/,
    1,
  ],
  [
    "launchers are removed",
    "rm env/bin/python3 env/current/launcher.sh; [ ! -e env/current/interpreter ] || echo x >env/current/interpreter",
    /launcher\.sh is missing[\s\S]*the command python3 in \S+ is missing/,
    undefined,
    2,
  ],
  [
    "launcher.sh is cut",
    "truncate -s 2000 env/current/launcher.sh",
    /launcher\.sh (?:is cut|was changed)/,
    undefined,
    2,
  ],
  [
    "the lock is changed and current leads nowhere",
    "sed -i s/cowsay/cowsaz/ env/current/environment.lock; ln -sfn generations/7 env/current",
    /current leads to generation 7, which is gone/,
    /damaged or gone .*mend it with kapseli verify --repair \S+\/env,/,
    2,
  ],
  [
    "the manifest is cut and records are purged",
    "truncate -s 200 env/current/manifest.json; rm -r env/current/environment.lock env/current/root env/current/share/conf.yaml",
    /the manifest is not valid JSON/,
    undefined,
    2,
  ],
];

describe.each(DAMAGES)("when %s", (_what, line, says, launcherSays, generation) => {
  it("verify says so and ends with 7, --repair mends it, and a program runs", () => {
    shell(`rm -rf env; cp -a saved env; ${line}`);
    const found = kapseli("verify", "env");
    expect(found.exitCode, found.stdout).toBe(7);
    expect(found.stdout).toMatch(says);
    expect(found.stdout).toContain(`kapseli verify --repair ${prefix}`);
    if (launcherSays) {
      const ran = call(place, [join(prefix, "bin/python3"), "-V"]);
      expect(ran.stderr).toMatch(launcherSays);
      expect(ran.exitCode).toBe(1);
    }
    const mended = kapseli("verify", "--repair", "--yes", "env");
    expect(mended.exitCode, mended.stdout + mended.stderr).toBe(0);
    expect(mended.stdout).toContain(`generation ${generation} (with`);
    expect(mended.stdout).toMatch(/programs start, 1 package imported/);
    expectWorks();
    shell(
      `cmp env/generations/${generation}/environment.lock saved/generations/${generation}/environment.lock`,
    );
    expectNothingLeft(place, join(place.directory, "nothing"));
  });
});

describe("where no generation is whole", () => {
  it("--repair builds the same packages again from the lock", () => {
    shell("rm -rf env; cp -a saved env; rm -r env/generations/1; rm env/current/env.sqfs");
    const mended = kapseli("verify", "--repair", "--yes", "env");
    expect(mended.exitCode, mended.stdout + mended.stderr).toBe(0);
    expect(mended.stdout).toContain("the packages of generation 2, built again");
    expectWorks();
    expectNothingLeft(place, join(place.directory, "nothing"));
  });
});

describe("a place where no build can work", () => {
  it("is refused before anything is made: nothing can be started from it", () => {
    const file = putEnv(place, "cowsay", "", "noexec.yml");
    const line = `mkdir -p noexec && mount -t tmpfs -o noexec none noexec && CW_BUILD_TMPDIR=$PWD/noexec conda-containerize new --engine rattler --prefix new ${file}`;
    const ran = runAs(place.user, ["unshare", "-rm", "sh", "-ec", line], {
      cwd: place.directory,
      env: place.environment,
    });
    expectRefused(ran, 4, "from which no program can be started (noexec)", "--tmpdir");
    expectNothingLeft(place, join(place.directory, "new"));
  });

  it("a directory that does not answer keeps none of the others waiting", () => {
    const [file, ...args] = lookAtArgv(["/usr", join(place.directory, "hang"), "/etc"]);
    // A server of a file system that is stopped answers nobody.
    const line = `mkdir hang; squashfuse_ll -f saved/current/env.sqfs hang & server=$!
      until [ -d hang/bin ]; do sleep 0.05; done
      kill -STOP $server
      timeout -s KILL 2 "$@" || :
      kill -CONT $server; sleep 0.2; fusermount3 -u hang || fusermount -u hang; wait $server; rmdir hang`;
    const ran = runAs(place.user, ["sh", "-c", line, "sh", file, ...args], { cwd: place.directory });
    expect(parseLook(["/usr", "hang", "/etc"], ran.stdout)).toEqual(["yes", "hangs", "yes"]);
  });
});

describe("kapseli doctor", () => {
  it("says that builds work here, having tried, and leaves nothing", () => {
    const env = {
      ...place.environment,
      CONDA_CHANNELS: "file:///nonexistent",
      PIP_INDEX_URL: "http://127.0.0.1:9/",
    };
    const ran = runAs(place.user, ["kapseli", "doctor", "--json"], { cwd: place.directory, env });
    expect(ran.exitCode, ran.stdout).toBe(0);
    const { checks } = JSON.parse(ran.stdout) as { checks: { id: string; state: string; detail: string }[] };
    expect(checks.find(({ id }) => id === "trial")).toMatchObject({
      state: "ok",
      detail: expect.stringMatching(/^works: images by \w+, \w+, base as directory/),
    });
    expect(ran.stdout).not.toContain(place.user.home);
    expectNothingLeft(place, join(place.directory, "nothing"));
  });
});

describe("kapseli clean", () => {
  /** Starts a program of the environment, until it runs. @returns its runtime's process and its image's server. */
  async function started(): Promise<{ runtime: number; server: number; said(): string }> {
    const running = start(place, [
      join(prefix, "bin/python3"),
      "-c",
      "import time; print('runs', flush=True); time.sleep(250)",
    ]);
    await until(`the program to run: ${running.output()}`, () => running.output().includes("runs"));
    const runtime = running.pid;
    const server = await until(
      "the image's server",
      () => processTable().find((one) => one.parent === runtime && one.name === "squashfuse_ll")?.pid,
    );
    return { runtime, server, said: running.output };
  }
  /** A zombie is none: who is to notice that it has ended is not ours. */
  const serves = (pid: number): boolean =>
    processTable().some((one) => one.pid === pid && one.name === "squashfuse_ll");

  it("ends the server of a container whose runtime was killed, not that of one that runs", async () => {
    shell("rm -rf env; cp -a saved env");
    const [killed, running] = [await started(), await started()];
    try {
      process.kill(killed.runtime, "SIGKILL");
      const listed = () => kapseli("clean", "processes", "--dry-run").stdout;
      // One that has just been started may be of a container that is on its way.
      await until(
        "the server to be taken for left",
        () => listed().includes(`process ${killed.server} `),
        60,
      );
      expect(listed()).not.toContain(`process ${running.server} `);
      expect(serves(killed.server), "the one that was killed, before it is cleaned up").toBe(true);
      expect(kapseli("clean", "processes", "--yes").exitCode).toBe(0);
      expect(serves(killed.server), "the one that was killed").toBe(false);
      expect(serves(running.server), `the one that runs: ${running.said()}`).toBe(true);
    } finally {
      process.kill(running.runtime, "SIGTERM");
    }
  });
});
