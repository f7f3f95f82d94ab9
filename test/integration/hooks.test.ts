import { existsSync, lstatSync } from "node:fs";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openHooks } from "../../src/build/hooks.ts";
import { ExitCode, KapseliError } from "../../src/errors.ts";
import { fillEnvironment, hookPlace, outputOf, runHooks, runPost, script } from "../support/hooks.ts";
import { gone } from "../support/programs.ts";

describe("what hooks can rely on", () => {
  it("variables, arrays, functions and exports of a pre-install script are there in a post-install script", async () => {
    const place = await hookPlace({
      pre: [script("declare -A map=([a]=1)\nplain='x  y'\ngreet() { echo \"hello $1\"; }\nexport OUT=o\n")],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
      post: [script('greet "$plain"\necho "${map[a]}"\nsh -c \'echo "$OUT"\'\n')],
    });
    expect(await runHooks(place)).toEqual({ lines: ["hello x  y", "1", "o"] });
  });

  it("set -e is on, set -u is off, stdin is empty, and the directory is the user's", async () => {
    const ran = await runPost('echo "$-" | tr -cd eu; echo\necho "unset: $NOPE"\ncat\nbasename "$PWD"\n');
    expect(ran).toEqual({ lines: ["e", "unset: ", "my project"] });
  });

  it("Tykky's variables are exported, with the root under both its names", async () => {
    const place = await hookPlace({
      post: [
        script(
          `sh -c 'printf "%s\\n" "$CW_INSTALLATION_PATH" "$install_root" "$env_root" "$CW_WORKDIR" "$CW_BUILD_TMPDIR" "$CW_ENV_NAME" "$CW_MODE" "$CW_INSTALLATION_PREFIX" "$CW_MY_KEY"'\n`,
        ),
      ],
      prefix: "/p/x",
      variables: { CW_MY_KEY: "it's $HOME `x`\nsecond", "CW_not-a-name": "x" },
    });
    const { root, project, work } = place;
    expect((await runHooks(place)).lines).toEqual([
      root,
      root,
      `${root}/`,
      project,
      work,
      "env1",
      "conda",
      "/p/x",
      "it's $HOME `x`",
      "second",
    ]);
  });

  it("the caller's PATH and PYTHONPATH hold, without the environment's bin", async () => {
    const place = await hookPlace(
      { post: [script('echo "$PATH|$PYTHONPATH"\n')] },
      { PATH: "/usr/bin:/bin", PYTHONPATH: "/my/modules" },
    );
    place.setting.environment = {
      remove: ["PYTHONPATH"],
      set: { APPTAINERENV_PATH: `${place.root}/bin:/usr/bin:/bin` },
    };
    expect((await runHooks(place)).lines).toEqual([`/usr/bin:/bin:${place.work}/hooks/tools|/my/modules`]);
  });

  it("what one script of a list changes holds for the next: directory, options", async () => {
    const place = await hookPlace({
      post: [script("mkdir sub; cd sub; set +e; set -x"), script("false\npwd"), script("set +x; echo end")],
    });
    const { lines, error } = await runHooks(place);
    expect(error).toBeUndefined();
    const traced = lines.map((line) => line.replace(/^\++ /, "+ "));
    expect(traced).toEqual([
      "+ builtin source /home/u/post.sh",
      "+ false",
      "+ pwd",
      `${place.project}/sub`,
      "+ builtin source /home/u/post.sh",
      "+ set +x",
      "end",
    ]);
  });

  it("a post-install script begins anew after a pre-install script that changed everything", async () => {
    const place = await hookPlace({
      pre: [
        script(
          "cd /; set +e -u -f -x -C; IFS=:; shopt -s failglob nullglob dotglob; cd() { echo never; }; printf() { echo never; }\n" +
            "read() { return 1; }; source() { return 1; }; trap 'echo mine' ERR; exec 3>&- 4>&- 5>&- >/dev/null\nfalse\n",
        ),
      ],
      post: [
        script('echo "$PWD" >&2; echo $- | tr -cd eufxC >&2; shopt -q failglob || echo "[$IFS]" | od -c >&2'),
      ],
    });
    const { lines, error } = await runHooks(place);
    expect(error).toBeUndefined();
    expect(lines.at(-1)).not.toContain("never");
    expect(lines.join("\n")).toContain(place.project);
    expect(lines.join("\n")).toMatch(/\[ +\\t +\\n +\]/);
  });

  it("break, continue and return at the top of a script end nothing but the script", async () => {
    const place = await hookPlace({
      post: [script("for i in 1 2; do break; done; echo a\nreturn\necho never"), script("break; echo b")],
    });
    const { lines, error } = await runHooks(place);
    expect(error).toBeUndefined();
    expect(lines.filter((line) => /^[a-z]+$/.test(line))).toEqual(["a", "b"]);
  });

  it("an unfinished line is reported, and one that holds the answer's own characters does no harm", async () => {
    const place = await hookPlace({
      post: [script("printf 'no end'"), script("printf '\\036fake ok\\n'; printf 'a\\rb\\n'; echo err >&2")],
    });
    expect((await runHooks(place)).lines).toEqual(["no end", "\x1efake ok", "a", "b", "err"]);
  });

  it("an EXIT trap of a script runs when the hooks end, not before", async () => {
    const place = await hookPlace({
      pre: [script("trap 'echo cleaned; echo $kept' EXIT\nkept=yes")],
      post: [script("echo post")],
    });
    expect(await runHooks(place)).toEqual({ lines: ["post", "cleaned", "yes"] });
  });

  it("a background process of a script does not keep the build waiting", async () => {
    const ran = await runPost("sleep 600 &\necho $!\n");
    expect(ran.error).toBeUndefined();
    await gone(Number(ran.lines[0]));
  });

  it("secrets that a script prints are not reported", async () => {
    expect((await runPost("echo https://user:hunter2@host/x")).lines).toEqual(["https://***@host/x"]);
  });
});

