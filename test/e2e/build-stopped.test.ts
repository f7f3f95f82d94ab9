import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  build,
  buildProcesses,
  call,
  emptyCache,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  killBuilds,
  listing,
  newPlace,
  type Place,
  put,
  putEnv,
  type Running,
  startBuild,
  until,
} from "../support/builds.ts";
import { type ChannelServer, serveChannel } from "../support/channel-server.ts";
import { baseEnvironment, ordinary } from "../support/real.ts";

type Signal = "SIGINT" | "SIGTERM" | "SIGHUP";
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

let place: Place;
let server: ChannelServer | undefined;
let running: Running | undefined;
beforeEach(() => {
  place = newPlace(ordinary());
});
afterEach(async () => {
  // Only where a test failed is there something to end.
  killBuilds(place);
  await running?.ended;
  await server?.stop();
  running = undefined;
  server = undefined;
  place[Symbol.dispose]();
});

/** Ctrl-C on a terminal goes to the whole process group; a batch system's signals to the process. */
function stop(build: Running, signal: Signal): void {
  process.kill(signal === "SIGINT" ? -build.pid : build.pid, signal);
}

const prefix = (): string => join(place.directory, "env");

/** A channel from which the first requests for a path never get their whole answer. */
async function stalling(pattern: string): Promise<void> {
  server = await serveChannel({ faults: [`${pattern}=stall:50*1`] });
  put(place, "env.yml", `channels: [${server.url}, nodefaults]\ndependencies: [kapseli-versions=2.0]\n`);
}

const asked = (name: string) => () => server?.requests().some((line) => line.includes(name));

/** A project whose build says that it has begun and then takes for ever, unless it may go on. */
function sleepingProject(): string {
  const begun = join(place.directory, "begun");
  const code = `import os, pathlib, time
from setuptools import setup
pathlib.Path(${JSON.stringify(begun)}).touch()
while not os.path.exists(${JSON.stringify(join(place.directory, "go-on"))}): time.sleep(0.05)
setup(name="sleeping", version="1", py_modules=["sleeping"], entry_points={"console_scripts": ["awake=sleeping:main"]})
`;
  put(place, "sleeping/setup.py", code);
  put(place, "sleeping/sleeping.py", "def main():\n    print('awake')\n");
  put(place, "requirements.txt", "./sleeping\n");
  return begun;
}

/** Where a build is stopped: how it is started, and by what one sees that it is there. */
const PLACES: Record<string, () => Promise<{ started: Running; there: () => boolean | undefined }>> = {
  "looking for an engine": async () => {
    await stalling("*/repodata.json*");
    const started = startBuild(
      place,
      "conda-containerize",
      ["--prefix", "env", "env.yml"],
      emptyCache(place, "c"),
    );
    return { started, there: asked("repodata") };
  },
  "reading a channel": async () => {
    await stalling("*/repodata.json*");
    const args = ["--prefix", "env", "--engine", "rattler", "env.yml"];
    return {
      started: startBuild(place, "conda-containerize", args, emptyCache(place, "c")),
      there: asked("repodata"),
    };
  },
  "downloading a package": async () => {
    await stalling("*/kapseli-versions*");
    const args = ["--prefix", "env", "--engine", "rattler", "env.yml"];
    const started = startBuild(place, "conda-containerize", args, emptyCache(place, "c"));
    return { started, there: asked("kapseli-versions") };
  },
  "building a package with pip": async () => {
    const begun = sleepingProject();
    const started = startBuild(place, "pip-containerize", ["--prefix", "env", "requirements.txt"]);
    return { started, there: () => existsSync(begun) };
  },
  "building a package with uv": async () => {
    const begun = sleepingProject();
    const started = startBuild(place, "pip-containerize", ["--uv", "--prefix", "env", "requirements.txt"]);
    return { started, there: () => existsSync(begun) };
  },
  compiling: async () => {
    // A file that takes the compiler long.
    put(place, "long/long.py", `x = [\n${"{'a': (1, b, [c, d + 1, e.f(2)])},\n".repeat(700_000)}]\n`);
    put(
      place,
      "long/setup.py",
      "from setuptools import setup\nsetup(name='long', version='1', py_modules=['long'])\n",
    );
    put(place, "requirements.txt", "./long\n");
    const started = startBuild(place, "pip-containerize", ["--uv", "--prefix", "env", "requirements.txt"]);
    return { started, there: () => buildProcesses(place).some((line) => line.includes("compileall")) };
  },
  packing: async () => {
    // Does what mksquashfs does for the trial's images, and never ends for the environment's.
    const begun = join(place.directory, "begun");
    const script = `#!/bin/sh\ncase "$*" in *env.sqfs*) : >"${begun}"; sleep 600; exit 1 ;; esac\nexec /usr/bin/mksquashfs "$@"\n`;
    put(place, "bin/mksquashfs", script, 0o755);
    putEnv(place, "kapseli-versions=2.0");
    const args = ["--prefix", "env", "--engine", "rattler", "env.yml"];
    const PATH = `${join(place.directory, "bin")}:${baseEnvironment(place.user).PATH}`;
    return {
      started: startBuild(place, "conda-containerize", args, { PATH }),
      there: () => existsSync(begun),
    };
  },
};

