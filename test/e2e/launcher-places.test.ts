import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { reportIn } from "../support/launcher-report.ts";
import { remove, runAs, scratch, type TestUser, testUsers } from "../support/real.ts";

/** What is called, the shell line; ROOT is the prefix, its last name `env`; `$@` are Python's arguments. */
const CALLS: [string, string][] = [
  ["a relative path", 'cd "$ROOT/.." && env/bin/python3 "$@"'],
  ["a relative path with ./", 'cd "$ROOT/.." && ./env/bin/python3 "$@"'],
  ["a relative path with ..", 'cd "$ROOT/../other" && ../env/bin/python3 "$@"'],
  ["./ in bin", 'cd "$ROOT/bin" && ./python3 "$@"'],
  ["./ after cd -P", 'cd -P "$ROOT/bin" && ./python3 "$@"'],
  ["a path with .. in the prefix", '"$ROOT/bin/../bin/python3" "$@"'],
  ["a path through another prefix's bin", '"$ROOT/../other/bin/../../env/bin/python3" "$@"'],
  ["a path with doubled slashes", '"$ROOT//bin///python3" "$@"'],
  ["its name on PATH", 'PATH=$ROOT/bin:$PATH; python3 "$@"'],
  ["its name, PATH with a relative entry", 'cd "$ROOT/.." && PATH=env/bin:$PATH; python3 "$@"'],
  ["its name, PATH with an entry .", 'cd "$ROOT/bin" && PATH=.:$PATH; python3 "$@"'],
  ["its name, PATH with an empty entry", 'cd "$ROOT/bin" && PATH=:$PATH; python3 "$@"'],
  ["its name as a script of sh", 'cd "$ROOT/bin" && sh python3 "$@"'],
  ["its physical path", '"$(realpath "$ROOT/bin/python3")" "$@"'],
  ["a symlinked parent directory", 'ln -s "$ROOT" parent && parent/bin/python3 "$@"'],
  ["a working directory below a symlinked parent", 'ln -s "$ROOT" wd && cd wd/bin && ./python3 "$@"'],
  ["a link to bin", 'ln -s "$ROOT/bin" bin && bin/python3 "$@"'],
];

/** Links to the launcher; the program is run by the link's own path, as natively. */
const LINKS: [string, string, string][] = [
  ["a link", "python3", 'ln -s "$ROOT/bin/python3" python3'],
  ["a link under another name", "my python", 'ln -s "$ROOT/bin/python3" "my python"'],
  ["a relative link", "relative", 'ln -s "../$(basename "$(dirname "$ROOT")")/env/bin/python3" relative'],
  ["a link to a link", "second", 'ln -s "$ROOT/bin/python3" first && ln -s first second'],
  [
    "a link in another directory to a link",
    "sub dir/third",
    'mkdir "sub dir" && ln -s "$ROOT/bin/python3" one && ln -s ../one "sub dir/third"',
  ],
  ["a link to the physical path", "physical", 'ln -s "$(realpath "$ROOT/bin/python3")" physical'],
];

/** /dev is the runtime's own: not a directory that the launcher binds. */
const INVISIBLE = "/dev/shm/kapseli-launchers";

function lines(user: TestUser, line: string, cwd: string, env: Record<string, string>): void {
  const ran = runAs(user, ["sh", "-ec", line], { cwd, env });
  if (ran.exitCode !== 0) throw new Error(ran.stderr);
}

describe.each(testUsers())("as $name", (user) => {
  const { root, bin, python } = sharedEnvironment(user);
  const itself = { executable: python, prefix: root };
  const invisible = `${INVISIBLE}-${user.name}`;
  let directory = "";

  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
    runAs(user, ["mkdir", "-p", invisible]);
  });
  afterAll(() => {
    remove(directory);
    remove(invisible);
  });

  it.each(CALLS)("called by %s, Python is the prefix's", (_, line) => {
    expect(reportIn(user, `shift; ${line}`, python, { cwd: directory, env: { ROOT: root } })).toMatchObject(
      itself,
    );
  });

  it.each(LINKS)(
    "called by %s, sys.prefix is the prefix, sys.executable the link as natively",
    (_, link, made) => {
      lines(user, made, directory, { ROOT: root });
      const path = join(directory, link);
      expect(reportIn(user, 'exec "$@"', path)).toMatchObject({ prefix: root, executable: path });
      const [folder, name] = link.includes("/") ? link.split("/") : [".", link];
      const seen = reportIn(user, `cd "${folder}" && shift && "./${name}" "$@"`, path, { cwd: directory });
      expect(seen).toMatchObject({ prefix: root, executable: path });
    },
  );

  it("a link in a directory that is not visible inside is the command of its name", () => {
    lines(user, 'ln -sfn "$ROOT/bin/python3" python3; ln -sfn "$ROOT" env', invisible, { ROOT: root });
    expect(reportIn(user, 'exec "$@"', join(invisible, "python3"))).toMatchObject(itself);
    expect(reportIn(user, 'exec "$@"', join(invisible, "env/bin/python3"))).toMatchObject(itself);
  });

  it("a link under another name in such a directory says that it is no command", () => {
    lines(user, 'ln -sfn "$ROOT/bin/python3" other', invisible, { ROOT: root });
    const ran = runAs(user, [join(invisible, "other"), "-V"]);
    expect(ran).toMatchObject({
      exitCode: 1,
      stderr: `kapseli: other: the environment in ${root} has no command of this name (any more)\n`,
    });
  });

  it("scripts whose first line is #!PREFIX/bin/python3 run, wherever they are, with arguments", () => {
    const script = `#!${python}\nimport sys\nprint(sys.executable, sys.prefix, sys.argv[1:])\n`;
    lines(user, 'printf %s "$SCRIPT" >script && chmod +x script', directory, { SCRIPT: script });
    const ran = runAs(user, [join(directory, "script"), "a b", ""]);
    expect(ran.stdout).toBe(`${python} ${root} ['a b', '']\n`);
  });

  it("#!/usr/bin/env python3 finds the launcher on PATH", () => {
    const script = "#!/usr/bin/env python3\nimport sys\nprint(sys.prefix)\n";
    lines(user, 'printf %s "$SCRIPT" >script2 && chmod +x script2', directory, { SCRIPT: script });
    const ran = runAs(user, [join(directory, "script2")], { env: { PATH: `${bin}:/usr/bin:/bin` } });
    expect(ran.stdout).toBe(`${root}\n`);
  });

  it("realpath of a launcher is a launcher", () => {
    const ran = runAs(user, ["sh", "-c", '"$(realpath "$0")" -V', python]);
    expect(ran.stdout).toBe("Python 3.11.2\n");
  });

  it("the environment's other commands run, their scripts too", () => {
    expect(runAs(user, [join(bin, "cowsay"), "-t", "hello"]).stdout).toContain("hello");
    expect(runAs(user, [join(bin, "pip"), "--version"]).stdout).toContain(root);
  });
});