describe("the environment in hooks", () => {
  it("is active in a post-install script and not in a pre-install script, as conda activates it", async () => {
    const place = await hookPlace({
      pre: [script('echo "pre [$CONDA_PREFIX] $(command -v tool || echo none)"')],
      post: [script('echo "$CONDA_PREFIX|$CONDA_DEFAULT_ENV|$ACTIVATED|$OWN"\ntool\n')],
      activation: "conda",
    });
    await fillEnvironment(place.root);
    expect((await runHooks(place)).lines).toEqual([
      "pre [] none",
      `${place.root}|env1|from ${place.root}|a 'b' $c`,
      "the environment has it",
    ]);
  });

  it("is active as a venv, PATH of a pre-install script kept behind it", async () => {
    const place = await hookPlace({
      pre: [script("export PATH=/opt/mine:$PATH")],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
      post: [script('echo "$VIRTUAL_ENV|${PATH%%:/usr*}"')],
      activation: "venv",
      mode: "venv",
    });
    const { lines } = await runHooks(place);
    expect(lines[0]).toMatch(new RegExp(`^${place.root}\\|${place.root}/bin:/opt/mine`));
  });

  it("is found by Tykky's path while a hook runs, and the link is gone afterwards", async () => {
    const place = await hookPlace({
      pre: [script("echo 1 >$CW_INSTALLATION_PATH/miniforge/envs/env1/from-pre")],
      post: [script("cat $env_root/from-pre $CW_INSTALLATION_PATH/miniforge/envs/env1/from-pre")],
      activation: "conda",
    });
    await fillEnvironment(place.root);
    expect((await runHooks(place)).lines).toEqual(["1", "1"]);
    expect(existsSync(join(place.root, "from-pre"))).toBe(true);
    expect(existsSync(join(place.root, "miniforge"))).toBe(false);
  });

  it("keeps what lies at Tykky's path already, and what a hook puts beside the link", async () => {
    const place = await hookPlace({
      post: [script("echo x >$CW_INSTALLATION_PATH/miniforge/kept")],
      activation: "conda",
    });
    await fillEnvironment(place.root);
    await mkdir(join(place.root, "miniforge", "envs"), { recursive: true });
    await symlink("elsewhere", join(place.root, "miniforge", "envs", "env1"));
    expect((await runHooks(place)).error).toBeUndefined();
    expect(lstatSync(join(place.root, "miniforge", "envs", "env1")).isSymbolicLink()).toBe(true);
    expect(await readFile(join(place.root, "miniforge", "kept"), "utf8")).toBe("x\n");
  });

  it("a failed hook leaves no link either", async () => {
    const place = await hookPlace({ post: [script("false")], activation: "conda" });
    await fillEnvironment(place.root);
    expect((await runHooks(place)).error).toBeDefined();
    expect(await readdir(place.root)).not.toContain("miniforge");
  });

  it("programs of the build can be called", async () => {
    const place = await hookPlace({ post: [script("uv pip list")] }, { PATH: "/usr/bin:/bin" });
    const uv = join(place.directory, "the-uv");
    await writeFile(uv, '#!/bin/sh\necho "uv $* $UV_LINK_MODE"\n', { mode: 0o755 });
    place.setting.tools = { uv };
    expect((await runHooks(place)).lines).toEqual(["uv pip list copy"]);
  });
});

