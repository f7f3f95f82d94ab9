import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { userInfo } from "node:os";
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
import { baseEnvironment, ordinary } from "../support/real.ts";
import { contents, keep } from "../support/trees.ts";

let place: Place;
const at = (name: string): string => join(place.directory, name);
const PREFIX = "import sys; print(sys.prefix, sys.executable)";

beforeAll(() => {
  place = newPlace(ordinary());
  put(place, "more.txt", "iniconfig==2.0.0\n");
});
afterAll(() => place?.[Symbol.dispose]());

describe("an update of a conda environment with Python", () => {
  const update = (...args: string[]) => type(place, ["conda-containerize", "update", ...args]);
  let restore: () => void;
  let sleeper: ChildProcess | undefined;
  beforeAll(() => {
    const file = putEnv(place, "python=3.11, pip, kapseli-text-prefix, kapseli-binary-prefix");
    put(place, "first.txt", "cowsay==6.1\n");
    expectBuilt(
      place,
      type(place, ["conda-containerize", "new", "-r", "first.txt", "--prefix", "conda", file]),
    );
    restore = keep(place, "conda");
  });
  beforeEach(() => restore());
  afterEach(() => sleeper?.kill("SIGKILL"));

  it("installs requirements, and what a script installs by pip and by conda; the next update adds to it", () => {
    const post = script(
      place,
      "post.sh",
      "conda install -y kapseli-versions=1.0",
      "pip install -q pluggy==1.5.0",
    );
    expectBuilt(place, update("-r", "more.txt", "--post-install", post, "conda"));
    const code = "import iniconfig, pluggy, cowsay, sys; print(sys.prefix)";
    expect(python(place, at("conda/bin/python3"), code)).toBe(at("conda"));
    expect(says(place, [at("conda/bin/kapseli-versions")])).toBe("1.0");
    const packages = manifestOf(at("conda")).packages.map(({ name }: { name: string }) => name);
    expect(packages).toEqual(expect.arrayContaining(["iniconfig", "pluggy", "cowsay", "kapseli-versions"]));
    expect(says(place, [at("conda/bin/list-packages")])).toContain("kapseli-versions");

    const next = script(place, "next.sh", "conda install -y kapseli-versions=2.0");
    expectBuilt(place, update("--post-install", next, "conda"));
    expect(says(place, [at("conda/bin/kapseli-versions")])).toBe("2.0");
    expect(existsSync(at("conda/bin/kapseli-only-in-1"))).toBe(false);
    expect(python(place, at("conda/bin/python3"), code)).toBe(at("conda"));
    const inputs = (number: number) => readdirSync(at(`conda/share/previous_input/${number}`)).sort();
    expect([inputs(0), inputs(1), inputs(2)]).toEqual([["env.yml", "first.txt"], ["more.txt"], []]);
    // Where nothing was converted, no update makes a generation 0.
    expect(readdirSync(at("conda/generations")).sort()).toEqual(["1", "2", "3"]);

    // Hashes of pip's downloads are in no image: another generation knows them, or what is left of the lock itself.
    const lock = at("conda/current/environment.lock");
    const written = readFileSync(lock, "utf8");
    expect(written).toMatch(/^iniconfig==2\.0\.0 --hash=sha256:/m);
    for (const damage of ["rm", "sed -i /kapseli-versions/d"]) {
      typeWell(place, ["sh", "-c", `${damage} "$1"`, "sh", lock]);
      const mended = type(place, ["kapseli", "verify", "--repair", at("conda")]);
      expect(mended.exitCode, mended.stdout + mended.stderr).toBe(0);
      expect(readFileSync(lock, "utf8")).toBe(written);
    }
  });

  it("takes the interpreter from a file beside the image, which generations share, and without it from the image", () => {
    const kept = (generation: number) => at(`conda/generations/${generation}/interpreter`);
    const code =
      "import os, sys; me = os.stat('/proc/self/exe'); print(me.st_ino, me.st_dev == os.stat(os.__file__).st_dev, sys.executable)";
    const first = statSync(kept(1));
    const said = python(place, at("conda/bin/python3"), code);
    expect(said).toBe(`${first.ino} False ${at("conda/bin/python3")}`);
    const { path, sha256 } = manifestOf(at("conda")).interpreter;
    expect(path).toBe("bin/python3.11");
    expect(sha256).toBe(
      createHash("sha256")
        .update(readFileSync(kept(1)))
        .digest("hex"),
    );

    put(place, "second.txt", "iniconfig\n");
    expectBuilt(place, update("-r", "second.txt", "conda"));
    expect(statSync(kept(2)).ino).toBe(first.ino);
    rmSync(kept(1));
    rmSync(kept(2));
    expect(python(place, at("conda/bin/python3"), code)).toMatch(/^\d+ True /);
  });

  it("leaves a running program alone, which goes on importing from what it was started from", async () => {
    const program =
      "import sys; print('up', flush=True); sys.stdin.read(); import cowsay, sqlite3, decimal; print(decimal.Decimal(1))";
    const started = spawn(at("conda/bin/python3"), ["-c", program], {
      cwd: place.directory,
      env: baseEnvironment(place.user),
      ...(userInfo().uid === 0 ? { uid: place.user.uid, gid: place.user.gid } : {}),
    });
    sleeper = started;
    let said = "";
    started.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await until("the running program", () => said.includes("up"));
    const post = script(place, "post.sh", "pip uninstall -qy cowsay");
    const updated = update("--post-install", post, "conda");
    expect(updated.exitCode, updated.stderr).toBe(0);
    expect(type(place, [at("conda/bin/python3"), "-c", "import cowsay"]).exitCode).toBe(1);
    const ended = new Promise<number | null>((resolve) => started.on("close", (code) => resolve(code)));
    started.stdin.end();
    expect(await ended).toBe(0);
    expect(said).toBe("up\n1\n");
  });

  it("of a moved one, by a relative path with a slash from elsewhere, makes its paths the new place's", () => {
    const moved = put(place, "elsewhere");
    typeWell(place, ["mv", "conda", "elsewhere/conda-moved"]);
    const ran = type(
      place,
      ["conda-containerize", "update", "-r", "../more.txt", "../elsewhere/conda-moved/"],
      { cwd: moved },
    );
    expectBuilt(place, ran);
    const root = join(moved, "conda-moved");
    const bin = (name: string): string => join(root, "bin", name);
    const { stderr } = typeWell(place, [bin("python3"), "-c", "pass"]);
    expect(stderr).toBe("");
    expect(python(place, bin("python3"), PREFIX)).toBe(`${root} ${bin("python3")}`);
    expect(says(place, [bin("python3"), "-m", "pip", "--version"])).toContain(`from ${root}/lib/`);
    expect(says(place, [bin("cowsay"), "-t", "moved"])).toContain("moved");
    expect(says(place, [bin("_debug_exec"), "head", "-n1", bin("cowsay")])).toMatch(`#!${root}/bin/python3`);
    expect(says(place, [bin("kapseli-binary-prefix")])).toBe(`${root}/share/kapseli-binary-prefix`);
    expect(says(place, [bin("kapseli-text-prefix")])).not.toContain(at("conda/"));
    expect(manifestOf(root).root).toBe(root);
    typeWell(place, ["rm", "-rf", root]);
  });

  it("of a copy leaves the one that was copied alone", () => {
    typeWell(place, ["cp", "-a", "conda", "conda-copy"]);
    const before = listing(at("conda"));
    expectBuilt(place, update("-r", "more.txt", "conda-copy"));
    expect(listing(at("conda"))).toEqual(before);
    expect(python(place, at("conda-copy/bin/python3"), PREFIX)).toBe(
      `${at("conda-copy")} ${at("conda-copy/bin/python3")}`,
    );
    expect(python(place, at("conda/bin/python3"), PREFIX)).toBe(`${at("conda")} ${at("conda/bin/python3")}`);
    typeWell(place, ["rm", "-rf", "conda-copy"]);
  });
});

