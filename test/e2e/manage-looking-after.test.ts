import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OBJECTS } from "../../src/report/objects.ts";
import {
  build,
  call,
  expectBuilt,
  newPlace,
  type Place,
  put,
  putEnv,
  type Running,
  start,
  until,
} from "../support/builds.ts";
import { SQUASHFUSE } from "../support/launcher-environment.ts";
import { ordinary, type RunAs, runAs } from "../support/real.ts";

const TERMINAL = fileURLToPath(new URL("../support/terminal.py", import.meta.url));

describe("looking after a real environment", () => {
  let place: Place;
  let prefix = "";
  let held: Running;
  const kapseli = (args: string[], options: RunAs = {}) =>
    runAs(place.user, ["kapseli", ...args], { cwd: place.directory, ...options });
  const ask = <N extends keyof typeof OBJECTS>(name: N, ...args: string[]) => {
    const { stdout, stderr } = kapseli([...args, "--json"]);
    expect(stdout, stderr).toMatch(/^\{"schema":/);
    return OBJECTS[name].parse(JSON.parse(stdout));
  };
  const conda = (file: string) =>
    build(place, "conda-containerize", ["--engine", "rattler", "--prefix", "envs/env", file]);
  const generations = () => readdirSync(join(prefix, "generations")).sort();

  // Three generations; a program that runs from the first one goes on all the time.
  beforeAll(async () => {
    place = newPlace(ordinary());
    prefix = join(place.directory, "envs", "env");
    put(place, "envs");
    putEnv(place, "kapseli-versions=1.0", "", "first.yml");
    putEnv(place, "kapseli-versions=2.0, kapseli-activate", "", "second.yml");
    expectBuilt(place, conda("first.yml"));
    held = start(place, ["kapseli", "run", prefix, "--", "sh", "-c", "echo running; sleep 600"], {
      KAPSELI_E2E_MARK: "held",
    });
    await until("the program", () => held.output().includes("running"));
    for (const file of ["second.yml", "first.yml"]) {
      const ran = conda(file);
      expect(ran.exitCode, ran.stderr).toBe(0);
    }
  });
  afterAll(() => {
    held?.child.kill("SIGKILL");
    place[Symbol.dispose]();
  });

  it("list finds it and says how large it is, in the words of du", () => {
    const { environments } = OBJECTS.list.parse(ask("list", "list", "envs"));
    expect(environments).toMatchObject([
      { prefix, state: "ok", problems: [], kind: "conda", base: "host", generation: 3, generations: 3 },
    ]);
    const du = call(place, ["du", "--apparent-size", "--block-size=1", "--inodes", "-s", prefix]).stdout;
    expect(environments[0]?.inodes).toBe(Number(du.split("\t")[0]));
    expect(kapseli(["list", "envs"]).stdout).toContain(" ok ");
  });

  it("info, diff, log and generations agree with what was built", () => {
    const info = OBJECTS.info.parse(ask("info", "info", "envs/env"));
    expect(info).toMatchObject({
      state: "ok",
      engine: { name: "rattler" },
      inputs: [{ name: "first.yml" }],
      packages: [{ source: "conda", name: "kapseli-versions", version: "1.0" }],
      generations: [{ number: 3, current: true }, { number: 2 }, { number: 1 }],
    });
    expect(info.commands).toContain("kapseli-only-in-1");
    expect(kapseli(["info", "envs/env"]).stdout).toMatch(
      /\n1 conda package:\n {2}kapseli-versions {2}1\.0\n/,
    );
    const changes = OBJECTS.diff.parse(ask("diff", "diff", "envs/env@1", "envs/env@2"));
    expect(changes.packages).toEqual([
      { source: "conda", name: "kapseli-activate", change: "added", a: null, b: "1.0" },
      { source: "conda", name: "kapseli-versions", change: "changed", a: "1.0", b: "2.0" },
    ]);
    expect(changes.commands).toEqual({
      added: expect.arrayContaining(["kapseli-only-in-2"]),
      removed: ["kapseli-only-in-1"],
    });
    expect(changes.settings.map(({ name }) => name)).toContain("input second.yml");
    expect(ask("diff", "diff", "envs/env@1", "envs/env")).toMatchObject({ same: true });
    expect(kapseli(["log", "envs/env", "2"]).stdout).toBe(
      readFileSync(join(prefix, "generations/2/build.log"), "utf8"),
    );
  });

  it("prune leaves the generation from which a program runs, and that program, until it has ended", async () => {
    expect(ask("prune", "prune", "--now", "envs/env")).toMatchObject({
      environments: [
        {
          generations: [
            { number: 3, why: "current" },
            { number: 2, why: "previous" },
            { number: 1, why: "in use" },
          ],
          freed: { size: 0 },
        },
      ],
    });
    expect(generations()).toEqual(["1", "2", "3"]);
    held.child.kill("SIGTERM");
    process.kill(-held.pid, "SIGTERM");
    await held.ended;
    // The file server of the image ends after the program.
    const pruned = await until("the image to be free", () => {
      const object = OBJECTS.prune.parse(ask("prune", "prune", "--now", "envs/env"));
      return object.environments[0]?.generations.some(({ goes }) => goes) && object;
    });
    expect(pruned.environments[0]?.freed.size).toBeGreaterThan(1000);
    expect(generations()).toEqual(["2", "3"]);
    expect(kapseli(["prune", "envs/env"]).stdout).toContain("freed 0 kB");
    expect(call(place, [join(prefix, "bin/kapseli-versions")]).stdout).toBe("1.0\n");
  });

  it("remove is refused while a program runs, and without the right to write; nothing is changed", async () => {
    const running = start(place, ["kapseli", "run", prefix, "--", "sh", "-c", "echo running; sleep 600"]);
    await until("the program", () => running.output().includes("running"));
    const refused = kapseli(["remove", "--yes", "envs/env"]);
    process.kill(-running.pid, "SIGTERM");
    await running.ended;
    expect(refused).toMatchObject({ exitCode: 4, stdout: expect.stringContaining("is in use on this host") });
    expect(refused.stderr).toContain("sleep 600");
    runAs(place.user, ["chmod", "a-w", prefix]);
    expect(kapseli(["remove", "--yes", "envs/env"])).toMatchObject({ exitCode: 4 });
    runAs(place.user, ["chmod", "u+w", prefix]);
    expect(call(place, [join(prefix, "bin/kapseli-versions")]).stdout).toBe("1.0\n");
  });

  it("what is damaged is told, not died of; what does not answer is not waited for", async () => {
    const manifest = join(prefix, "generations/3/manifest.json");
    const whole = readFileSync(manifest);
    truncateSync(manifest, 100);
    expect(kapseli(["list", "envs"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("generations/3/manifest.json cannot be understood"),
    });
    expect(ask("info", "info", "envs/env")).toMatchObject({ state: "damaged", packages: [] });
    writeFileSync(manifest, whole);
    // Directories that may not be read, or whose server has stopped, are named.
    const [closed, mounted] = ["closed", "mounted"].map((name) => join(place.directory, "envs", name));
    put(place, "envs/closed/below");
    put(place, "envs/mounted");
    runAs(place.user, ["chmod", "0", closed ?? ""]);
    const server = start(place, [SQUASHFUSE, "-f", join(prefix, "current/env.sqfs"), mounted ?? ""]);
    const listed = async () => {
      // Root may not look into a user's mount, but sees it.
      await until("the mount", () => readFileSync("/proc/self/mountinfo", "utf8").includes(` ${mounted} `));
      process.kill(server.pid, "SIGSTOP");
      return OBJECTS.list.parse(ask("list", "list", "envs"));
    };
    const { environments, notSearched } = await listed().finally(async () => {
      process.kill(server.pid, "SIGCONT");
      process.kill(server.pid, "SIGTERM");
      await server.ended;
    });
    runAs(place.user, ["chmod", "755", closed ?? ""]);
    expect(environments).toHaveLength(1);
    expect(notSearched.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: closed, why: "no permission" },
      { path: mounted, why: "its file system does not answer" },
    ]);
  });

  it("remove asks on a terminal, names what stays, and removes the rest", () => {
    put(place, "envs/env/bin/mine", "#!/bin/sh\n");
    const answer = (text: string, ...shown: string[]) =>
      runAs(place.user, ["python3", TERMINAL, "kapseli", "remove", "envs/env"], {
        cwd: place.directory,
        input: JSON.stringify([["[y/N] ", `${text}\n`], ...shown.map((one) => [one, ""])]),
      }).stdout;
    expect(answer("no", "nothing is removed")).toContain("nothing is removed");
    expect(call(place, [join(prefix, "bin/kapseli-versions")]).stdout).toBe("1.0\n");
    const said = answer("y", " is removed: ", "bin/mine");
    expect(said).toContain("not made by Kapseli, and stays in");
    expect(said).toContain(`${prefix} is removed`);
    expect(readdirSync(prefix, { recursive: true }).sort()).toEqual(["bin", "bin/mine"]);
    expect(existsSync(join(place.directory, "envs/closed"))).toBe(true);
  });
});
