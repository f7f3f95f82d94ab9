import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debian12 } from "../support/base-image.ts";
import { build, call, expectBuilt, listing, newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { ordinary, runAs } from "../support/real.ts";

const user = ordinary();
const IMPORT =
  "import iniconfig, sys; print(sys.prefix, sys.executable, iniconfig.__file__.split('/lib/')[0])";

/** An image base has its own /etc: the certificates and settings of this machine are bound, as docs/kapseli.md says. */
const SITE = [process.env.PIP_CERT, process.env.SSL_CERT_FILE, "/etc/pip.conf"];
const BOUND = {
  CW_EXTRA_BIND_MOUNTS: [...new Set(SITE.filter((file) => file !== undefined && existsSync(file)))].join(","),
};

interface Case {
  what: string;
  prefix: string;
  make: (place: Place) => void;
}

/** Each has iniconfig 2.0.0 in it. */
const CASES: Case[] = [
  {
    what: "a pip environment on the host base",
    prefix: "pip",
    make: (place) => {
      put(place, "requirements.txt", "iniconfig==2.0.0\n");
      expectBuilt(place, build(place, "pip-containerize", ["--prefix", "pip", "requirements.txt"]));
    },
  },
  {
    what: "a conda environment",
    prefix: "conda",
    make: (place) => {
      const file = putEnv(place, "python=3.11, pip, {pip: [iniconfig==2.0.0]}");
      expectBuilt(
        place,
        build(place, "conda-containerize", ["--engine", "rattler", "--prefix", "conda", file]),
      );
    },
  },
  {
    what: "a pip environment on an image base",
    prefix: "image",
    make: (place) => {
      put(place, "requirements.txt", "iniconfig==2.0.0\n");
      const args = ["--base", debian12(user), "--prefix", "image", "requirements.txt"];
      expectBuilt(place, build(place, "pip-containerize", args));
    },
  },
];

describe.each(CASES)("kapseli venv on $what", ({ prefix: name, make }) => {
  let place: Place;
  let prefix = "";
  let venv = "";
  const kapseli = (...args: string[]) => runAs(user, ["kapseli", ...args], { cwd: place.directory });
  const must = (...argv: [string, ...string[]]): string => {
    const ran = call(place, argv, name === "image" ? { env: BOUND } : {});
    if (ran.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  };

  beforeAll(() => {
    place = newPlace(user);
    prefix = join(place.directory, name);
    venv = join(place.directory, "on top");
    make(place);
    const made = kapseli("venv", name, "on top");
    expect(made).toMatchObject({ exitCode: 0, stderr: "" });
    expect(made.stdout).toContain(`${venv}: Python 3.`);
    expect(made.stdout).toContain(`the packages of ${prefix}`);
  });
  afterAll(() => place[Symbol.dispose]());

  it("its python is itself, runs in the container, and sees the environment's packages", () => {
    expect(must(join(venv, "bin/python"), "-c", IMPORT)).toBe(`${venv} ${venv}/bin/python ${prefix}\n`);
    expect(must("sh", "-c", '. "$0/bin/activate" && python3 -c "$1"', venv, IMPORT)).toBe(
      `${venv} ${venv}/bin/python3 ${prefix}\n`,
    );
    const where = "import os; print(os.path.exists('/.kapseli-base') or os.path.exists('/.singularity.d'))";
    expect(must(join(venv, "bin/python"), "-c", where)).toBe("True\n");
  });

  it("pip installs into it, with scripts that start from outside, and the prefix stays as it was", () => {
    const before = listing(prefix);
    must(join(venv, "bin/pip"), "install", "-q", "cowsay==6.1");
    expect(must(join(venv, "bin/cowsay"), "-t", "moo")).toContain("| moo |");
    expect(must(join(venv, "bin/python"), "-c", "import cowsay; print(cowsay.__file__)")).toContain(
      `${venv}/`,
    );
    expect(listing(prefix)).toEqual(before);
    expect(call(place, [join(prefix, "bin/python3"), "-c", "import cowsay"]).exitCode).toBe(1);
  });

  it("another version of what the environment has is installed beside it and wins in here alone", () => {
    must(join(venv, "bin/python"), "-m", "pip", "install", "-q", "iniconfig==2.1.0");
    const version = "import importlib.metadata as m; print(m.version('iniconfig'))";
    expect(must(join(venv, "bin/python"), "-c", version)).toBe("2.1.0\n");
    expect(must(join(prefix, "bin/python3"), "-c", version)).toBe("2.0.0\n");
    must(join(venv, "bin/pip"), "uninstall", "-q", "-y", "iniconfig");
    expect(must(join(venv, "bin/python"), "-c", version)).toBe("2.0.0\n");
  });

  it("goes on working when the environment is built again", () => {
    make(place);
    expect(must("readlink", join(prefix, "current"))).toBe("generations/2\n");
    expect(must(join(venv, "bin/python"), "-c", IMPORT)).toBe(`${venv} ${venv}/bin/python ${prefix}\n`);
    expect(must(join(venv, "bin/pip"), "--version")).toContain("pip ");
  });
});

describe("kapseli venv refuses", () => {
  let place: Place;
  const kapseli = (...args: string[]) =>
    runAs(user, ["kapseli", ...args], { cwd: place.directory, env: place.environment });
  beforeAll(() => {
    place = newPlace(user);
    CASES[0]?.make(place);
    const args = ["--engine", "rattler", "--prefix", "bare", putEnv(place, "kapseli-binary-prefix")];
    expectBuilt(place, build(place, "conda-containerize", args));
    put(place, "full/file", "the user's own");
    put(place, "file", "");
    put(place, "empty");
    runAs(user, ["cp", "-a", join(place.directory, "pip"), join(place.directory, "copy")]);
  });
  afterAll(() => place[Symbol.dispose]());

  it.each<[string, string[], number, string]>([
    ["a directory that is not empty", ["pip", "full"], 3, "it is not empty"],
    ["a file", ["pip", "file"], 3, "it is not a directory"],
    ["a place in the environment", ["pip", "pip/venv"], 3, "is below the environment"],
    ["a colon in the path", ["pip", "a:b"], 3, 'its path holds ":"'],
    ["a directory that cannot be made", ["pip", "/proc/venv"], 4, "cannot be made"],
    ["a directory that may not be searched", ["pip", "/root/venv"], 4, "cannot be reached"],
    ["an environment without Python", ["bare", "venv"], 3, "has no python3"],
    ["a moved environment", ["copy", "venv"], 3, "was built for"],
    ["no environment", ["full", "venv"], 3, "is not an environment"],
    ["no directory", ["pip"], 2, "required: dir"],
  ])("%s, and makes nothing", (_what, args, code, says) => {
    const before = readdirSync(place.directory).sort();
    const ran = kapseli("venv", ...args);
    expect(ran.exitCode).toBe(code);
    expect(ran.stderr).toContain(says);
    expect(ran.stderr).not.toContain("was not expected");
    expect(readdirSync(place.directory).sort()).toEqual(before);
    expect(existsSync(join(place.directory, "pip/venv"))).toBe(false);
  });

  it("a directory that was empty is empty again when Python fails; one that is used holds what it should", () => {
    const launcher = join(place.directory, "pip/current/launcher.sh");
    runAs(
      user,
      ["sh", "-ec", 'cp "$0" kept && sed -i "s|^__k_runtime=.*|__k_runtime=/bin/false|" "$0"', launcher],
      {
        cwd: place.directory,
      },
    );
    const failed = kapseli("venv", "pip", "empty");
    runAs(user, ["cp", "kept", launcher], { cwd: place.directory });
    expect(failed.exitCode).toBe(5);
    expect(readdirSync(join(place.directory, "empty"))).toEqual([]);

    const made = kapseli("venv", "--json", "pip", "empty");
    expect(JSON.parse(made.stdout)).toMatchObject({
      schema: "kapseli.venv/1",
      event: "result",
      pip: "environment",
    });
    const bin = join(place.directory, "empty/bin");
    expect(statSync(join(bin, "pip")).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(bin, "pip"), "utf8")).toContain(`#!${bin}/python\n`);
  });
});
