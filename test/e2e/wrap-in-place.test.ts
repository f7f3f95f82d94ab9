import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  listing,
  newPlace,
  type Place,
  put,
  putEnv,
  start,
  until,
} from "../support/builds.ts";
import { manifestOf, python, says, script, type, typeWell } from "../support/compat-place.ts";
import { baseEnvironment, channelUrl, installedBin, ordinary } from "../support/real.ts";
import { contents, inodes, keep, unpackInPlace } from "../support/trees.ts";

let place: Place;
const at = (name: string): string => join(place.directory, name);
const wrap = (...args: string[]) => type(place, ["kapseli", "wrap", ...args]);

beforeAll(() => {
  place = newPlace(ordinary());
});
afterAll(() => place?.[Symbol.dispose]());

describe("a project's venv, wrapped in place", () => {
  let restore: () => void;
  let original: Map<string, string>;
  const venv = (name = ""): string => at(join("project/.venv", name));
  beforeAll(() => {
    put(place, "project/.venv");
    typeWell(place, ["/usr/bin/python3", "-m", "venv", venv()]);
    typeWell(place, [venv("bin/pip"), "install", "-q", "--no-compile", "cowsay==6.1"]);
    put(place, "project/run", `#!${venv("bin/python")}\nimport cowsay, sys; print(sys.prefix)\n`, 0o755);
    restore = keep(place, "project");
    original = contents(venv());
  });
  beforeEach(() => restore());
  afterEach(() => typeWell(place, ["chmod", "-R", "u+w", at("project")]));

  it("is found by the project's name and works by the same paths; what is left are a few files", () => {
    expectBuilt(place, wrap("project"));
    const code = "import sys; print(sys.prefix, sys.executable, sys.base_prefix)";
    expect(python(place, venv("bin/python"), code)).toBe(`${venv()} ${venv("bin/python")} /usr`);
    expect(says(place, [at("project/run")])).toBe(venv());
    expect(says(place, [venv("bin/cowsay"), "-t", "as before"])).toContain("as before");
    expect(says(place, [venv("bin/pip"), "--version"])).toContain(`from ${venv("lib/python3")}`);
    // What installs from outside is to fail, instead of putting packages where nothing sees them.
    expect(readFileSync(venv("lib"), "utf8")).toContain("kapseli unwrap");
    expect(readFileSync(venv("pyvenv.cfg"), "utf8")).toContain("home = /usr/bin");
    expect(inodes(place, venv())).toBeLessThanOrEqual(30);
    expect(contents(at("project/.venv.kapseli-original"))).toEqual(original);
    expect(readdirSync(at("project")).sort()).toEqual([".venv", ".venv.kapseli-original", "run"]);
  });

  it("is activated in bash and dash by its own script, and deactivated", () => {
    expectBuilt(place, wrap("project/.venv"));
    const line = `. project/.venv/bin/activate; printf '%s\\n' "$VIRTUAL_ENV"; command -v python
python -c 'import cowsay, sys; print(sys.prefix)'; deactivate; printf '%s\\n' "<$VIRTUAL_ENV>"`;
    for (const shell of ["bash", "dash"]) {
      const said = says(place, [shell, "-c", line]).split("\n");
      expect({ shell, said }).toEqual({ shell, said: [venv(), venv("bin/python"), venv(), "<>"] });
    }
  });

  it("is read-only, as pip says, and is given back as it was", () => {
    expectBuilt(place, wrap("project"));
    const before = listing(venv());
    const ran = type(place, [venv("bin/pip"), "install", "--no-deps", "iniconfig==2.0.0"]);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toContain("Read-only file system");
    expect(listing(venv())).toEqual(before);
    const given = typeWell(place, ["kapseli", "unwrap", "project/.venv"]);
    expect(given.stdout).toContain("the original is back");
    expect(contents(venv())).toEqual(original);
    expect(readdirSync(at("project")).sort()).toEqual([".venv", "run"]);
  });

  it("is given back with what was put into it meanwhile, from the original and without it", () => {
    for (const discarded of [false, true]) {
      restore();
      expectBuilt(place, wrap("project"));
      if (discarded) typeWell(place, ["kapseli", "discard-original", "project"]);
      put(place, "project/.venv/bin/myscript", "#!/bin/sh\necho mine\n", 0o755);
      put(place, "project/.venv/data/table", "1 2 3\n");
      put(place, "project/.venv/notes.txt", "mine\n");
      const activate = readFileSync(venv("bin/activate"), "utf8");
      put(place, "project/.venv/bin/activate", `${activate}export MINE=1\n`);
      const given = type(place, ["kapseli", "unwrap", "--json", "project"]);
      const result = given.stdout.trim().split("\n").at(-1) ?? "";
      expect({ discarded, given: JSON.parse(result) }).toMatchObject({
        discarded,
        given: {
          original: !discarded,
          carried: ["bin/myscript", "data", "notes.txt"],
          kept: { directory: at("project/.venv.kapseli-kept"), names: ["bin/activate"] },
        },
      });
      expect(says(place, [venv("bin/myscript")])).toBe("mine");
      expect(readFileSync(venv("data/table"), "utf8")).toBe("1 2 3\n");
      expect(readFileSync(venv("bin/activate"), "utf8")).toBe(activate);
      expect(readFileSync(at("project/.venv.kapseli-kept/bin/activate"), "utf8")).toContain("MINE");
      const back = contents(venv());
      expect([...original].filter(([name, what]) => back.get(name) !== what)).toEqual([]);
      expect(readdirSync(at("project")).sort()).toEqual([".venv", ".venv.kapseli-kept", "run"]);
      expectRefused(type(place, ["kapseli", "unwrap", "project"]), 3, `${venv()} is not wrapped`);
    }
  });

  it("is updated in its place, and then given back with what the update added, unpacked", () => {
    expectBuilt(place, wrap("project"));
    put(place, "more.txt", "iniconfig==2.0.0\n");
    expectBuilt(place, type(place, ["pip-containerize", "update", "-r", "more.txt", "project/.venv"]));
    expect(lstatSync(venv("bin")).isDirectory()).toBe(true);
    expect(existsSync(venv("env"))).toBe(false);
    const code = "import iniconfig, cowsay; print(iniconfig.__file__)";
    expect(python(place, venv("bin/python"), code)).toContain(venv("lib/"));
    const line = ". project/.venv/bin/activate; python -c 'import iniconfig, sys; print(sys.prefix)'";
    expect(says(place, ["dash", "-c", line])).toBe(venv());

    const given = typeWell(place, ["kapseli", "unwrap", "project/.venv"]);
    expect(given.stdout).toContain(".venv.kapseli-original");
    const back = contents(venv());
    const differing = [...original].filter(([name, what]) => back.get(name) !== what);
    expect(differing).toEqual([]);
    const added = [...back.keys()].filter((name) => !original.has(name));
    expect(added.filter((name) => !/iniconfig|__pycache__/.test(name))).toEqual([]);
    expect(python(place, venv("bin/python"), code)).toContain(venv("lib/"));
    typeWell(place, [venv("bin/pip"), "uninstall", "-qy", "iniconfig"]);
    expect(typeWell(place, ["kapseli", "discard-original", "project/.venv"]).stdout).toContain("is removed");
    expect(readdirSync(at("project")).sort()).toEqual([".venv", "run"]);
  });

  it("with links that lead nowhere is wrapped and updated without them, also with an environ script that prints", () => {
    symlinkSync("gone", venv("bin/inside"));
    symlinkSync("/nowhere/gone", venv("bin/outside"));
    const warned = "links that lead to no program get no command: bin/inside, bin/outside";
    const wrapped = wrap("project");
    expectBuilt(place, wrapped);
    expect(wrapped.stderr.split(warned)).toHaveLength(2);
    const prints = script(place, "prints.sh", "echo Loading modules", "printf 'without an end'");
    const updated = type(place, ["pip-containerize", "update", "--environ", prints, "project/.venv"]);
    expectBuilt(place, updated);
    expect(updated.stderr.split(warned)).toHaveLength(2);
    expect(existsSync(venv("bin/outside"))).toBe(false);
    expect(says(place, [venv("bin/cowsay"), "-t", "as before"])).toContain("as before");
  });

  it("moved with its project works, says how it is mended, and then is activated where it is", () => {
    expectBuilt(place, wrap("project"));
    typeWell(place, ["rm", "-rf", "elsewhere"]);
    typeWell(place, ["mv", "project", "elsewhere"]);
    const moved = at("elsewhere/.venv");
    expect(python(place, join(moved, "bin/python"), "import cowsay; print(1)")).toBe("1");
    expectRefused(type(place, ["kapseli", "unwrap", "elsewhere/.venv"]), 3, `kapseli relocate ${moved}`);
    expectBuilt(place, type(place, ["kapseli", "relocate", "elsewhere/.venv"]));
    const line = `. elsewhere/.venv/bin/activate; printf '%s\\n' "$VIRTUAL_ENV"
python -c 'import cowsay, sys; print(sys.prefix, sys.executable)'; cowsay -t moved >/dev/null`;
    expect(says(place, ["dash", "-c", line]).split("\n")).toEqual([moved, `${moved} ${moved}/bin/python`]);
    typeWell(place, ["kapseli", "unwrap", "elsewhere/.venv"]);
    expect(says(place, ["dash", "-c", line]).split("\n")).toEqual([moved, `${moved} ${moved}/bin/python`]);
    typeWell(place, ["mv", "elsewhere", "project"]);
  });

  it("may be the current directory, and may be named by a link", () => {
    symlinkSync(".venv", at("project/link"));
    const ran = type(place, ["kapseli", "wrap", "."], { cwd: venv() });
    expectBuilt(place, ran);
    expect(python(place, venv("bin/python"), "import sys; print(sys.prefix)", { cwd: "/" })).toBe(venv());
    typeWell(place, ["kapseli", "unwrap", "project/link"]);
    expect(contents(venv())).toEqual(original);
    expectBuilt(place, type(place, ["wrap-install", "--in-place", "project/link"]));
    expect(lstatSync(at("project/link")).isSymbolicLink()).toBe(true);
    expect(python(place, at("project/link/bin/python"), "import cowsay; print(1)")).toBe("1");
  });

  it("with --compile has all of its Python compiled", () => {
    const compiled =
      "import cowsay, os, importlib.util as u; print(os.path.exists(u.cache_from_source(cowsay.__file__)))";
    expectBuilt(place, wrap("project"));
    expect(python(place, venv("bin/python"), compiled)).toBe("False");
    typeWell(place, ["kapseli", "unwrap", "project/.venv"]);
    expectBuilt(place, wrap("--compile", "project"));
    expect(python(place, venv("bin/python"), compiled)).toBe("True");
  });

  it("that is stopped while it is packed stays as it was, with nothing beside it", async () => {
    const slow = `#!/bin/sh
case $1 in */.venv) touch "$0.started"; exec sleep 120;; esac
exec /usr/bin/mksquashfs "$@"
`;
    put(place, "slow/mksquashfs", slow, 0o755);
    const before = listing(at("project"));
    const running = start(place, ["kapseli", "wrap", "project"], {
      PATH: `${at("slow")}:${baseEnvironment(place.user).PATH ?? ""}`,
    });
    await until("mksquashfs", () => existsSync(at("slow/mksquashfs.started")));
    process.kill(running.pid, "SIGTERM");
    expect(await running.ended, running.output()).toBe(143);
    expectNothingLeft(place, at("project"), before);
  });

  describe("whose command was killed", () => {
    const python3 = (): string => python(place, venv("bin/python"), "import sys; print(sys.prefix)");
    const names = (): string[] => readdirSync(at("project")).sort();
    beforeEach(() => expectBuilt(place, wrap("project")));

    it("before the two renames of wrapping is wrapped by the next one", () => {
      typeWell(place, ["mv", venv(), at("project/..venv.kapseli-new")]);
      typeWell(place, ["mv", at("project/.venv.kapseli-original"), venv()]);
      expectBuilt(place, wrap("project"));
      expect(python3()).toBe(venv());
      expect(names()).toEqual([".venv", ".venv.kapseli-original", "run"]);
    });

    it.each(["project", "project/.venv"])(
      "between them is put back and wrapped by the next one (%s)",
      (name) => {
        typeWell(place, ["mv", venv(), at("project/..venv.kapseli-new")]);
        const ran = wrap(name);
        expectBuilt(place, ran);
        expect(ran.stderr).toContain(`${venv()} is back, which was ${venv()}.kapseli-original`);
        expect(python3()).toBe(venv());
        expect(contents(at("project/.venv.kapseli-original"))).toEqual(original);
        expect(names()).toEqual([".venv", ".venv.kapseli-original", "run"]);
      },
    );

    it.each(["project", "project/.venv"])(
      "between those of unwrapping is given back by the next one (%s)",
      (name) => {
        typeWell(place, ["mv", venv(), at("project/..venv.kapseli-unwrapped")]);
        expect(type(place, ["kapseli", "wrap", "--dry-run", "project/.venv"]).exitCode).not.toBe(0);
        expect(existsSync(venv())).toBe(false);
        const given = typeWell(place, ["kapseli", "unwrap", name]);
        expect(given.stderr).toContain(
          `${venv()} is back, which was ${at("project/..venv.kapseli-unwrapped")}`,
        );
        expect(contents(venv())).toEqual(original);
        expect(names()).toEqual([".venv", "run"]);
      },
    );
  });

  it("where the directory above may not be written is refused, and nothing changes", () => {
    chmodSync(at("project"), 0o555);
    const before = listing(at("project"));
    expectRefused(wrap("project"), 4, at("project"));
    expectNothingLeft(place, at("project"), before);
  });

  it("is refused a second time, where there is no environment, where there are several, and with scripts", () => {
    const post = script(place, "post.sh", "true");
    expectRefused(
      type(place, ["wrap-install", "--in-place", "--post-install", post, "project/.venv"]),
      2,
      "pip-containerize update --post-install",
    );
    put(place, "nothing/file.txt", "a file\n");
    expectRefused(wrap("nothing"), 3, `${at("nothing")} holds no environment`);
    expectRefused(wrap("nowhere"), 3, `${at("nowhere")} does not exist`);
    typeWell(place, ["cp", "-a", venv(), at("project/.pixi-tmp")]);
    put(place, "project/.pixi/envs");
    typeWell(place, ["mv", at("project/.pixi-tmp"), at("project/.pixi/envs/default")]);
    expectRefused(wrap("project"), 3, "several environments", venv(), at("project/.pixi/envs/default"));
    expectBuilt(place, wrap("project/.venv"));
    const before = listing(at("project"));
    expectRefused(wrap("project/.venv"), 3, "is a prefix already", "kapseli unwrap");
    expectRefused(type(place, ["kapseli", "unwrap", "nothing"]), 3, `${at("nothing")} is not wrapped`);
    expectRefused(type(place, ["kapseli", "unwrap", "nowhere"]), 3, "there is no such directory");
    expectNothingLeft(place, at("project"), before);
  });
});

