import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  put,
} from "../support/builds.ts";
import { ordinary, runAs, type TestUser, testUsers } from "../support/real.ts";

const PYPROJECT = (name: string): string => `[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "${name}"
version = "1.5"
[project.scripts]
${name}-command = "${name}:main"
[tool.setuptools]
py-modules = ["${name}"]
`;

/** A small project, and a source distribution of another one, which has to be built. */
function projects(place: Place): void {
  for (const name of ["beside", "built"]) {
    put(place, `${name}/pyproject.toml`, PYPROJECT(name));
    put(place, `${name}/${name}.py`, `def main():\n    print("${name}")\n`);
  }
  put(place, "built/PKG-INFO", "Metadata-Version: 2.1\nName: built\nVersion: 1.5\n");
  runAs(place.user, ["mv", "built", "built-1.5"], { cwd: place.directory });
  runAs(place.user, ["tar", "-czf", "built-1.5.tar.gz", "built-1.5"], { cwd: place.directory });
}

const REQUIREMENTS = `# what people write
-r more/further.txt
-c constraints.txt
numpy
requests[socks]
cowsay ; python_version >= "3.8"
no-such-package-anywhere ; python_version < "3"
./beside
./built-1.5.tar.gz
`;

/** pip as every user; uv, of which only the installation is another, as the ordinary one. */
const CASES: [string, string, TestUser][] = [
  ...testUsers().map((user): [string, string, TestUser] => ["pip", user.name, user]),
  ["uv", ordinary().name, ordinary()],
];

describe.each(CASES)("a requirements file installed by %s as %s", (engine, _name, user) => {
  let place: Place;
  let prefix = "";
  const flags = engine === "uv" ? ["--uv"] : [];
  const run = (name: string, ...args: string[]) => call(place, [join(prefix, "bin", name), ...args]);

  beforeAll(() => {
    place = newPlace(user);
    prefix = join(place.directory, "env");
    projects(place);
    put(place, "more/further.txt", "tqdm\n");
    put(place, "constraints.txt", "numpy==2.2.6\ntqdm<4.67\n");
    put(place, "requirements.txt", REQUIREMENTS);
    expectBuilt(place, build(place, "pip-containerize", [...flags, "--prefix", "env", "requirements.txt"]));
  });
  afterAll(() => place?.[Symbol.dispose]());

  it("has what is asked for, under its constraints, with extras, without what a marker leaves out", () => {
    const script = "import numpy, tqdm, socks, requests; print(numpy.__version__, tqdm.__version__ < '4.67')";
    expect(run("python3", "-c", script).stdout).toBe("2.2.6 True\n");
    expect(run("python3", "-c", "import numpy; print(int(numpy.arange(6).reshape(2, 3).sum()))").stdout).toBe(
      "15\n",
    );
  });

  it("has the commands of packages from the index, from a directory and from a source distribution", () => {
    expect(run("cowsay", "-t", "moo").stdout).toContain("moo");
    expect(run("beside-command").stdout).toBe("beside\n");
    expect(run("built-command").stdout).toBe("built\n");
  });

  it("records what was installed so that it can be installed again", () => {
    const lock = readFileSync(join(prefix, "current/environment.lock"), "utf8");
    // uv tells the hashes of all files of a version, pip that of the one it took.
    const hashes = engine === "pip" ? "" : "+";
    expect(lock).toMatch(new RegExp(`^numpy==2\\.2\\.6( --hash=sha256:[0-9a-f]{64})${hashes}$`, "m"));
    expect(lock).toMatch(/^cowsay==6\.1 --hash=sha256:274b1e6fc1b966d5/m);
    expect(lock).toMatch(/^beside @ file:\/\/.*\/beside$/m);
    const manifest = JSON.parse(readFileSync(join(prefix, "current/manifest.json"), "utf8"));
    expect(manifest.engine.name).toBe(engine);
    expect(manifest.packages).toContainEqual({ name: "built", version: "1.5", source: "pip" });
  });

  it("has nearly every Python file compiled, and no cache in the image", () => {
    const script = `import os, sys, importlib.util as u
files = [os.path.join(d, f) for d, _, fs in os.walk(sys.prefix) for f in fs if f.endswith(".py")]
print(len(files), sum(not os.path.exists(u.cache_from_source(f)) for f in files))`;
    const [files, missing] = run("python3", "-c", script).stdout.split(" ").map(Number);
    expect(files).toBeGreaterThan(500);
    // A few packages ship test files that no Python of this version compiles.
    expect(missing).toBeLessThan(10);
    const caches = run(
      "_debug_exec",
      "find",
      prefix,
      "-maxdepth",
      "2",
      "-name",
      "*cache*",
      "-o",
      "-name",
      "pkgs",
    );
    expect(caches.stdout).toBe("");
  });

  it("takes at most 30 inodes, besides the files that the requirements include", () => {
    const included = ["-path", "*/inputs/0/more", "-prune", "-o", "-name", "constraints.txt", "-o"];
    const listed = runAs(user, ["find", prefix, ...included, "-printf", "%i\\n"]).stdout;
    const inodes = new Set(listed.trim().split("\n"));
    expect(inodes.size).toBeLessThanOrEqual(30);
    expect(readdirSync(join(prefix, "bin")).length).toBeGreaterThan(8);
  });
});