describe("an update of a conda environment without Python", () => {
  const update = (...args: string[]) => type(place, ["conda-containerize", "update", ...args]);
  let restore: () => void;
  beforeAll(() => {
    const file = putEnv(place, "kapseli-versions=1.0, kapseli-binary-prefix", "", "small.yml");
    put(place, "environ.sh", 'export KAPSELI_ENVIRON="first $KAPSELI_CALLER"\n');
    expectBuilt(
      place,
      type(place, [
        ...(["conda-containerize", "new", "--prefix", "small"] as const),
        ...["--environ", "environ.sh", "-w", "/usr/bin/printf", file],
      ]),
    );
    restore = keep(place, "small");
  });
  beforeEach(() => restore());

  const inside = (...argv: string[]): string => says(place, [at("small/bin/_debug_exec"), ...argv]);

  it("with no option makes the same environment again, --environ and -w kept", () => {
    const before = manifestOf(at("small"));
    const ran = update("small");
    expectBuilt(place, ran);
    expect(ran.stderr).not.toContain("WARNING");
    const after = manifestOf(at("small"));
    for (const key of ["commands", "packages", "environment", "options", "location", "channels", "inputs"]) {
      if (key !== "inputs") expect({ [key]: after[key] }).toEqual({ [key]: before[key] });
    }
    expect(after.generation).toBe(2);
    const environ = says(place, [at("small/bin/_debug_exec"), "printenv", "KAPSELI_ENVIRON"], {
      env: { KAPSELI_CALLER: "caller" },
    });
    expect(environ).toBe("first caller");
    expect(says(place, [at("small/bin/printf"), "%s", "wrapped"])).toBe("wrapped");
    expect(readdirSync(at("small/share/previous_input")).sort()).toEqual(["0", "1"]);
  });

  it("can be taken back, commands included; the next one begins with what is current then", () => {
    const post = script(place, "newer.sh", "conda install -y kapseli-versions=2.0");
    expectBuilt(place, update("--post-install", post, "small"));
    expect(existsSync(at("small/bin/kapseli-only-in-2"))).toBe(true);
    typeWell(place, ["kapseli", "rollback", "small"]);
    expect(existsSync(at("small/bin/kapseli-only-in-2"))).toBe(false);
    expect(says(place, [at("small/bin/kapseli-versions")])).toBe("1.0");
    expectBuilt(place, update("small"));
    expect(readlinkSync(at("small/current"))).toBe("generations/3");
    expect(says(place, [at("small/bin/kapseli-versions")])).toBe("1.0");
  });

  it("with another --environ replaces it", () => {
    put(place, "other.sh", "export KAPSELI_OTHER=second\n");
    expectBuilt(place, update("--environ", "other.sh", "small"));
    expect(inside("sh", "-c", 'echo "$KAPSELI_OTHER<$KAPSELI_ENVIRON>"')).toBe("second<>");
  });

  it("adds to -w, warns of what is gone, and forgets what it is told to forget", () => {
    const post = script(
      place,
      "tools.sh",
      'mkdir -p "$env_root/tools" "$env_root/more"',
      'printf "#!/bin/sh\\necho from tools\\n" >"$env_root/tools/own-tool"',
      'printf "#!/bin/sh\\necho from more\\n" >"$env_root/more/more-tool"',
      'chmod 755 "$env_root"/*/*-tool',
    );
    expectBuilt(place, update("--post-install", post, "-w", "tools,more", "small"));
    expect(says(place, [at("small/bin/own-tool")])).toBe("from tools");
    expect(says(place, [at("small/bin/more-tool")])).toBe("from more");
    expect(says(place, [at("small/bin/printf"), "still"])).toBe("still");

    const gone = script(place, "gone.sh", 'rm -r "$env_root/tools"');
    const warned = update("--post-install", gone, "small");
    expectBuilt(place, warned);
    expect(warned.stderr).toMatch(/WARNING.*tools, which an earlier -w .*--remove-wrapper-paths/);
    expect(existsSync(at("small/bin/own-tool"))).toBe(false);
    expect(says(place, [at("small/bin/more-tool")])).toBe("from more");

    const forgot = update("--remove-wrapper-paths", "tools,/usr/bin/printf", "small");
    expectBuilt(place, forgot);
    expect(forgot.stderr).not.toContain("WARNING");
    expect(existsSync(at("small/bin/printf"))).toBe(false);
    expect(manifestOf(at("small")).options.wrapperPaths).toEqual(["more"]);
    expectRefused(update("--remove-wrapper-paths", "tools", "small"), 3, "not among those remembered");
  });

  it("that fails or is stopped, whatever it does at that time, leaves every file as it was", async () => {
    const before = contents(at("small"));
    const times = listing(at("small"));
    const unchanged = (): void => {
      expectNothingLeft(place, at("small"), times);
      expect(contents(at("small"))).toEqual(before);
    };
    const failing = script(place, "failing.sh", 'rm -r "$env_root"/bin', "cat /no-such-file");
    expectRefused(update("--post-install", failing, "small"), 5, "failing.sh", "2", "/no-such-file");
    unchanged();
    expectRefused(update("-w", "no/such/directory", "small"), 3, "no/such/directory");
    unchanged();
    expectRefused(update("-r", "no-such-file.txt", "small"), 3, "no-such-file.txt");
    unchanged();
    expectRefused(update("-r", "more.txt", "small"), 5, "the environment has no Python");
    unchanged();

    // The image does not fit, as on a full disk or over a quota.
    const large = script(
      place,
      "large.sh",
      'for name in a b; do head -c 3000000 /dev/urandom >"$env_root/$name"; done',
    );
    const halves = `trap '' XFSZ; ulimit -f 4000; exec conda-containerize update --post-install ${large} small`;
    const full = type(place, ["bash", "-c", halves]);
    expectRefused(full, 6, "mksquashfs");
    unchanged();

    const waiting = script(place, "stopped.sh", `touch '${at("stopped")}'`, "sleep 120");
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      typeWell(place, ["rm", "-f", "stopped"]);
      const running = start(place, ["conda-containerize", "update", "--post-install", waiting, "small"]);
      await until("the script", () => existsSync(at("stopped")));
      // Ctrl-C reaches the whole group of processes.
      process.kill(signal === "SIGINT" ? -running.pid : running.pid, signal);
      expect(await running.ended, running.output()).toBe(code);
      unchanged();
    }
  });

  it("while another one runs says who holds it, and leaves it alone", async () => {
    const waiting = script(place, "waiting.sh", `until [ -e '${at("go")}' ]; do sleep 0.1; done`);
    const first = start(place, ["conda-containerize", "update", "--post-install", waiting, "small"]);
    await until("the script", () => first.output().includes("post-install"));
    const second = update("small");
    put(place, "go", "");
    expect(second.exitCode).toBe(4);
    expect(second.stderr).toMatch(new RegExp(`${first.pid}`));
    expect(await first.ended, first.output()).toBe(0);
    expect(readdirSync(at("small/generations")).sort()).toEqual(["1", "2"]);
  });

  it("of an environment in PREFIX/env keeps it there, by PREFIX as by PREFIX/env", () => {
    const project = put(place, "project");
    put(place, "project/small.yml", readFileSync(at("small.yml")));
    put(place, "project/notes.txt", "the user's own\n");
    expectBuilt(place, type(place, ["conda-containerize", "new", "small.yml"], { cwd: project }));
    const names = readdirSync(project).sort();
    for (const [index, name] of ["project", "project/env"].entries()) {
      expectBuilt(place, update(name));
      expect(readdirSync(project).sort()).toEqual(names);
      expect(readlinkSync(join(project, "bin"))).toBe("env/bin");
      expect(readlinkSync(join(project, "env/current"))).toBe(`generations/${index + 2}`);
      expect(says(place, [join(project, "bin/kapseli-versions")])).toBe("1.0");
    }
  });

  it("of what cannot be updated is refused with the reason, and nothing changes", () => {
    put(place, "somewhere/file.txt", "a file\n");
    expectRefused(update("somewhere"), 3, "does not exist or is not a valid installation");
    expectRefused(update("nowhere"), 3, "does not exist or is not a valid installation");
    const before = listing(at("small"));
    expectRefused(
      type(place, ["pip-containerize", "update", "small"]),
      3,
      "is a conda environment",
      "conda-containerize update",
    );
    expectNothingLeft(place, at("small"), before);
    typeWell(place, ["rm", "small/generations/1/env.sqfs"]);
    const damaged = listing(at("small"));
    expectRefused(update("small"), 3, "generations/1/env.sqfs is missing");
    expectNothingLeft(place, at("small"), damaged);
  });
});

