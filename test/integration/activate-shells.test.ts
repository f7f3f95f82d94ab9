import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Call,
  environment,
  executable,
  isThere,
  newSite,
  type Ran,
  run,
  type Site,
  tykkyEnvironment,
} from "../support/activation.ts";

/** Every shell that sources tykky.sh, and what a user may have set in it before. */
const SHELLS: { shell: string; argv: [string, ...string[]]; before: string }[] = [
  { shell: "bash", argv: ["bash"], before: "" },
  { shell: "bash, as sh", argv: ["bash", "--posix"], before: "shopt -s failglob extglob nocasematch" },
  { shell: "zsh", argv: ["zsh", "-f"], before: "" },
  {
    shell: "zsh with unusual options",
    argv: ["zsh", "-f"],
    before:
      "setopt ksh_arrays sh_word_split glob_subst warn_create_global null_glob extended_glob\nchpwd() { echo hook; }",
  },
  { shell: "zsh, as ksh", argv: ["zsh", "--emulate", "ksh", "-f"], before: "" },
  { shell: "ksh", argv: ["ksh"], before: "" },
  { shell: "mksh", argv: ["mksh"], before: "" },
  { shell: "dash", argv: ["dash"], before: "" },
  { shell: "busybox", argv: ["busybox", "sh"], before: "" },
];

/** Options that hold in every shell: none may change what happens. */
const OPTIONS = [
  ["nounset", "set -u"],
  ["nounset, errexit, noglob, another IFS", "set -euf\nIFS='/:- eknpty'"],
] as const;

const NAMES = [
  "my env",
  "-n",
  "--help",
  "it's",
  'say "hi"',
  "$(touch pwned)",
  "`touch pwned`",
  "semi;touch pwned",
  "star*",
  "[a-z]",
  "back\\slash",
  "per%cent",
  "bang!",
  "hash#",
  "a=b@c",
  "~",
  "smörgås",
  "new\nline",
  "trailing\n",
];

let site: Site;
beforeAll(() => {
  site = newSite();
  for (const name of [...NAMES, "plain", "other"]) environment(join(site.environments, name));
  environment(join(site.home, "second", "plain"));
  environment(join(site.home, "work", "here"));
  environment(join(site.home, "work", "plain"));
  environment(join(site.home, ".tykky", "default"));
  environment(join(site.home, "co:lon"));
  tykkyEnvironment(join(site.environments, "tykky"));
  environment(join(site.environments, "inner", "env"));
  symlinkSync("env/bin", join(site.environments, "inner", "bin"));
  symlinkSync("environments/plain", join(site.home, "a link"));
  mkdirSync(join(site.environments, "nothing"));
  executable(join(site.home, "tools", "kapseli"), "printf '<%s>' \"$@\"; echo; exit 7");
  mkdirSync(join(site.environments, "only bin", "bin"), { recursive: true });
});
afterAll(() => site.remove());

/** A line that shows the state: the prefix, PATH, the prompt. */
const STATE = `state() { printf '%s\\n' "prefix <\${TYKKY_PREFIX-none}>" "path <$PATH>" "prompt <\${PS1-none}>"; }`;

