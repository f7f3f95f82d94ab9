import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectBuilt, expectRefused, newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { manifestOf, python, says, script, siteFile, type, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

let place: Place;
const at = (name: string): string => join(place.directory, name);
beforeAll(() => {
  place = newPlace(ordinary());
  put(place, "more.txt", "iniconfig==2.0.0\n");
});
afterAll(() => place?.[Symbol.dispose]());

const PREFIX = "import sys; print(sys.prefix, sys.executable)";

/** What an image that travels has to be, wherever its prefix is. */
function expectPortable(prefix: string, mount: string, sysPrefix: string): void {
  const bin = (name: string): string => join(prefix, "bin", name);
  const started = typeWell(place, [bin("python3"), "-c", PREFIX]);
  expect(started.stdout).toBe(`${sysPrefix} ${bin("python3")}\n`);
  expect(started.stderr).toBe("");
  expect(says(place, [bin("cowsay"), "-t", "anywhere"])).toContain("anywhere");
  const first = says(place, [bin("_debug_exec"), "head", "-n1", join(mount, "bin/cowsay")]);
  expect(first).toMatch(new RegExp(`^#!${mount}/bin/python3`));
  expect(says(place, [bin("python3"), "-m", "pip", "--version"])).toContain("/site-packages/pip ");
}

describe("a portable conda environment", () => {
  let mount = "";
  beforeAll(() => {
    const file = putEnv(place, "python=3.11, pip, kapseli-binary-prefix, {pip: [cowsay==6.1]}");
    expectBuilt(place, type(place, ["conda-containerize", "new", "--portable", "--prefix", "conda", file]));
    mount = manifestOf(at("conda")).location.mount;
  });

  it("has one neutral path inside, and one path for its programs on both sides", () => {
    expect(mount).toMatch(/^\/KAPSELI_[A-Za-z0-9]{7}$/);
    expectPortable(at("conda"), mount, mount);
    expect(says(place, [at("conda/bin/kapseli-binary-prefix")])).toBe(`${mount}/share/kapseli-binary-prefix`);
    const which = "import shutil; print(shutil.which('cowsay'))";
    expect(python(place, at("conda/bin/python3"), which)).toBe(at("conda/bin/cowsay"));
    expect(python(place, at("conda/bin/python3"), "import os; print(os.environ['CONDA_PREFIX'])")).toBe(
      mount,
    );
  });

  it("copied twice and moved runs from everywhere, with nothing to say and nothing to relocate", () => {
    typeWell(place, ["cp", "-a", "conda", "one"]);
    typeWell(place, ["cp", "-a", "conda", "a second one"]);
    expectPortable(at("one"), mount, mount);
    expectPortable(at("a second one"), mount, mount);
    typeWell(place, ["mv", "one", "moved"]);
    expectPortable(at("moved"), mount, mount);
    expectPortable(at("conda"), mount, mount);
    expectRefused(type(place, ["kapseli", "relocate", "moved"]), 3, "works wherever it is");
  });

  it("that was copied is updated, its path inside staying the same", () => {
    typeWell(place, ["cp", "-a", "conda", "to-update"]);
    const post = script(place, "post.sh", "conda install -y kapseli-versions=1.0");
    expectBuilt(
      place,
      type(place, ["conda-containerize", "update", "-r", "more.txt", "--post-install", post, "to-update"]),
    );
    expectPortable(at("to-update"), mount, mount);
    expect(says(place, [at("to-update/bin/kapseli-versions")])).toBe("1.0");
    expect(python(place, at("to-update/bin/python3"), "import iniconfig; print(1)")).toBe("1");
    typeWell(place, ["mv", "to-update", "updated"]);
    expectPortable(at("updated"), mount, mount);
  });
});

describe("a portable pip environment", () => {
  it("is one venv, and moved or copied it is that where it is", () => {
    put(place, "cowsay.txt", "cowsay==6.1\n");
    expectBuilt(
      place,
      type(place, ["pip-containerize", "new", "--portable", "--prefix", "venv", "cowsay.txt"]),
    );
    const { mount } = manifestOf(at("venv")).location;
    expectPortable(at("venv"), mount, at("venv"));
    typeWell(place, ["cp", "-a", "venv", "venv-copy"]);
    expectPortable(at("venv-copy"), mount, at("venv-copy"));
    typeWell(place, ["mv", "venv", "venv-moved"]);
    expectPortable(at("venv-moved"), mount, at("venv-moved"));
  });
});

describe("an installation_path of the site's", () => {
  beforeAll(() => {
    putEnv(place, "kapseli-binary-prefix", "", "small.yml");
  });
  const build = (prefix: string, configuration: Record<string, unknown>) =>
    type(place, ["conda-containerize", "new", "--prefix", prefix, "small.yml"], {
      env: siteFile(place, configuration),
    });

  it("composable gets a suffix of its own, so that environments run together; else it is taken as it is", () => {
    for (const name of ["a", "b"]) expectBuilt(place, build(name, { installation_path: "/KAPSELI_SITE" }));
    const [a, b] = ["a", "b"].map((name): string => manifestOf(at(name)).location.mount);
    expect(a).toMatch(/^\/KAPSELI_SITE_[A-Za-z0-9]{7}$/);
    expect(b).not.toBe(a);
    expect(says(place, [at("a/bin/_debug_exec"), "printenv", "install_root"])).toBe(a);
    const program = at("b/bin/kapseli-binary-prefix");
    const both = [
      "kapseli",
      "run",
      "--with",
      "b",
      "a",
      "--",
      "sh",
      "-c",
      `kapseli-binary-prefix; ${program}`,
    ];
    expect(says(place, both as [string, ...string[]]).split("\n")).toEqual([
      `${a}/share/kapseli-binary-prefix`,
      `${b}/share/kapseli-binary-prefix`,
    ]);

    expectBuilt(place, build("fixed", { installation_path: "/KAPSELI_FIXED", composable: false }));
    expect(manifestOf(at("fixed")).location.mount).toBe("/KAPSELI_FIXED");
    expect(says(place, [at("fixed/bin/kapseli-binary-prefix")])).toBe(
      "/KAPSELI_FIXED/share/kapseli-binary-prefix",
    );
    expect(readdirSync(at("fixed")).sort()).toEqual(["bin", "current", "generations", "img.sqfs", "share"]);
  });
});