describe("a hook that fails", () => {
  const failure = async (text: string) => {
    const { error, lines } = await runPost(text);
    expect(error?.code).toBe(ExitCode.installFailed);
    return { message: error?.message, where: error?.details.where, hint: error?.details.hint, error, lines };
  };

  it("is named with its line and the command", async () => {
    const { message, where, error } = await failure("echo before\n\nls /does-not-exist\necho never\n");
    expect(message).toBe(
      "the post-install script /home/u/post.sh failed at line 3: `ls /does-not-exist` ended with status 2",
    );
    expect(where).toBe("/home/u/post.sh:3");
    expect(error?.details.lines).toEqual([
      "before",
      "ls: cannot access '/does-not-exist': No such file or directory",
    ]);
  });

  it("names the line of the configuration file for a text from there", async () => {
    const place = await hookPlace({
      post: [{ shown: "post_install[2]", place: { file: "tykky.yaml", line: 14 }, text: "false" }],
    });
    const { error } = await runHooks(place);
    expect(error?.message).toBe(
      "the post-install script post_install[2] failed: `false` ended with status 1",
    );
    expect(error?.details.where).toBe("tykky.yaml:14");
  });

  it("lines of a configuration are one text, and the one that fails is named", async () => {
    const texts = ["for i in 1 2; do", "echo $i", "done", "cd /", "ls ./no-such-thing", "echo never"];
    const post = texts.map((text, index) => ({
      shown: `post_install[${index}]`,
      place: { file: "tykky.yaml", line: 20 + index },
      text,
    }));
    const { lines, error } = await runHooks(await hookPlace({ post }));
    expect(lines.slice(0, 2)).toEqual(["1", "2"]);
    expect(error?.message).toBe(
      "the post-install script post_install[4] failed: `ls ./no-such-thing` ended with status 2",
    );
    expect(error?.details.where).toBe("tykky.yaml:24");
  });

  it("names the line in a function of an earlier script", async () => {
    const place = await hookPlace({
      pre: [script("# first\ndoit() {\n  false\n}\n", "pre.sh")],
      post: [script("\n\ndoit\n", "post.sh")],
    });
    const { error } = await runHooks(place);
    expect(error?.message).toContain("post.sh failed at line 3, in pre.sh: `false`");
    expect(error?.details.where).toBe("pre.sh:3");
  });

  it("names the file that it sources itself", async () => {
    const place = await hookPlace({ post: [script("echo\n. ./lib.sh\n")] });
    await writeFile(join(place.project, "lib.sh"), "\n\nfalse\n");
    const { error } = await runHooks(place);
    expect(error?.message).toContain("failed at line 2, in ./lib.sh:3: `false`");
  });

  it("names the command within a subshell", async () => {
    const { message } = await failure("x=$(false; true)\n(\n  cd /nowhere/at/all\n  true\n)\n");
    expect(message).toContain("failed at line 3: `cd /nowhere/at/all`");
  });

  it("exit 0 is no success", async () => {
    const { message, where, hint } = await failure("echo a\nif true; then\n  exit 0\nfi\n");
    expect(message).toBe(
      "the post-install script /home/u/post.sh called exit 0 at line 3: the build would end there",
    );
    expect(where).toBe("/home/u/post.sh:3");
    expect(hint).toContain("return");
  });

  it("exit with another status is its own decision", async () => {
    const { message } = await failure("die() { echo reason; exit 7; }\n\ndie\n");
    expect(message).toBe("the post-install script /home/u/post.sh gave up with exit 7 at line 1");
  });

  it("exit in a subshell ends only that", async () => {
    expect((await runPost("(exit 0)\necho on\n")).lines).toEqual(["on"]);
  });

  it("return of another status is a failure", async () => {
    expect((await failure("return 3\n")).message).toContain("returned 3");
  });

  it("exec is told", async () => {
    const { message, hint } = await failure("echo a\nexec true\n");
    expect(message).toContain("did not return: its shell ended with status 0");
    expect(hint).toContain("exec PROGRAM");
  });

  it("exit under an EXIT trap of its own is told with the line", async () => {
    expect((await failure("trap 'rm -f x' EXIT\n\nexit 0\n")).message).toContain("called exit 0 at line 3");
  });

  it("an ERR trap of its own hides no failure", async () => {
    const { message, lines } = await failure("trap 'echo mine' ERR\nfalse\n");
    expect(lines).toContain("mine");
    expect(message).toContain("ended the shell with status 1");
  });

  it("a killed shell is told with the signal", async () => {
    expect((await failure("kill -KILL $$\n")).message).toContain("was killed (SIGKILL)");
  });

  it("a syntax error is told with its line", async () => {
    const { message, where } = await failure("echo a\nfoo(\necho b\n");
    expect(message).toContain("failed at line 2: syntax error near unexpected token");
    expect(where).toBe("/home/u/post.sh:2");
  });

  it("an unset variable under its own set -u is told with its line", async () => {
    expect((await failure("set -u\n\necho $NOT_THERE\n")).message).toContain(
      "failed at line 3: NOT_THERE: unbound variable",
    );
  });

  it("Windows line ends are told", async () => {
    expect((await failure("echo a\r\ntrue\r\n")).hint).toContain("Windows");
  });

  it("a script for another program says so", async () => {
    expect(
      (await failure("#!/usr/bin/env python3\nimport os\nprint('a' if os else (1))\n")).error,
    ).toBeDefined();
  });

  it("no shell without bash in the base", async () => {
    const place = await hookPlace({ post: [script("true")] });
    place.setting.container = ([, ...words]) => ["/bin/sh", ...words];
    place.context.facts = { ...place.context.facts, environment: { PATH: place.directory } };
    expect((await runHooks(place)).error?.message).toContain("the base has no bash");
  });

  it("a container that does not start is told in the runtime's words", async () => {
    const place = await hookPlace({ post: [script("true")] });
    place.setting.container = () => [
      "/bin/sh",
      "-c",
      "echo 'FATAL: unprivileged userns is off' >&2; exit 255",
    ];
    const { error } = await runHooks(place);
    expect(error?.code).toBe(ExitCode.hostCannot);
    expect(error?.message).toContain("status 255");
  });
});

describe("a runtime that is not there", () => {
  it("is told as such", async () => {
    const place = await hookPlace({ post: [script("true")], container: () => ["/does/not/exist"] });
    const { error } = await runHooks(place);
    expect(error?.message).toContain("the shell for the hooks did not start (ENOENT)");
  });
});

describe("an interrupted hook", () => {
  it("ends with all it started, and the reason is the interruption's", async () => {
    const place = await hookPlace({ post: [script("sleep 600 &\necho $!\nwait\n")] });
    const hooks = await openHooks(place.context, place.setting);
    onTestFinished(() => hooks.close());
    const reason = new KapseliError(ExitCode.interrupted, "stopped by the test");
    const post = hooks.post();
    const watch = setInterval(() => {
      if (outputOf(place).length > 0) place.stop.abort(reason);
    }, 5);
    await expect(post).rejects.toBe(reason);
    clearInterval(watch);
    await hooks.close();
    await gone(Number(outputOf(place)[0]));
  });

  it("nothing is started where there are no scripts", async () => {
    const place = await hookPlace();
    place.setting.container = () => {
      throw new Error("a container was started");
    };
    expect(await runHooks(place)).toEqual({ lines: [] });
  });
});