describe.each<[string, Signal[]]>([
  ["looking for an engine", ["SIGTERM"]],
  ["reading a channel", ["SIGINT"]],
  ["downloading a package", ["SIGINT", "SIGTERM", "SIGHUP"]],
  ["building a package with pip", ["SIGINT", "SIGTERM", "SIGHUP"]],
  ["building a package with uv", ["SIGTERM"]],
  ["compiling", ["SIGINT"]],
  ["packing", ["SIGTERM", "SIGHUP"]],
])("a build stopped while %s", (where, signals) => {
  it.each(signals.map((signal) => [signal]))("by %s leaves nothing behind and says so", async (signal) => {
    const begin = PLACES[where];
    if (!begin) throw new RangeError(`nothing begins ${where}`);
    const { started, there } = await begin();
    running = started;
    await until(`a build ${where}: ${started.output()}`, there);
    stop(started, signal);
    expect(await started.ended).toBe(CODES[signal]);
    expect(started.output()).toContain(`Interrupted by ${signal}`);
    expectNothingLeft(place, prefix());
    expect(readdirSync(place.logs)).toHaveLength(1);
  });
});

describe("after a build was stopped", () => {
  it("the same command succeeds", async () => {
    await stalling("*/kapseli-versions*");
    const cache = emptyCache(place, "c");
    const args = ["--prefix", "env", "--engine", "rattler", "env.yml"];
    running = startBuild(place, "conda-containerize", args, cache);
    await until("the download", asked("kapseli-versions"));
    stop(running, "SIGTERM");
    expect(await running.ended).toBe(143);
    expectBuilt(place, build(place, "conda-containerize", args, { env: cache }));
    expect(call(place, [join(prefix(), "bin/kapseli-versions")]).stdout).toBe("2.0\n");
  });

  it("an environment that was there is as it was, and works", async () => {
    const args = ["--prefix", "env", "--engine", "rattler"];
    putEnv(place, "kapseli-versions=1.0", "", "first.yml");
    expectBuilt(place, build(place, "conda-containerize", [...args, "first.yml"]));
    const before = listing(prefix());
    await stalling("*/kapseli-versions*");
    running = startBuild(place, "conda-containerize", [...args, "env.yml"], emptyCache(place, "c"));
    await until("the download", asked("kapseli-versions"));
    stop(running, "SIGINT");
    // A second Ctrl-C of somebody impatient.
    stop(running, "SIGINT");
    expect(await running.ended).toBe(130);
    expectNothingLeft(place, prefix(), before);
    expect(call(place, [join(prefix(), "bin/kapseli-versions")]).stdout).toBe("1.0\n");
  });
});

describe("a build that was killed", () => {
  it("leaves what the next one removes: its work directory, its lock, its unfinished generation", async () => {
    const begun = sleepingProject();
    const args = ["--prefix", "env", "requirements.txt"];
    running = startBuild(place, "pip-containerize", args);
    await until("the package's build", () => existsSync(begun));
    running.child.kill("SIGKILL");
    expect(await running.ended).toBe("SIGKILL");
    const left = readdirSync(place.work);
    expect(left).toEqual([expect.stringMatching(/^cw-[A-Z0-9]{6}$/)]);
    expect(readdirSync(prefix())).toContain(".kapseli.lock");
    // Nobody but the kernel ends what a killed process started: here the test does.
    killBuilds(place);
    await until("the end of what it started", () => buildProcesses(place).length === 0);

    put(place, "go-on", "");
    const again = build(place, "pip-containerize", args);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(readdirSync(place.work)).toEqual([]);
    expect(readdirSync(prefix())).not.toContain(".kapseli.lock");
    expect(call(place, [join(prefix(), "bin/awake")]).stdout).toBe("awake\n");
    const { generation } = JSON.parse(readFileSync(join(prefix(), "current/manifest.json"), "utf8"));
    expect(readdirSync(join(prefix(), "generations"))).toEqual([String(generation)]);
  });
});

describe("two builds on one prefix", () => {
  it("the second says who works there, and the first ends undisturbed", async () => {
    sleepingProject();
    putEnv(place, "kapseli-versions=1.0");
    running = startBuild(place, "pip-containerize", ["--prefix", "env", "requirements.txt"]);
    await until("the package's build", () => existsSync(join(place.directory, "begun")));
    const second = build(place, "conda-containerize", ["--prefix", "env", "env.yml"]);
    expectRefused(
      second,
      4,
      `another build works on ${prefix()}`,
      `process ${running.pid} of ${place.user.name}`,
    );
    put(place, "go-on", "");
    expect(await running.ended, running.output()).toBe(0);
    expect(call(place, [join(prefix(), "bin/awake")]).stdout).toBe("awake\n");
    expect(readdirSync(join(prefix(), "generations"))).toEqual(["1"]);
  });

  it("on two prefixes at once both succeed", async () => {
    putEnv(place, "kapseli-versions=1.0");
    const names = ["one", "two"];
    const both = names.map((name) =>
      startBuild(place, "conda-containerize", ["--prefix", name, "--engine", "rattler", "env.yml"]),
    );
    expect(await Promise.all(both.map((one) => one.ended))).toEqual([0, 0]);
    for (const name of names) {
      expect(call(place, [join(place.directory, name, "bin/kapseli-versions")]).stdout).toBe("1.0\n");
    }
  });
});