describe.each([["pip"], ["uv"]])("inputs for %s", (engine) => {
  let place: Place;
  const flags = engine === "uv" ? ["--uv"] : [];
  beforeAll(() => {
    place = newPlace(ordinary());
  });
  afterAll(() => place?.[Symbol.dispose]());

  it("may come from a pipe", () => {
    const command = `pip-containerize new ${flags.join(" ")} --prefix piped <(echo cowsay)`;
    const built = runAs(place.user, ["bash", "-c", command], {
      cwd: place.directory,
      env: place.environment,
    });
    expectBuilt(place, built);
    expect(call(place, [join(place.directory, "piped/bin/cowsay"), "-t", "moo"]).stdout).toContain("moo");
  });

  it.runIf(engine === "uv")("are hard links to uv's cache until they are packed, no copies", () => {
    put(place, "links.txt", "cowsay==6.1\n");
    put(
      place,
      "links.sh",
      "stat -c 'names: %h, %F' \"$(python3 -c 'import cowsay; print(cowsay.__file__)')\"\n",
    );
    const args = ["--prefix", "links", "--post-install", "links.sh", "links.txt"];
    expectBuilt(place, build(place, "pip-containerize", [...flags, ...args]));
    const log = readFileSync(join(place.directory, "links/current/build.log"), "utf8");
    expect(log).toMatch(/names: ([2-9]|\d\d+), regular file/);
    // Its commands are this place's, and what is recorded of them is true.
    const code = `import base64, glob, hashlib, sys
[line] = [l for l in open(glob.glob(sys.prefix + "/lib/*/site-packages/cowsay-*/RECORD")[0]) if "/bin/cowsay," in l]
text = open(sys.prefix + "/bin/cowsay", "rb").read()
digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode().rstrip("=")
print(text.split(b"\\n")[0].decode(), line.strip() == "../../../bin/cowsay,sha256=%s,%d" % (digest, len(text)))`;
    const python = join(place.directory, "links/bin/python3");
    expect(call(place, [python, "-c", code]).stdout).toBe(`#!${python} True\n`);
    const packed = [join(place.directory, "links/bin/_debug_exec"), "find", "links", "-type", "l"] as const;
    expect(call(place, [...packed, "-lname", "*/archive-v0/*"]).stdout).toBe("");
  });

  it("may give hashes: a right one is taken, with a wrong one nothing is installed", () => {
    const right = "274b1e6fc1b966d53976333eb90ac94cb07a450a700b455af9fbdf882244b30a";
    put(place, "right.txt", `cowsay==6.1 --hash=sha256:${right}\n`);
    put(place, "wrong.txt", `cowsay==6.1 --hash=sha256:${"0".repeat(64)}\n`);
    expectBuilt(place, build(place, "pip-containerize", [...flags, "--prefix", "right", "right.txt"]));
    const refused = build(place, "pip-containerize", [...flags, "--prefix", "wrong", "wrong.txt"]);
    expectRefused(refused, 5, "does not have the hash that the requirements give", "cowsay");
    expectNothingLeft(place, join(place.directory, "wrong"));
  });

  it.runIf(engine === "pip")("of a lock are checked also where another package has no hash", () => {
    put(place, "mixed.lock", `# pip\ntqdm==4.66.5\ncowsay==6.1 --hash=sha256:${"0".repeat(64)}\n`);
    const refused = runAs(place.user, ["kapseli", "rebuild", "mixed.lock", "--prefix", "mixed"], {
      cwd: place.directory,
      env: place.environment,
    });
    expectRefused(refused, 5, "does not have the hash that the requirements give", "cowsay");
    expect(refused.stderr).toMatch(/WARNING .*they have no hash: tqdm\n/);
    expectNothingLeft(place, join(place.directory, "mixed"));
  });

  it("that ask for a package that no index has are refused with its name", () => {
    put(place, "nowhere.txt", "kapseli-no-such-package-anywhere\n");
    const refused = build(place, "pip-containerize", [...flags, "--prefix", "nowhere", "nowhere.txt"]);
    expectRefused(refused, 5, /found no version of .*fits/, "kapseli-no-such-package-anywhere");
    expectNothingLeft(place, join(place.directory, "nowhere"));
  });

  it("that contradict each other are refused with the versions that do", () => {
    put(place, "conflict.txt", "cowsay==6.0\ncowsay==6.1\n");
    const refused = build(place, "pip-containerize", [...flags, "--prefix", "conflict", "conflict.txt"]);
    expectRefused(refused, 5, "the requirements contradict each other", /cowsay==6\.[01]/);
    expectNothingLeft(place, join(place.directory, "conflict"));
  });

  it("with a source that does not build are refused with what the build said", () => {
    put(place, "broken/setup.py", 'raise SystemExit("the header kapseli.h is missing")\n');
    put(place, "broken.txt", "./broken\n");
    const refused = build(place, "pip-containerize", [...flags, "--prefix", "broken-env", "broken.txt"]);
    expectRefused(refused, 5, "could not be built from its source", "the header kapseli.h is missing");
    expectNothingLeft(place, join(place.directory, "broken-env"));
    expect(existsSync(join(place.directory, "broken", "build"))).toBe(false);
  });
});
