import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  copyOf,
  environmentAt,
  everyWay,
  prepareEnvironments,
  rewriteLauncher,
  sharedEnvironment,
  VIEW_MOUNT,
  viewEnvironment,
  viewOf,
} from "../support/launcher-environment.ts";
import { report, reportIn } from "../support/launcher-report.ts";
import { ordinary, remove, runAs, scratch } from "../support/real.ts";

const WHERE = "import os, sys; print(sys.executable, sys.prefix, os.getppid())";

describe("an environment in the view layout", () => {
  const user = ordinary();
  const shared = sharedEnvironment(user);
  const view = viewEnvironment(user);
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
  });
  afterAll(() => remove(directory));

  const lines = (line: string, env: Record<string, string> = {}) => {
    const ran = runAs(user, ["sh", "-ec", line], { cwd: directory, env });
    if (ran.exitCode !== 0) throw new Error(ran.stderr);
    return ran.stdout;
  };
  const movedTo = (name: string) => {
    copyOf(user, view, join(directory, "before"));
    lines('mv before "$TO"', { TO: join(directory, name) });
    return environmentAt(join(directory, name));
  };
  /** Runs a line in the container of an environment. */
  const inside = (bin: string, line: string, args: string[], env: Record<string, string> = {}) =>
    runAs(user, [join(bin, "_debug_exec"), "sh", "-c", line, ...args], { cwd: directory, env });

  it("has programs at the paths of its launchers, and the image where it always is", () => {
    const seen = report(user, view.python, ["a b", ""]);
    expect(seen).toMatchObject({ executable: view.python, prefix: VIEW_MOUNT, argv: ["a b", ""] });
    expect(seen.environment).toMatchObject({
      install_root: VIEW_MOUNT,
      env_root: `${VIEW_MOUNT}/`,
      _CW_IS_ISOLATED: "no",
      CONDA_PREFIX: VIEW_MOUNT,
    });
    expect(seen.environment).not.toHaveProperty("_CW_IN_CONTAINER");
    expect(seen.environment.PATH?.split(":")[0]).toBe(view.bin);
    expect(inside(view.bin, "command -v python3; command -v _debug_exec; true", []).stdout).toBe(
      `${view.python}\n`,
    );
  });

  it.each(["moved", "a space", "co:lon,com'ma", "$(touch pwned)-ü"])(
    "moved to %j works there, in silence, by every kind of path",
    (name) => {
      const moved = movedTo(name);
      const itself = { executable: moved.python, prefix: VIEW_MOUNT };
      const ran = runAs(user, [moved.python, "-c", "import sys; print(sys.executable)"]);
      expect(ran).toMatchObject({ stdout: `${moved.python}\n`, stderr: "" });
      expect(report(user, moved.python).environment.PATH?.startsWith(`${moved.bin}:`)).toBe(true);
      const at = (line: string) => reportIn(user, `shift; ${line}`, "", { cwd: directory, env: { name } });
      expect(at('"$name/bin/python3" "$@"')).toMatchObject(itself);
      expect(at('cd "$name/bin" && ./python3 "$@"')).toMatchObject(itself);
      expect(at('cd "$name/bin" && PATH=.:$PATH && python3 "$@"')).toMatchObject(itself);
      lines("rm -f through; ln -s . through");
      expect(at('"through/$name/bin/python3" "$@"')).toMatchObject(itself);
    },
  );

  it("moved, is found by links to its launchers, under their own names too", () => {
    const moved = movedTo("linked");
    lines('ln -s "$TO" "my python"; mkdir sub; ln -s "../my python" sub/second', { TO: moved.python });
    for (const link of ["my python", "sub/second"]) {
      const path = join(directory, link);
      expect(report(user, path)).toMatchObject({ executable: path, prefix: VIEW_MOUNT });
    }
  });

  it.runIf(user.uid !== 0)("moved, works in a working directory that may not be entered", () => {
    const moved = movedTo("from-closed");
    const line = 'mkdir -p closed && cd closed && chmod 0 . && "$@"; s=$?; chmod 700 .; exit $s';
    expect(reportIn(user, line, moved.python, { cwd: directory })).toMatchObject({
      cwd: "/",
      executable: moved.python,
    });
  });

  it("works with the image mounted by fusemount", () => {
    const other = copyOf(user, view, join(directory, "fusemount"));
    rewriteLauncher(other.root, {
      layout: { kind: "view", mount: VIEW_MOUNT },
      way: { way: "fusemount", squashfuse: "/usr/bin/squashfuse_ll" },
    });
    expect(report(user, other.python)).toMatchObject({ executable: other.python, prefix: VIEW_MOUNT });
  });

  it("copied, each copy is itself", () => {
    const copy = copyOf(user, view, join(directory, "copy"));
    expect(report(user, copy.python).executable).toBe(copy.python);
    expect(report(user, view.python).executable).toBe(view.python);
  });

  it.each([
    ["where it was built", () => view],
    ["moved", () => movedTo("with-venv")],
  ])("has working venvs on top, %s", (_, made) => {
    const environment = made();
    const venv = join(directory, `venv-${environment.root.split("/").at(-1)}`);
    lines('"$PYTHON" -m venv --without-pip "$VENV"', { PYTHON: environment.python, VENV: venv });
    const seen = report(user, join(venv, "bin/python"));
    expect(seen).toMatchObject({ executable: join(venv, "bin/python"), prefix: venv });
    expect(seen.environment.PATH?.split(":").slice(0, 2)).toEqual([join(venv, "bin"), environment.bin]);
    expect(seen.environment).not.toHaveProperty("ACTIVATED_PLAIN");
  });

  it.each([
    ["its own path", () => [view.python, view.python]],
    [
      "the launcher of a copy",
      () => [join(directory, "copy/bin/python3"), `${VIEW_MOUNT}/.kapseli/bin/python3`],
    ],
    [
      "a link under another name to the launcher of a copy",
      () => {
        lines("ln -sfn copy/bin/python3 linked-copy");
        return [join(directory, "linked-copy"), `${VIEW_MOUNT}/.kapseli/bin/python3`];
      },
    ],
  ])("called in its own container by %s, is the program itself, without a second runtime", (_, call) => {
    const [path = "", executable] = call();
    const ran = inside(view.bin, `"$0" -c '${WHERE}'; s=$?; echo $$; exit $s`, [path]);
    expect(ran.stderr).toBe("");
    const [seen = "", shell] = ran.stdout.split("\n");
    expect(seen.split(" ")).toEqual([executable, VIEW_MOUNT, shell]);
  });

  it("a venv of a copy, called in the container of the other, keeps its packages' place", () => {
    lines("copy/bin/python3 -m venv --without-pip venv-of-copy");
    const python = join(directory, "venv-of-copy/bin/python");
    const ran = inside(view.bin, `"$0" -c '${WHERE}'`, [python]);
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toMatch(`${python} ${join(directory, "venv-of-copy")} `);
  });

  const image = `${view.root}/img.sqfs:${VIEW_MOUNT}:image-src=/`;
  it.each(everyWay(user))(
    "called in the container of another environment (image by $way) that has its image, it runs",
    ({ environment }) => {
      const line = `"$0" -c '${WHERE}' && "$0" -c 'import os; print(os.environ["_CW_IN_CONTAINER"], os.environ["install_root"])'`;
      const ran = inside(environment.bin, line, [view.python], { CW_EXTRA_BIND_MOUNTS: image });
      expect(ran.stderr).toBe("");
      expect(ran.stdout).toMatch(`${VIEW_MOUNT}/.kapseli/bin/python3 ${VIEW_MOUNT} `);
      expect(ran.stdout).toMatch(`Yes ${VIEW_MOUNT}\n`);
    },
  );

  it("calls programs of another environment whose image it has, and its own image besides is no trouble", () => {
    const both = `${image},${shared.root}/img.sqfs:${shared.root}:image-src=/`;
    const ran = inside(view.bin, `"$0" -c '${WHERE}' && python3 -c '${WHERE}'`, [shared.python], {
      CW_EXTRA_BIND_MOUNTS: both,
    });
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toMatch(`${shared.python} ${shared.root} `);
    expect(ran.stdout).toMatch(`${view.python} ${VIEW_MOUNT} `);
  });

  it("called in another container without its image it names the bind that is missing", () => {
    const ran = inside(shared.bin, '"$0" -V', [view.python]);
    expect(ran.stderr).toMatch(/^kapseli: python3: called inside another container .* is not mounted; .*\n$/);
    expect(ran.stderr).toContain(`/env.sqfs:${VIEW_MOUNT}:image-src=/\n`);
    expect(ran.exitCode).toBe(1);
  });

  it("with a view that is gone, one line says so", () => {
    const broken = copyOf(user, view, join(directory, "broken"));
    lines("rm -r broken/current/view");
    const ran = runAs(user, [broken.python, "-V"]);
    expect(ran.stderr).toMatch(/^kapseli: python3: the directory \S+\/view is missing[^\n]*\n$/);
    expect(ran.exitCode).toBe(1);
  });

  it("without an image has programs of the base", () => {
    const wrapped = copyOf(user, view, join(directory, "wrapped"));
    lines("cd wrapped/current; rm env.sqfs view/bin/*; ln -s /usr/bin/python3 view/bin/python3");
    rewriteLauncher(wrapped.root, {
      layout: { kind: "view" },
      environmentRoot: "",
      commands: ["python3"],
      environment: [],
    });
    const seen = report(user, wrapped.python, [], { env: { env_root: "/of/another" } });
    expect(seen).toMatchObject({ executable: wrapped.python, prefix: "/usr" });
    expect(seen.environment).toMatchObject({ install_root: wrapped.root });
    expect(seen.environment).not.toHaveProperty("env_root");
  });

  describe("whose image is mounted over a directory (a masked one)", () => {
    const masked = () => join(directory, "soft", "masked");
    const prefix = () => environmentAt(join(directory, "masking"));
    beforeAll(() => {
      lines("mkdir -p soft/masked && echo host >soft/masked/on-host");
      viewOf(user, shared, prefix().root, masked());
    });

    it("hides the directory and is read-only there", () => {
      expect(report(user, prefix().python)).toMatchObject({ executable: prefix().python, prefix: masked() });
      const line = `ls "$0/on-host"; touch "$0/new"`;
      expect(inside(prefix().bin, line, [masked()]).stderr).toMatch(
        /No such file[^\n]*\n.*Read-only file system/,
      );
    });

    it("the directory may be gone; where it cannot be made, one line says so", () => {
      lines("mv soft/masked aside");
      expect(report(user, prefix().python).prefix).toBe(masked());
      if (user.uid !== 0) {
        lines("rm -rf soft/masked; chmod a-w soft");
        const ran = runAs(user, [prefix().python, "-V"]);
        lines("chmod u+w soft");
        expect(ran.stderr).toMatch(
          /^kapseli: python3: the directory \S+\/soft\/masked, .* cannot be made in [^\n]*\n$/,
        );
        expect(ran.exitCode).toBe(1);
      }
      lines("rm -rf soft/masked; mv aside soft/masked");
    });

    it.each(["soft/masked", "soft/masked/deeper"])(
      "moved to %s itself, works directly and in another container",
      (place) => {
        lines('rm -rf soft/masked; mkdir -p "$(dirname "$PLACE")"; cp -a masking "$PLACE"', { PLACE: place });
        const moved = environmentAt(join(directory, place));
        expect(report(user, moved.python)).toMatchObject({
          executable: `${masked()}/.kapseli/bin/python3`,
          prefix: masked(),
        });
        lines('ln -sfn "$TO" linked-masked', { TO: moved.python });
        expect(report(user, join(directory, "linked-masked")).prefix).toBe(masked());
        const bind = `${prefix().root}/img.sqfs:${masked()}:image-src=/`;
        const called = `"$0" -c 'import sys; print(sys.prefix)'`;
        const there = inside(shared.bin, called, [`${masked()}/.kapseli/bin/python3`], {
          CW_EXTRA_BIND_MOUNTS: bind,
        });
        expect(there).toMatchObject({ stdout: `${masked()}\n`, stderr: "" });
        const back = inside(moved.bin, called, [shared.python], {
          CW_EXTRA_BIND_MOUNTS: `${shared.root}/img.sqfs:${shared.root}:image-src=/`,
        });
        expect(back).toMatchObject({ stdout: `${shared.root}\n`, stderr: "" });
      },
    );
  });

  it("nothing was evaluated on the way", () => {
    expect(lines("ls")).not.toMatch(/^pwned$/m);
  });
});
