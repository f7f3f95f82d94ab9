import { mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  build,
  environmentAt,
  everyWay,
  prepareEnvironments,
  sharedEnvironment,
} from "../support/launcher-environment.ts";
import { report, reportIn } from "../support/launcher-report.ts";
import { remove, runAs, scratch, type TestUser, testUsers } from "../support/real.ts";

function lines(user: TestUser, line: string, cwd: string, env: Record<string, string> = {}): string {
  const ran = runAs(user, ["sh", "-ec", line], { cwd, env });
  if (ran.exitCode !== 0) throw new Error(ran.stderr);
  return ran.stdout;
}

describe.each(testUsers())("as $name", (user) => {
  const shared = sharedEnvironment(user);
  const itself = { executable: shared.python, prefix: shared.root };
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
  });
  afterAll(() => remove(directory));

  describe.each(everyWay(user))("a prefix, the image mounted by $way,", ({ way, environment }) => {
    it("copied with cp -a works, by its absolute and a relative path, and links to it", () => {
      const copy = join(directory, `copy-${way}`);
      lines(user, 'cp -a "$FROM" "$TO"; ln -s "$TO/bin/python3" "$TO-link"', directory, {
        FROM: environment.root,
        TO: copy,
      });
      expect(report(user, join(copy, "bin/python3"))).toMatchObject(itself);
      const relative = reportIn(user, `cd copy-${way}/bin && ./python3 -c "$3"`, "", { cwd: directory });
      expect(relative).toMatchObject({ ...itself, cwd: join(copy, "bin") });
    });

    it("moved works where it is now, its working directory and OLDPWD are the caller's", () => {
      const moved = join(directory, `moved-${way}`);
      lines(user, 'cp -a "$FROM" before; mv before "$TO"', directory, { FROM: environment.root, TO: moved });
      const seen = report(user, join(moved, "bin/python3"), ["a b"], {
        cwd: directory,
        env: { PWD: directory, OLDPWD: "/usr" },
      });
      expect(seen).toMatchObject({ ...itself, argv: ["a b"], cwd: directory });
      expect(seen.environment).toMatchObject({ OLDPWD: "/usr", PWD: directory });
      expect(report(user, join(moved, "bin/python3")).environment).not.toHaveProperty("OLDPWD");
    });

    it("moved to a path of commas, colons, quotes and other letters works", () => {
      const moved = join(directory, `a,b:c'd$(id)-ü-${way}`);
      lines(user, 'cp -a "$FROM" "$TO"', directory, { FROM: environment.root, TO: moved });
      expect(report(user, join(moved, "bin/python3"))).toMatchObject(itself);
    });

    it(`moved to a path with a space ${way === "image" ? "works" : "is refused: --fusemount cannot carry it"}`, () => {
      const moved = join(directory, `a space ${way}`);
      lines(user, 'cp -a "$FROM" "$TO"', directory, { FROM: environment.root, TO: moved });
      if (way === "image") {
        expect(report(user, join(moved, "bin/python3"))).toMatchObject(itself);
      } else {
        const ran = runAs(user, [join(moved, "bin/python3"), "-V"]);
        expect(ran.stderr).toBe(
          `kapseli: python3: the prefix was moved to a path with a space in it (${moved}), which this runtime cannot mount; give it another name\n`,
        );
        expect(ran.exitCode).toBe(1);
      }
    });
  });

  it("moved to a path with a double quote is refused with a line that says so", () => {
    const moved = join(directory, 'quo"te');
    lines(user, 'cp -a "$FROM" "$TO"', directory, { FROM: shared.root, TO: moved });
    const ran = runAs(user, [join(moved, "bin/python3"), "-V"]);
    expect(ran.stderr).toMatch(
      /^kapseli: python3: the prefix was moved to a path with a double quote in it .*\n$/,
    );
    expect(ran.exitCode).toBe(1);
  });

  it("moved away from a place that is gone is mounted there again; where that may not be made, a line says so", () => {
    const place = join(directory, "place");
    lines(user, "mkdir place", directory);
    const built = build(user, join(place, "env"), ["cowsay"]);
    const moved = environmentAt(join(directory, "gone"));
    lines(user, "mv place/env gone", directory);
    expect(report(user, moved.python)).toMatchObject({ prefix: built.root });
    if (user.uid === 0) return;
    lines(user, "rmdir place/env; chmod a-w place", directory);
    const ran = runAs(user, [moved.python, "-V"]);
    lines(user, "chmod u+w place", directory);
    expect(ran.stderr).toMatch(
      /^kapseli: python3: the environment was moved from .*cannot be made in .*; make it, or run: kapseli relocate \S+\/gone\n$/,
    );
    expect(ran.exitCode).toBe(1);
  });

  it("reached by links, under other names too, is the moved one itself", () => {
    const moved = join(directory, "linked");
    lines(
      user,
      'cp -a "$FROM" linked; ln -s linked/bin/python3 "my python"; mkdir sub; ln -s "../my python" sub/',
      directory,
      {
        FROM: shared.root,
      },
    );
    for (const link of ["my python", "sub/my python"]) {
      expect(report(user, join(directory, link))).toMatchObject(itself);
    }
    lines(user, "rm linked/current/env.sqfs", directory);
    expect(runAs(user, [join(directory, "my python"), "-V"]).stderr).toContain(
      `${moved}/generations/1/env.sqfs is missing`,
    );
  });

  it("a venv whose python is a link into a copy is that venv, and its children are", () => {
    lines(
      user,
      'cp -a "$FROM" of-venv; mkdir -p venv/bin; ln -s ../../of-venv/bin/python3 venv/bin/python; echo "home = $FROM/bin" >venv/pyvenv.cfg',
      directory,
      { FROM: shared.root },
    );
    const python = join(directory, "venv/bin/python");
    expect(report(user, python)).toMatchObject({ executable: python, prefix: join(directory, "venv") });
    const source = `import subprocess, sys; print(subprocess.run([sys.executable, "-c", "import sys; print(sys.prefix)"], stdout=-1, text=True).stdout, end="")`;
    expect(runAs(user, [python, "-c", source]).stdout).toBe(`${join(directory, "venv")}\n`);
  });

  it("reached through a symlinked parent, moved or not, works", () => {
    const moved = join(directory, "below", "env");
    lines(user, 'mkdir below; cp -a "$FROM" below/env; ln -s below through', directory, {
      FROM: shared.root,
    });
    expect(report(user, join(directory, "through/env/bin/python3"))).toMatchObject(itself);
    expect(report(user, join(moved, "bin/python3"))).toMatchObject(itself);
  });

  it.runIf(userInfo().uid === 0)("a directory bound at two places has working launchers at both", () => {
    const second = join(directory, "second");
    mkdirSync(second);
    const line = `mount --bind "$1" "$2" && exec setpriv --reuid=${user.uid} --regid=${user.gid} --clear-groups "$2/bin/python3" -c 'import sys; print(sys.executable, sys.prefix)'`;
    const root = { ...user, uid: 0, gid: 0 };
    const ran = runAs(root, ["unshare", "-m", "sh", "-c", line, "sh", shared.root, second]);
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toBe(`${shared.python} ${shared.root}\n`);
  });

  describe("a prefix that held other files", () => {
    const files = () => join(directory, "project");
    beforeAll(() => {
      lines(user, "mkdir project project/data", directory);
      writeFileSync(join(files(), "script.py"), "import sys; print(sys.prefix, open('data/x').read())\n");
      writeFileSync(join(files(), "data", "x"), "here");
      build(user, files(), ["cowsay"]);
    });

    it("has them visible inside, in its working directory too", () => {
      const ran = runAs(user, ["bin/python3", "script.py"], { cwd: files() });
      expect(ran.stdout).toBe(`${join(files(), "env")} here\n`);
    });

    it("has launchers by PREFIX/bin, PREFIX/env/bin, relative and by PATH; sys.executable is PREFIX/env's", () => {
      const expected = { executable: join(files(), "env/bin/python3"), prefix: join(files(), "env") };
      expect(report(user, join(files(), "bin/python3"))).toMatchObject(expected);
      expect(report(user, join(files(), "env/bin/python3"))).toMatchObject(expected);
      expect(reportIn(user, 'shift; cd data; ../bin/python3 "$@"', "", { cwd: files() })).toMatchObject(
        expected,
      );
      expect(reportIn(user, 'shift; cd bin; ./python3 "$@"', "", { cwd: files() })).toMatchObject(expected);
      expect(reportIn(user, 'shift; cd -P bin; ./python3 "$@"', "", { cwd: files() })).toMatchObject(
        expected,
      );
      const byPath = reportIn(user, 'shift; PATH=$PWD/bin:$PATH; python3 "$@"', "", { cwd: files() });
      expect(byPath).toMatchObject(expected);
      const before = { executable: expected.executable, prefix: expected.prefix };
      lines(user, "mv project moved-project", directory);
      expect(report(user, join(directory, "moved-project/bin/python3"))).toMatchObject(before);
      lines(user, "rmdir project/env project; mv moved-project project", directory);
    });
  });
});
