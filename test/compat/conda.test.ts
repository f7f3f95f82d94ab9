import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import { expectError, output, python, says, script, type, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

describe("conda-containerize new and update", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  const bin = (name: string): string => at(`env/bin/${name}`);

  beforeAll(() => {
    place = newPlace(ordinary());
    putEnv(place, "python=3.11, pip, cowsay", "", "environment.yaml");
    putEnv(place, "kapseli-binary-prefix", "", "small.yml");
    put(place, "requirements.txt", "iniconfig==2.0.0\n");
  });
  afterAll(() => {
    for (const name of ["unwritable", "unsearchable"]) if (existsSync(at(name))) chmodSync(at(name), 0o755);
    place?.[Symbol.dispose]();
  });

  /** The environment that most checks look at. */
  const environment = once(() =>
    typeWell(place, "conda-containerize new --mamba -r requirements.txt --prefix env environment.yaml"),
  );
  const venv = once(() => {
    environment();
    typeWell(place, [bin("python3"), "-m", "venv", "venv"]);
    return at("venv/bin/python");
  });
  const withPluggy = once(() => {
    typeWell(place, [join(venv(), "../pip"), "install", "--quiet", "pluggy==1.5.0"]);
    return venv();
  });
  const updated = once(() => {
    environment();
    const post = script(
      place,
      "post.sh",
      "pip install --quiet --no-deps toolz==0.12.1",
      'conda list --explicit > "$CW_WORKDIR/explicit.txt" || true',
    );
    return typeWell(place, `conda-containerize update --post-install ${post} env`);
  });
  const failed = once(() => {
    putEnv(place, "kapseli-no-such-package", "", "unsolvable.yml");
    return type(place, "conda-containerize new --prefix unsolvable unsolvable.yml");
  });

  check("C1", () => {
    chmodSync(put(place, "unwritable"), 0o555);
    const ran = type(place, "conda-containerize new --prefix unwritable small.yml");
    expectError(ran, 4, at("unwritable"));
  });

  check("C2", () => {
    chmodSync(put(place, "unsearchable"), 0o666);
    const ran = type(place, "conda-containerize new --prefix unsearchable small.yml");
    expectError(ran, 4, at("unsearchable"));
  });

  check("C3", () => expectError(failed(), 5, "kapseli-no-such-package"));

  check("C4", () => {
    const { stdout } = environment();
    expect(stdout).toMatch(/^\[ INFO \] /m);
    expect(stdout).toMatch(/^\[ INFO \] .*Using \S+\/cw-[A-Z0-9]{6} as temporary directory/m);
    expect(stdout).toMatch(/^\[ INFO \] Done, duration: [\d.]+ ?s/m);
    expect(stdout).toContain(`export PATH="${at("env/bin")}:$PATH"`);
  });

  check("C5", () => expect(output(environment())).not.toContain("[ DEBUG ]"));

  check("C6", () => {
    const directory = /Using (\S+) as temporary directory/.exec(failed().stdout)?.[1] ?? "";
    expect(directory).toContain(place.work);
    expect(existsSync(directory)).toBe(false);
    expect(readdirSync(place.work)).toEqual([]);
    expect(existsSync(at("unsolvable/current"))).toBe(false);
  });

  /** What conda says in a pre-install script that its package caches are, for a user whose .condarc names one. */
  const packageCaches = (name: string, env: Record<string, string> = {}): string => {
    put(place, "home/.condarc", `pkgs_dirs: [${at("home/my-packages")}]\n`);
    const pre = script(place, "caches.sh", `conda config --show pkgs_dirs > "$CW_WORKDIR/${name}.txt"`);
    typeWell(
      place,
      `conda-containerize new --pre-install ${pre} --prefix ${name} small.yml`,
      // The home directory is another one; the machine's index and certificates stay.
      { env: { HOME: at("home"), ...env } },
    );
    return readFileSync(at(`${name}.txt`), "utf8");
  };

  check("C7", () => {
    const shown = packageCaches("default-caches");
    expect(shown).toContain("pkgs_dirs");
    expect(shown).not.toContain("my-packages");
  });

  check("C8", () => {
    expect(packageCaches("own-caches", { CW_ENABLE_CONDARC: "1" })).toContain(at("home/my-packages"));
  });

  check("C9", () => {
    environment();
    expect(python(place, bin("python3"), "import iniconfig; print('there')")).toBe("there");
  });

  check("C10", () => {
    expect(python(place, venv(), "import sys; print(sys.prefix, sys.base_prefix)")).toBe(
      `${at("venv")} ${at("env")}`,
    );
  });

  check("C11", () => {
    expect(says(place, [withPluggy(), "-m", "pip", "list"])).toMatch(/^pluggy +1\.5\.0$/m);
  });

  check("C12", () => {
    expect(python(place, withPluggy(), "import pluggy; print(pluggy.__file__)")).toContain(`${at("venv")}/`);
  });

  check("C13", () => {
    updated();
    expect(python(place, bin("python3"), "import iniconfig, cowsay; print('there')")).toBe("there");
  });

  check("C14", () => {
    updated();
    expect(python(place, bin("python3"), "import toolz; print(toolz.__version__)")).toBe("0.12.1");
  });

  check("C15", () => {
    updated();
    const list = readFileSync(at("explicit.txt"), "utf8");
    expect(list).toMatch(/^@EXPLICIT$/m);
    expect(list).toMatch(/cowsay-6\.1/);
    typeWell(place, "conda-containerize new --prefix from-list explicit.txt");
    expect(python(place, at("from-list/bin/python3"), "import cowsay; print('there')")).toBe("there");
  });

  check("C16", () => {
    putEnv(place, "python=3.11, pip, {pip: [iniconfig==2.0.0]}", "", "hybrid.yml");
    put(place, "more.txt", "toolz==0.12.1\n");
    const log = (): string => readFileSync(at("hybrid/current/build.log"), "utf8");
    typeWell(place, "conda-containerize new --mamba --uv --prefix hybrid hybrid.yml");
    // uv's own words; pip has none like them.
    expect(log()).toMatch(/Resolved \d+ package/);
    typeWell(place, "conda-containerize update -r more.txt hybrid");
    expect(log()).toMatch(/Resolved \d+ package/);
    expect(python(place, at("hybrid/bin/python3"), "import iniconfig, toolz; print('there')")).toBe("there");
  });

  check("C17", () => {
    // The shared environment's file is environment.yaml.
    environment();
    expect(says(place, [bin("python3"), "--version"])).toMatch(/^Python 3\.11\./);
  });

  check("C18", () => {
    environment();
    const PATH = `${at("env/bin")}:/usr/bin:/bin`;
    const outside = says(place, ["sh", "-c", "command -v python"], { env: { PATH } });
    const inside = says(place, [bin("_debug_exec"), "sh", "-c", "command -v python"], { env: { PATH } });
    expect([outside, inside]).toEqual([bin("python"), bin("python")]);
  });

  check("C19", () => {
    environment();
    expect(
      python(place, bin("python3"), "import os; print(os.environ['CONDA_DEFAULT_ENV'])", {
        env: { CONDA_DEFAULT_ENV: undefined },
      }),
    ).not.toBe("");
  });

  check("C20", () => {
    environment();
    expect(python(place, bin("python3"), "import cowsay; print(cowsay.__version__)")).toBe("6.1");
  });

  check("C21", () => {
    environment();
    const file = python(place, bin("python3"), "import cowsay; print(cowsay.__file__)");
    expect(file).toContain(`${at("env")}/lib/`);
    expect(existsSync(file)).toBe(false);
  });
});