describe("a project's conda environment in .pixi/envs, wrapped in place", () => {
  const prefix = (name = ""): string => at(join("pixi/.pixi/envs/default", name));
  const managed = (): string => at("home/.local/share/uv/python/cpython-3.11");
  let original: Map<string, string>;
  beforeAll(() => {
    const file = putEnv(place, "python=3.11, pip, kapseli-text-prefix, kapseli-activate");
    typeWell(place, ["conda-containerize", "new", "--prefix", prefix(), file]);
    unpackInPlace(place, prefix());
    typeWell(place, ["touch", prefix("conda-meta/history")]);
    original = contents(prefix());
    // As uv keeps the Pythons that it manages.
    put(place, "home/.local/share/uv/python");
    typeWell(place, ["cp", "-a", prefix(), managed()]);
    expectBuilt(place, wrap("pixi"));
  });

  it("works by its paths with its activation, and is known as a conda environment", () => {
    expect(python(place, prefix("bin/python"), "import sys; print(sys.prefix)")).toBe(prefix());
    expect(says(place, [prefix("bin/kapseli-text-prefix")])).toContain(prefix());
    const manifest = manifestOf(prefix());
    expect(manifest.tool).toBe("conda");
    expect(manifest.environment).toContainEqual({ name: "CONDA_PREFIX", change: "set", value: prefix() });
    const code = "import os; print(os.environ['ACTIVATED_HOME'], os.environ['ACTIVATED_BY_ENV_VARS'])";
    expect(python(place, prefix("bin/python"), code)).toBe(
      `${prefix("share/kapseli-activate")} from env_vars.d`,
    );
    expect(existsSync(prefix("conda-meta/history"))).toBe(true);
    expect(inodes(place, prefix())).toBeLessThanOrEqual(30);
  });

  it("has its packages recorded, is updated, and given back", () => {
    const names = manifestOf(prefix()).packages.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(["python", "kapseli-activate"]));
    const post = script(place, "conda-post.sh", "conda install -y cowsay", "pip install -q iniconfig==2.0.0");
    expectBuilt(
      place,
      type(place, ["conda-containerize", "update", "--post-install", post, prefix()], {
        env: { CONDA_CHANNELS: channelUrl() },
      }),
    );
    expect(python(place, prefix("bin/python"), "import cowsay, iniconfig; print('both')")).toBe("both");
    expect(existsSync(prefix("conda-meta/history"))).toBe(true);
    expect(existsSync(prefix("env"))).toBe(false);
    typeWell(place, ["kapseli", "unwrap", prefix()]);
    const back = contents(prefix());
    expect([...original.keys()].filter((name) => !back.has(name))).toEqual([]);
    expect(python(place, prefix("bin/python"), "import cowsay, iniconfig; print('both')")).toBe("both");
    expect(contents(`${prefix()}.kapseli-original`)).toEqual(original);
  });

  it("is the Python of a uv project's venv, which is wrapped where no other Python is, and updated by uv", () => {
    const venv = at("uv-project/.venv");
    typeWell(place, [join(managed(), "bin/python3.11"), "-m", "venv", "--without-pip", venv]);
    const configuration = readFileSync(join(venv, "pyvenv.cfg"), "utf8");
    put(place, "uv-project/.venv/pyvenv.cfg", `${configuration}uv = 0.13.8\n`);
    for (const name of ["node", "sh", "env", "apptainer", "mksquashfs", "unsquashfs", "setsid", "cat"]) {
      const [found] = says(place, ["which", name]).split("\n");
      put(place, "few");
      symlinkSync(found ?? "", at(`few/${name}`));
    }
    const PATH = `${installedBin()}:${at("few")}`;
    expectBuilt(place, type(place, ["kapseli", "wrap", "uv-project"], { env: { PATH } }));
    const code = "import sys; print(sys.prefix, sys.base_prefix)";
    expect(python(place, join(venv, "bin/python"), code)).toBe(`${venv} ${managed()}`);

    put(place, "uv-more.txt", "iniconfig==2.0.0\n");
    expectBuilt(place, type(place, ["pip-containerize", "update", "-r", "uv-more.txt", venv]));
    const installed = "import iniconfig, sys; print(sys.prefix)";
    expect(python(place, join(venv, "bin/python"), installed)).toBe(venv);
  });
});
