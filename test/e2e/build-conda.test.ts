import { existsSync, readdirSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build, call, expectBuilt, newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { ordinary, runAs, type TestUser, testUsers } from "../support/real.ts";

/** Commands of the channel's packages whose names a shell or a list of lines would take for something else. */
const HOSTILE = [
  "$(touch pwned)",
  "`touch pwned`",
  "a b",
  "-rf",
  "it's",
  'say "hi"',
  "semi;touch pwned",
  "star*",
  "back\\slash",
  "per%cent",
  "hash#",
  "{brace}",
  "~tilde",
  "smörgås",
  "launcher.sh",
  "new\nline",
  "trailing\n",
];

const VARIABLE = "a \"quoted\" $HOME `touch pwned` 'value', ünïcode ";

const PROJECT_TOML = `[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "localproject"
version = "0.1"
[project.scripts]
local-command = "localproject:main"
[tool.setuptools]
py-modules = ["localproject"]
`;

/** One environment that has everything a conda package can bring. */
function everything(place: Place): void {
  put(place, "localproject/pyproject.toml", PROJECT_TOML);
  put(place, "localproject/localproject.py", "def main():\n    print('local command')\n");
  put(place, "other/pyproject.toml", PROJECT_TOML.replaceAll("local", "other"));
  put(place, "other/otherproject.py", "def main():\n    print('other command')\n");
  put(place, "more.txt", "cowsay==6.1\n");
  const more = `  - pip
  - click
  - kapseli-activate
  - kapseli-text-prefix
  - kapseli-binary-prefix
  - kapseli-postlink
  - kapseli-hostile
  - kapseli-newline
  - kapseli-private-modes
  - pip:
      - -r more.txt
      - -e ./localproject
      - ./other
variables:
  OWN_VARIABLE: ${JSON.stringify(VARIABLE)}
`;
  const file = putEnv(place, "python=3.11");
  const head = readFileSync(file, "utf8").replace(
    "dependencies: [python=3.11]\n",
    "dependencies:\n  - python=3.11\n",
  );
  put(place, "env.yml", head + more);
}

/** Every program of the conda family that is here, and rattler, which always is. */
const ENGINES = ["rattler", "micromamba", "mamba", "conda"];

function isThere(engine: string): boolean {
  const installed = runAs(ordinary(), ["sh", "-c", 'command -v "$1"', "sh", engine]).exitCode === 0;
  return engine === "rattler" || installed;
}

/** rattler as every user; the others, which share all but the installation itself, as the ordinary one. */
const CASES = ENGINES.flatMap((engine) =>
  (engine === "rattler" ? testUsers() : [ordinary()]).map((user): [string, string, TestUser] => [
    engine,
    user.name,
    user,
  ]),
);

describe.each(CASES)("an env.yml installed by %s as %s", (engine, _name, user) => {
  // An engine that is not on PATH is shown as skipped.
  const there = isThere(engine);
  let place: Place;
  let prefix = "";
  const bin = (name: string): string => join(prefix, "bin", name);
  const run = (name: string, ...args: string[]) => call(place, [bin(name), ...args]);

  beforeAll(() => {
    if (!there) return;
    place = newPlace(user);
    prefix = join(place.directory, "env");
    everything(place);
    expectBuilt(
      place,
      build(place, "conda-containerize", ["--engine", engine, "--prefix", "env", "env.yml"]),
    );
  });
  afterAll(() => place?.[Symbol.dispose]());

  it.runIf(there)("says in its manifest what installed it and what is in it", () => {
    const manifest = JSON.parse(readFileSync(join(prefix, "current", "manifest.json"), "utf8"));
    expect(manifest.engine.name).toBe(engine);
    expect(manifest.packages).toContainEqual({ name: "kapseli-postlink", version: "1.0", source: "conda" });
    expect(manifest.packages).toContainEqual({ name: "localproject", version: "0.1", source: "pip" });
    expect(manifest.commands).toEqual(expect.arrayContaining(HOSTILE));
    expect(readFileSync(join(prefix, "current", "inputs", "0", "env.yml"), "utf8")).toContain(
      "-e ./localproject",
    );
  });

  it.runIf(there)(
    "has both formats' packages, and the commands of noarch packages and of the pip: section",
    () => {
      expect(run("python3", "-c", "import click; print(click.__name__)").stdout).toBe("click\n");
      expect(run("cowsay", "-t", "moo").stdout).toContain("moo");
      expect(run("local-command").stdout).toBe("local command\n");
      expect(run("other-command").stdout).toBe("other command\n");
    },
  );

  it.runIf(there)("puts the real prefix where packages hold a placeholder, in texts and in programs", () => {
    expect(run("kapseli-text-prefix").stdout).toBe(
      `${prefix}\n${prefix}\ndata = ${prefix}/share/kapseli-text-prefix\n`,
    );
    expect(run("kapseli-binary-prefix").stdout).toContain(prefix);
  });

  it.runIf(there)("ran the post-link script with the prefix as it is inside", () => {
    expect(run("kapseli-postlink").stdout).toBe(`${prefix}\n`);
  });

  it.runIf(there)("gives programs what activation sets, byte by byte", () => {
    const names = [
      "PLAIN",
      "HOME",
      "PREPENDED",
      "APPENDED",
      "AWKWARD",
      "EMPTY",
      "BY_ENV_VARS",
      "NOT_EXPORTED",
    ];
    const script = `import os,sys,json; print(json.dumps([os.environ.get(name) for name in sys.argv[1:]]))`;
    const asked = run("python3", "-c", script, ...names.map((name) => `ACTIVATED_${name}`), "OWN_VARIABLE");
    expect(JSON.parse(asked.stdout)).toEqual([
      "plain",
      `${prefix}/share/kapseli-activate`,
      `${prefix}/first`,
      `${prefix}/last`,
      "a \"double\" and 'single' quote, $HOME, `touch pwned`, $(touch pwned), back\\slash\na second line, ünïcode, a trailing space ",
      "",
      "from env_vars.d",
      null,
      VARIABLE,
    ]);
  });

  it.runIf(there)("adds to what the caller has where activation adds", () => {
    const env = { ACTIVATED_PREPENDED: "mine", ACTIVATED_APPENDED: "mine", ACTIVATED_UNWANTED: "mine" };
    const script = "import os; print([os.environ.get('ACTIVATED_' + n) for n in ('PREPENDED', 'APPENDED')])";
    expect(call(place, [bin("python3"), "-c", script], { env }).stdout).toBe(
      `['${prefix}/first:mine', 'mine:${prefix}/last']\n`,
    );
    const tool = "import subprocess; subprocess.run(['kapseli-activate-tool'], check=True)";
    expect(run("python3", "-c", tool).exitCode).toBe(0);
  });

  it.runIf(there)("has a launcher for every command's name, and evaluates none of them", () => {
    for (const name of HOSTILE) {
      expect(run(name, "$(touch pwned)", "two  spaces").stdout).toBe(
        `ran: ${name}\n$(touch pwned)\ntwo  spaces\n`,
      );
    }
    const pwned = [place.directory, join(prefix), user.home, "/", "/tmp"].filter((directory) =>
      existsSync(join(directory, "pwned")),
    );
    expect(pwned).toEqual([]);
  });

  it.runIf(there)("lets another user read what a package keeps for its owner", () => {
    const data = join(prefix, "share/kapseli-private-modes/data");
    const nobody = { name: "nobody", uid: 65534, gid: 65534, home: "/tmp" };
    // Only root can act as somebody else, and only where that one may enter.
    const reader = userInfo().uid === 0 && user.uid !== 0 ? nobody : user;
    expect(runAs(reader, [bin("_debug_exec"), "cat", data]).stdout).toBe("private\n");
    expect(runAs(reader, [bin("kapseli-private-modes")]).stdout).toBe("private\n");
  });

  it.runIf(there)("has every Python file compiled, and no cache of an installer", () => {
    const script = `import os, sys, importlib.util as u
missing = [p for d, _, fs in os.walk(sys.prefix + "/lib") for p in (os.path.join(d, f) for f in fs if f.endswith(".py"))
           if not os.path.exists(u.cache_from_source(p))]
print(len(missing), [n for n in ("pkgs", ".cache", "conda-bld") if os.path.exists(os.path.join(sys.prefix, n))])`;
    const [missing, caches] = run("python3", "-c", script).stdout.split(/ (?=\[)/);
    expect(Number(missing)).toBeLessThan(5);
    expect(caches).toBe("[]\n");
  });

  it.runIf(there)("takes at most 30 inodes, however many commands", () => {
    const inodes = new Set(runAs(user, ["find", prefix, "-printf", "%i\n"]).stdout.trim().split("\n"));
    expect(inodes.size).toBeLessThanOrEqual(30);
    expect(readdirSync(join(prefix, "bin")).length).toBeGreaterThan(30);
  });
});