describe.each(SHELLS)("tykky in $shell", ({ argv, before }) => {
  describe.skipIf(!isThere(argv[0])).each(OPTIONS)("with %s", (_, options) => {
    /** Sources tykky.sh and runs lines of shell after it; PATH is then /usr/bin:/bin and the prompt `$ `. */
    function tykky(lines: string, { env = {}, ...call }: Call = {}): Ran {
      const script = [
        before,
        options,
        '. "$KAPSELI_ROOT/etc/profile.d/tykky.sh"',
        "PATH=/usr/bin:/bin PS1='$ '",
        STATE,
        lines,
      ].join("\n");
      const set = { KAPSELI_ROOT: site.root, TYKKY_PATH: site.environments, ...env };
      return run(site, [...argv, "-c", script], { ...call, env: set });
    }

    const silent = (lines: string, call?: Call) => {
      const ran = tykky(lines, call);
      expect(ran).toMatchObject({ stderr: "", status: 0 });
      return ran.stdout;
    };

    const state = (prefix: string, path = "/usr/bin:/bin", prompt = "$ ") =>
      `prefix <${prefix}>\npath <${path}>\nprompt <${prompt}>\n`;
    const active = (prefix: string, name: string) =>
      state(prefix, `${prefix}/bin:/usr/bin:/bin`, `(${name}) $ `);

    it("puts an environment's commands first, shows its name, and undoes exactly that", () => {
      const prefix = join(site.environments, "plain");
      const out = silent(
        "tykky activate plain\nstate\nwhich-one\nsh -c 'echo $TYKKY_PREFIX'\ntykky deactivate\nstate",
      );
      expect(out).toBe(`${active(prefix, "plain")}from ${prefix}/bin/which-one\n${prefix}\n${state("none")}`);
    });

    it("leaves nothing else behind", () => {
      const out = silent(`tykky activate plain; tykky deactivate; tykky activate nothing 2>/dev/null || :
        (set -o posix 2>/dev/null || :; set) | grep '^_*[Tt][Yy][Kk][Kk][Yy]_.*=' | grep -v '^TYKKY_PATH=' || :
        echo "$PWD \${OLDPWD-}"`);
      expect(out.replace(/ .*/, "").trim()).toBe(site.home);
    });

    it.each(NAMES)("takes %j for a name, quoted in nothing and run by nothing", (name) => {
      const prefix = join(site.environments, name);
      const shown = name.replace(/[\n\\$`"%!]/g, "_");
      const env = { NAME: name };
      expect(silent('tykky activate "$NAME"\nstate\ntykky deactivate\nstate', { env })).toBe(
        active(prefix, shown) + state("none"),
      );
      expect(silent('tykky activate "$NAME/"\nstate', { env, cwd: site.environments })).toBe(
        active(prefix, shown),
      );
    });

    it.each([
      ["an absolute path", "environments/plain", "$HOME/environments/plain"],
      ["a trailing slash", "environments/plain", "$HOME/environments/plain/"],
      ["a relative path", "environments/plain", "../environments/plain"],
      ["a link", "environments/plain", "../a link"],
      ["the current directory's own name in it", "work/here", "here"],
      ["the directory above", "work", ".."],
    ])("takes %s", (_what, prefix, argument) => {
      if (prefix === "work") environment(join(site.home, "work"), "other-one");
      const cwd = join(site.home, prefix === "work" ? "work/here" : "work");
      const name = prefix.replace(/.*\//, "");
      expect(silent(`tykky activate "${argument}"\nstate`, { cwd })).toBe(
        active(join(site.home, prefix), name),
      );
    });

    it("takes a Tykky prefix, and a prefix whose environment is in PREFIX/env", () => {
      const tykkys = join(site.environments, "tykky");
      const inner = join(site.environments, "inner");
      expect(silent("tykky activate tykky; state; tykky activate inner; state; which-one")).toBe(
        `${active(tykkys, "tykky")}${active(inner, "inner")}from ${inner}/bin/which-one\n`,
      );
    });

    it.each([
      ["nothing", ""],
      ["only the environment", "$P/bin"],
      ["the environment last", "/usr/bin:$P/bin"],
      ["the environment twice", "$P/bin:/usr/bin:$P/bin"],
      ["names that hold the environment's", "$P/bin/more:/x$P/bin:/usr/bin"],
      ["empty entries", ":/usr/bin::/bin:"],
      ["one empty entry", ":"],
    ])("gives back a PATH of %s", (_what, path) => {
      const out = silent(
        `P=$HOME/environments/plain; PATH="${path}"; former=$PATH
        tykky activate plain; [ "$PATH" = "$P/bin\${former:+:$former}" ] && echo active
        tykky deactivate; [ "$PATH" = "$former" ] && echo same`,
      );
      expect(out).toBe("active\nsame\n");
    });

    it("undoes what it did when PATH and the prompt were changed meanwhile", () => {
      const out = silent(`tykky activate "my env"
        PATH=/new:$PATH:/newer PS1="new $PS1"
        tykky deactivate; state
        tykky activate "my env"; PATH=/usr/bin PS1='> '; tykky deactivate; state`);
      expect(out).toBe(
        state("none", "/new:/usr/bin:/bin:/newer", "new $ ") + state("none", "/usr/bin", "> "),
      );
    });

    it("deactivates what a parent shell activated, also as the last of PATH", () => {
      const env = { TYKKY_PREFIX: join(site.environments, "my env") };
      expect(silent('PATH="/usr/bin:$TYKKY_PREFIX/bin"\ntykky deactivate; state', { env })).toBe(
        state("none", "/usr/bin"),
      );
    });

    it("says nothing when there is nothing to deactivate", () => {
      expect(silent("tykky deactivate; state")).toBe(state("none"));
    });

    it("replaces one environment by another", () => {
      const other = join(site.environments, "other");
      expect(silent("tykky activate plain; tykky activate other; state; tykky deactivate; state")).toBe(
        active(other, "other") + state("none"),
      );
    });

    it("leaves the prompt alone with TYKKY_CHANGE_PS1=0 or where there is none", () => {
      const prefix = join(site.environments, "plain");
      const path = `${prefix}/bin:/usr/bin:/bin`;
      const own = "PS1='(plain) mine '; tykky activate plain; state; tykky deactivate; echo \"<$PS1>\"";
      expect(silent(own, { env: { TYKKY_CHANGE_PS1: "0" } })).toBe(
        `${state(prefix, path, "(plain) mine ")}<(plain) mine >\n`,
      );
      expect(silent("unset PS1; tykky activate plain; state; tykky deactivate; state")).toBe(
        state(prefix, path, "none") + state("none", "/usr/bin:/bin", "none"),
      );
    });

    it("searches TYKKY_PATH in order, passing over empty entries and over what is no environment", () => {
      const env = { TYKKY_PATH: `::/nowhere:${site.environments}::` };
      expect(silent("tykky activate plain; state", { env, cwd: "/" })).toBe(
        active(join(site.environments, "plain"), "plain"),
      );
      const again = { TYKKY_PATH: `${site.environments}:${site.environments}/.` };
      expect(silent("tykky activate plain; state", { env: again, cwd: site.environments })).toBe(
        active(join(site.environments, "plain"), "plain"),
      );
    });

    it("searches ~/.tykky where TYKKY_PATH is not set, and does without HOME", () => {
      expect(silent("unset TYKKY_PATH; tykky activate default; state")).toBe(
        active(join(site.home, ".tykky", "default"), "default"),
      );
      expect(
        silent("unset TYKKY_PATH HOME; tykky activate here; state", { cwd: join(site.home, "work") }),
      ).toBe(active(join(site.home, "work", "here"), "here"));
    });

    it("warns of a second environment of the name, and says which one it takes", () => {
      const first = join(site.environments, "plain");
      const second = join(site.home, "second");
      const ran = tykky("tykky activate plain; state", {
        env: { TYKKY_PATH: `${site.environments}:${second}` },
      });
      expect(ran).toMatchObject({ status: 0, stdout: active(first, "plain") });
      expect(ran.stderr).toBe(
        `WARNING: TYKKY_PATH has plain more than once: ${first} is used, ${second}/plain is not\n`,
      );
      const here = tykky("tykky activate plain; state", { cwd: join(site.home, "work") });
      expect(here).toMatchObject({ status: 0, stdout: active(first, "plain") });
      expect(here.stderr).toBe(
        `WARNING: the current directory has plain too: ${first} of TYKKY_PATH is used; for the other: tykky activate ./plain\n`,
      );
    });

    it.each([
      [
        "no such name",
        "missing",
        /^ERROR: missing is not a valid tykky environment\n.*\n {7}TYKKY_PATH: .*environments\n$/,
      ],
      [
        "no such directory",
        "./missing",
        /^ERROR: \.\/missing is not a valid .*\n {7}there is no such directory\n$/,
      ],
      [
        "a directory that is none",
        "nothing",
        /^ERROR: nothing is not .*\n {7}.*environments\/nothing has no bin with .*\n$/,
      ],
      [
        "a directory with only bin",
        "only bin",
        /^ERROR: only bin is not .*\n {7}.*only bin has no bin with .*\n$/,
      ],
      [
        "a path with a colon",
        "co:lon/",
        /^ERROR: .*co:lon has a colon in its path, which PATH cannot hold\n$/,
      ],
      ["an empty name", "", /^ERROR: activate needs .*\n$/],
    ])("refuses %s and leaves the present environment active", (_what, name, message) => {
      const ran = tykky('tykky activate plain\ntykky activate "$NAME" || echo "status $?"\nstate', {
        env: { NAME: name },
      });
      expect(ran).toMatchObject({
        status: 0,
        stdout: `status 1\n${active(join(site.environments, "plain"), "plain")}`,
        stderr: expect.stringMatching(message),
      });
    });

    it("refuses no name and two names", () => {
      expect(tykky("tykky activate || echo $?")).toMatchObject({
        stdout: "1\n",
        stderr: "ERROR: activate needs the name or the directory of an environment\n",
      });
      expect(tykky("tykky activate my env || echo $?")).toMatchObject({
        stdout: "1\n",
        stderr: "ERROR: activate takes one environment; a name with spaces needs quotes\n",
      });
    });

    it.each(["", "help", "--version"])("shows two lines of usage for `tykky %s`", (argument) => {
      const lines = silent(`tykky ${argument}`).split("\n");
      expect(lines).toEqual([
        expect.stringContaining("tykky activate"),
        expect.stringContaining("tykky deactivate"),
        "",
      ]);
    });

    it("calls no cd of the user's and stays where it is", () => {
      const out = silent(`cd work
        former=\${OLDPWD-}
        cd() { echo "own cd"; }
        tykky activate other
        [ "$former" = "\${OLDPWD-}" ] && echo "$PWD $TYKKY_PREFIX"`);
      expect(out.replace("hook\n", "")).toBe(`${site.home}/work ${site.environments}/other\n`);
    });

    it("activates and deactivates by `kapseli` too", () => {
      const prefix = join(site.environments, "my env");
      expect(silent('kapseli activate "my env"; state; kapseli deactivate; state')).toBe(
        active(prefix, "my env") + state("none"),
      );
      expect(silent("kapseli activate -- --help; kapseli activate ./nothing 2>/dev/null || state")).toBe(
        active(join(site.environments, "--help"), "--help"),
      );
    });

    it("hands whatever else `kapseli` is called with to the executable, and its exit code back", () => {
      const out = silent(`PATH=$HOME/tools:$PATH
        kapseli || echo $?
        kapseli run "a  b" '*' "" || echo $?
        kapseli activate --help || echo $?
        kapseli deactivate -h || echo $?`);
      expect(out).toBe("<>\n7\n<run><a  b><*><>\n7\n<activate><--help>\n7\n<deactivate><-h>\n7\n");
    });

    it("holds nothing warm where PATH has no kapseli", () => {
      expect(silent(`kapseli activate plain; echo "\${KAPSELI_WARM-none}"`)).toBe("none\n");
    });

    it("puts the tools on PATH once, however often it is sourced", () => {
      const source = '. "$KAPSELI_ROOT/etc/profile.d/tykky.sh"';
      expect(silent(`${source}\n${source}\nkapseli\necho "<$PATH>"`)).toBe(
        `kapseli\n<${site.root}/bin:/usr/bin:/bin>\n`,
      );
    });
  });
});

/** Shells that know which file they read. */
const KNOWING = [["bash"], ["zsh", "-f"], ["ksh"]];
const BLIND = [["mksh"], ["dash"], ["busybox", "sh"]];

describe("the installation", () => {
  describe.each(KNOWING)("in %s", (...argv) => {
    it.skipIf(!isThere(argv[0] ?? "")).each([
      ["its absolute path", "$ROOT/etc/profile.d/tykky.sh"],
      ["a relative path", "./it's an inställation/etc/../etc/profile.d/tykky.sh"],
      ["a link elsewhere", "$HOME/linked.sh"],
    ])("is found by %s, with nothing set", (what, path) => {
      if (what.startsWith("a link")) {
        const from = join(site.root, "etc/profile.d/tykky.sh");
        try {
          symlinkSync(from, join(site.home, "linked.sh"));
        } catch {} // there from another shell's case
      }
      const ran = run(site, [...argv, "-euc", `. "${path}"; kapseli; echo "$PATH"`], {
        env: { ROOT: site.root },
      });
      expect(ran).toMatchObject({ stderr: "", stdout: `kapseli\n${site.root}/bin:/usr/bin:/bin\n` });
    });
  });

  describe.each(BLIND)("in %s", (...argv) => {
    it.skipIf(!isThere(argv[0] ?? ""))("is asked for where nothing names it; tykky works", () => {
      const script =
        '. "$ROOT/etc/profile.d/tykky.sh"; tykky activate "$HOME/environments/my env"; which-one';
      const ran = run(site, [...argv, "-euc", script], { env: { ROOT: site.root } });
      expect(ran.stderr).toMatch(/^WARNING: .*set KAPSELI_ROOT.*\n$/);
      expect(ran.stdout).toBe(`from ${site.environments}/my env/bin/which-one\n`);
      const named = run(site, [...argv, "-euc", '. "$TYKKY_ROOT/etc/profile.d/tykky.sh"; kapseli'], {
        env: { TYKKY_ROOT: site.root },
      });
      expect(named).toMatchObject({ stderr: "", stdout: "kapseli\n" });
    });
  });
});

describe("a child shell", () => {
  it.skipIf(!isThere("bash"))("of bash has tykky, and deactivates what its parent activated", () => {
    const script = `. "$ROOT/etc/profile.d/tykky.sh"; tykky activate "$HOME/environments/my env"
      bash -uc 'which-one; tykky deactivate; echo "$PATH"; kapseli activate "$HOME/environments/plain"; which-one'`;
    expect(run(site, ["bash", "-uc", script], { env: { ROOT: site.root } })).toMatchObject({
      stderr: "",
      stdout: [
        `from ${site.environments}/my env/bin/which-one`,
        `${site.root}/bin:/usr/bin:/bin`,
        `from ${site.environments}/plain/bin/which-one`,
        "",
      ].join("\n"),
    });
  });

  describe.each(["ksh", "mksh"])("of %s", (shell) => {
    it.skipIf(!isThere(shell))("finds tykky in FPATH", () => {
      const script = `. "$KAPSELI_ROOT/etc/profile.d/tykky.sh"
        ${shell} -uc 'tykky activate "$HOME/environments/my env"; which-one'`;
      const ran = run(site, [shell, "-uc", script], { env: { KAPSELI_ROOT: site.root } });
      expect(ran).toMatchObject({ stderr: "", stdout: `from ${site.environments}/my env/bin/which-one\n` });
    });
  });
});

describe("what it costs", () => {
  const traced = isThere("strace") && run({ home: "/" } as Site, ["strace", "-f", "true"]).status === 0;
  describe.each([["bash"], ["zsh", "-f"], ["mksh"], ["dash"], ["busybox", "sh"]])("in %s", (...argv) => {
    it.skipIf(!traced || !isThere(argv[0] ?? ""))(
      "no process but one for activate where nothing is held warm",
      () => {
        const processes = (lines: string) => {
          const script = `. "$KAPSELI_ROOT/etc/profile.d/tykky.sh"\n${lines}:`;
          const env = { KAPSELI_ROOT: site.root, TYKKY_PATH: site.environments, TYKKY_WARM: "0" };
          const calls = ["strace", "-f", "-qq", "-e", "trace=fork,vfork,clone,clone3"];
          const ran = run(site, [...calls, ...argv, "-c", script], { env });
          return ran.stderr.match(/\b(fork|vfork|clone|clone3)\(/g)?.length ?? 0;
        };
        const both = "tykky activate plain; tykky deactivate; tykky activate missing 2>/dev/null;";
        expect([processes(""), processes(both)]).toEqual([0, 1]);
      },
    );
  });

  it("no eval", () => {
    for (const file of [
      "profile.d/tykky.sh",
      "profile.d/tykky.fish",
      "completion/tykky.bash",
      "completion/tykky.zsh",
    ]) {
      expect(readFileSync(join(site.root, "etc", file), "utf8")).not.toMatch(/^[^#]*\beval\b/m);
    }
  });
});
