import { type ChildProcess, spawn } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  listing,
  newPlace,
  type Place,
  put,
  putEnv,
  until,
} from "../support/builds.ts";
import { baseEnvironment, ordinary, runAs, testUsers } from "../support/real.ts";

const conda = (place: Place, ...args: string[]) =>
  build(place, "conda-containerize", ["--engine", "rattler", ...args]);

function inodes(place: Place, directory: string): number {
  return new Set(runAs(place.user, ["find", directory, "-printf", "%i\n"]).stdout.trim().split("\n")).size;
}

describe.each(testUsers())("the current directory as the prefix, as $name", (user) => {
  let place: Place;
  beforeEach(() => {
    place = newPlace(user);
  });
  afterEach(() => place[Symbol.dispose]());

  it("which holds the user's files gets env/ and a link to its commands; the files stay visible inside", () => {
    const project = put(place, "project");
    put(place, "project/env.yml", readFileSync(putEnv(place, "python=3.11"), "utf8"));
    put(
      place,
      "project/script.py",
      "import sys, pathlib; print(sys.prefix, pathlib.Path('data.txt').read_text())\n",
    );
    put(place, "project/data.txt", "data");
    const built = build(place, "conda-containerize", ["--engine", "rattler", "env.yml"], { cwd: project });
    expectBuilt(place, built);
    expect(built.stdout).toContain("holds other files");
    expect(built.stdout).toContain(`export PATH="${project}/bin:$PATH"`);
    expect(readdirSync(project).sort()).toEqual(["bin", "data.txt", "env", "env.yml", "script.py"]);
    expect(readlinkSync(join(project, "bin"))).toBe("env/bin");

    const asked = call(place, ["bin/python3", "script.py"], { cwd: project });
    expect(asked.stdout).toBe(`${project}/env data\n`);
    expect(inodes(place, join(project, "env"))).toBeLessThanOrEqual(30);
  });

  it("which is empty is the environment itself", () => {
    const empty = put(place, "empty");
    const file = putEnv(place, "kapseli-binary-prefix");
    expectBuilt(place, build(place, "conda-containerize", ["--engine", "rattler", file], { cwd: empty }));
    expect(readdirSync(empty).sort()).toEqual(["bin", "current", "generations", "img.sqfs", "share"]);
    expect(call(place, ["bin/kapseli-binary-prefix"], { cwd: empty }).stdout).toContain(empty);
  });
});

describe("building again in a prefix", () => {
  let place: Place;
  let prefix = "";
  let sleeper: ChildProcess | undefined;
  beforeEach(() => {
    place = newPlace(ordinary());
    prefix = join(place.directory, "env");
  });
  afterEach(() => {
    sleeper?.kill("SIGKILL");
    place[Symbol.dispose]();
  });

  it("makes the next generation: commands that are gone go, new ones come, and what runs is undisturbed", async () => {
    const first = putEnv(place, "python=3.11, kapseli-versions=1.0", "", "first.yml");
    const second = putEnv(place, "kapseli-versions=2.0", "", "second.yml");
    expectBuilt(place, conda(place, "--prefix", "env", first));
    const names = readdirSync(join(prefix, "bin"));
    expect(names).toContain("kapseli-only-in-1");
    expect(inodes(place, prefix)).toBeLessThanOrEqual(30);

    // Waits for its input, then imports what it has not read so far.
    const program =
      "import sys; print('up', flush=True); sys.stdin.read(); import decimal, sqlite3.dbapi2 as d; print(decimal.Decimal(1))";
    const started = spawn(join(prefix, "bin/python3"), ["-c", program], {
      env: baseEnvironment(place.user),
      cwd: place.directory,
      ...(userInfo().uid === 0 ? { uid: place.user.uid, gid: place.user.gid } : {}),
    });
    sleeper = started;
    let said = "";
    started.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await until("the running program", () => said.includes("up"));

    const again = conda(place, "--prefix", "env", second);
    expect({ exitCode: again.exitCode, stderr: again.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(again.stdout).toContain("is an environment already: this makes its generation 2");
    expect(readlinkSync(join(prefix, "current"))).toBe("generations/2");
    expect(readdirSync(join(prefix, "generations")).sort()).toEqual(["1", "2"]);
    expect(call(place, [join(prefix, "bin/kapseli-versions")]).stdout).toBe("2.0\n");
    const left = readdirSync(join(prefix, "bin"));
    const own = ["_debug_exec", "_debug_shell", "list-packages"];
    expect(left.sort()).toEqual([...own, "kapseli-only-in-2", "kapseli-versions"].sort());

    const ended = new Promise<number | null>((resolve) => started.on("close", (code) => resolve(code)));
    started.stdin.end();
    expect(await ended).toBe(0);
    expect(said).toBe("up\n1\n");
  });

  it("that fails leaves the environment as it was", () => {
    expectBuilt(place, conda(place, "--prefix", "env", putEnv(place, "kapseli-versions=1.0")));
    const before = listing(prefix);
    const failed = conda(place, "--prefix", "env", putEnv(place, "kapseli-unsatisfiable"));
    expectRefused(failed, 5, "kapseli-nowhere");
    expectNothingLeft(place, prefix, before);
    expect(call(place, [join(prefix, "bin/kapseli-versions")]).stdout).toBe("1.0\n");
  });

  it("is one inode for all commands", () => {
    expectBuilt(place, conda(place, "--prefix", "env", putEnv(place, "kapseli-hostile")));
    const bin = join(prefix, "bin");
    expect(new Set(readdirSync(bin).map((name) => lstatSync(join(bin, name)).ino)).size).toBe(1);
  });
});

describe("something in the way in the prefix", () => {
  let place: Place;
  beforeEach(() => {
    place = newPlace(ordinary());
    putEnv(place, "kapseli-binary-prefix");
  });
  afterEach(() => place[Symbol.dispose]());

  it.each([
    ["a file of its name", ["taken"], "taken", "it is not a directory"],
    ["somebody's own bin", ["taken/bin/tool"], "taken/bin", "the commands would go there"],
    [
      "a bin beside the user's files",
      ["taken/notes.txt", "taken/bin/tool"],
      "taken/bin",
      "the commands would go there",
    ],
    [
      "an env that is something else",
      ["taken/notes.txt", "taken/env/notes.txt"],
      "taken/env",
      "it holds other files",
    ],
    [
      "an env that is a file",
      ["taken/notes.txt", "taken/env"],
      "taken/env",
      "the environment would go there",
    ],
  ])("%s is named, and left alone", (_what, files, path, why) => {
    for (const file of files) put(place, file, "the user's own\n");
    const before = listing(join(place.directory, "taken"));
    const refused = conda(place, "--prefix", "taken", "env.yml");
    expectRefused(refused, 4, `${join(place.directory, path)} is in the way`, why, "--prefix");
    expectNothingLeft(place, join(place.directory, "taken"), before);
  });

  it("an installation made by Tykky is left alone, and its conversion named", () => {
    for (const file of ["taken/bin/python", "taken/common.sh"]) put(place, file, "the user's own\n");
    const before = listing(join(place.directory, "taken"));
    const refused = conda(place, "--prefix", "taken", "env.yml");
    expectRefused(refused, 4, "holds an installation made by Tykky", "conda-containerize update");
    expectNothingLeft(place, join(place.directory, "taken"), before);
  });
});