describe.each([
  ["pip", []],
  ["uv", ["--uv"]],
])("an update of a pip environment made with %s", (engine, flags) => {
  const prefix = (name = ""): string => at(join(`${engine}-env`, name));
  const update = (...args: string[]) => type(place, ["pip-containerize", "update", ...args]);
  beforeAll(() => {
    put(place, "cowsay.txt", "cowsay==6.1\n");
    expectBuilt(
      place,
      type(place, ["pip-containerize", "new", ...flags, "--prefix", prefix(), "cowsay.txt"]),
    );
  });

  it("installs requirements and what a script installs; moved, it is rewritten for its new place", () => {
    const pip = engine === "uv" ? "uv pip" : "pip";
    const post = script(place, "pip-post.sh", `${pip} install pluggy==1.5.0`);
    const ran = update("-r", "more.txt", "--post-install", post, prefix());
    expectBuilt(place, ran);
    if (engine === "uv")
      expect(readFileSync(prefix("current/build.log"), "utf8")).toMatch(/Resolved 1 package/);
    const lock = readFileSync(prefix("current/environment.lock"), "utf8");
    // What was there keeps the hash that the first build noted; of what a script ran, pip tells nothing.
    expect(lock).toMatch(/^cowsay==6\.1 --hash=sha256:274b1e6fc1b966d5/m);
    expect(lock).toMatch(/^iniconfig==\S+( --hash=sha256:[0-9a-f]{64})+$/m);
    const all = "import cowsay, iniconfig, pluggy, sys; print(sys.prefix)";
    expect(python(place, prefix("bin/python3"), all)).toBe(prefix());

    const moved = at(`${engine} moved`);
    typeWell(place, ["mv", prefix(), moved]);
    const bin = (name: string): string => join(moved, "bin", name);
    expectBuilt(place, update(moved));
    expect(python(place, bin("python3"), PREFIX)).toBe(`${moved} ${bin("python3")}`);
    expect(python(place, bin("python3"), all)).toBe(moved);
    expect(says(place, [bin("cowsay"), "-t", "moved"])).toContain("moved");
    if (engine === "pip") {
      expect(says(place, [bin("python3"), "-m", "pip", "--version"])).toContain(`from ${moved}/lib/`);
      expect(says(place, [bin("pip"), "--version"])).toContain(`from ${moved}/lib/`);
    }
    const before = listing(moved);
    expectRefused(type(place, ["conda-containerize", "update", moved]), 3, "is a pip environment");
    put(place, "nowhere.txt", "kapseli-no-such-package-anywhere\n");
    expectRefused(update("-r", "nowhere.txt", moved), 5, "kapseli-no-such-package-anywhere");
    expectNothingLeft(place, moved, before);
    expectRefused(type(place, ["kapseli", "relocate", moved]), 3, "is where it was built");
    typeWell(place, ["mv", moved, prefix()]);
    expectBuilt(place, type(place, ["kapseli", "relocate", prefix()]));
    expect(python(place, prefix("bin/python3"), all)).toBe(prefix());
  });
});

it("a conda environment made with --mamba --uv goes on installing requirements with uv", () => {
  const file = putEnv(place, "python=3.11, pip, {pip: [cowsay==6.1]}", "", "hybrid.yml");
  expectBuilt(
    place,
    type(place, ["conda-containerize", "new", "--mamba", "--uv", "--prefix", "hybrid", file]),
  );
  expectBuilt(place, type(place, ["conda-containerize", "update", "-r", "more.txt", "hybrid"]));
  expect(readFileSync(at("hybrid/current/build.log"), "utf8")).toMatch(/Resolved 1 package/);
  const code = "import cowsay, iniconfig; print('both')";
  expect(python(place, at("hybrid/bin/python3"), code)).toBe("both");
});
