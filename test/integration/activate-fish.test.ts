import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Call,
  environment,
  executable,
  isThere,
  newSite,
  run,
  type Site,
  tykkyEnvironment,
} from "../support/activation.ts";

const NAMES = [
  "my env",
  "-n",
  "--help",
  "it's",
  'say "hi"',
  "$(touch pwned)",
  "(touch pwned)",
  "star*",
  "back\\slash",
  "~",
  "smörgås",
  "new\nline",
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
});
afterAll(() => site.remove());

const STATE = `function state
  printf '%s\\n' "prefix <$TYKKY_PREFIX>" "path <$PATH>"
end`;

describe.skipIf(!isThere("fish"))("tykky in fish", () => {
  function tykky(lines: string, { env = {}, ...call }: Call = {}, options: string[] = []) {
    const script = `source "$ROOT/etc/profile.d/tykky.fish"; set PATH /usr/bin /bin\n${STATE}\n${lines}`;
    const set = { ROOT: site.root, TYKKY_PATH: site.environments, ...env };
    return run(site, ["fish", "--no-config", ...options, "-c", script], { ...call, env: set });
  }
  const silent = (lines: string, call?: Call, options?: string[]) => {
    const ran = tykky(lines, call, options);
    expect(ran).toMatchObject({ stderr: "", status: 0 });
    return ran.stdout;
  };
  const active = (prefix: string) => `prefix <${prefix}>\npath <${prefix}/bin:/usr/bin:/bin>\n`;
  const INACTIVE = "prefix <>\npath </usr/bin:/bin>\n";

  it("puts an environment's commands first, and undoes exactly that", () => {
    const prefix = join(site.environments, "plain");
    const out = silent(
      "tykky activate plain\nstate\nwhich-one\nsh -c 'echo $TYKKY_PREFIX'\ntykky deactivate\nstate",
    );
    expect(out).toBe(`${active(prefix)}from ${prefix}/bin/which-one\n${prefix}\n${INACTIVE}`);
  });

  it.each(NAMES)("takes %j for a name, quoted in nothing and run by nothing", (name) => {
    const prefix = join(site.environments, name);
    const env = { NAME: name };
    expect(silent("tykky activate $NAME; state; tykky deactivate; state", { env })).toBe(
      active(prefix) + INACTIVE,
    );
    expect(silent("tykky activate $NAME/; state", { env, cwd: site.environments })).toBe(active(prefix));
  });

  it.each([
    ["an absolute path", "environments/plain", "$HOME/environments/plain"],
    ["a relative path", "environments/plain", "../environments/plain/"],
    ["a link", "environments/plain", "../a link"],
    ["a name in the current directory", "work/here", "here"],
  ])("takes %s", (_what, prefix, argument) => {
    const call = { cwd: join(site.home, "work") };
    expect(silent(`tykky activate "${argument}"; state`, call)).toBe(active(join(site.home, prefix)));
  });

  it("takes a Tykky prefix, and a prefix whose environment is in PREFIX/env", () => {
    expect(silent("tykky activate tykky; state; tykky activate inner; state")).toBe(
      active(join(site.environments, "tykky")) + active(join(site.environments, "inner")),
    );
  });

  it("undoes what it did when PATH was changed meanwhile, also as its last entry", () => {
    expect(silent("tykky activate plain; set PATH /new $PATH; tykky deactivate; state")).toBe(
      "prefix <>\npath </new:/usr/bin:/bin>\n",
    );
    expect(silent("tykky activate plain; set PATH /usr/bin $PATH[1]; tykky deactivate; state")).toBe(
      "prefix <>\npath </usr/bin>\n",
    );
    expect(silent("tykky deactivate; state")).toBe(INACTIVE);
  });

  it("shows the name in the prompt, before the former prompt, which still sees the status", () => {
    const own = 'function fish_prompt; echo "$status> "; end\n';
    const show = "false; fish_prompt";
    const once = `${own}tykky activate 'my env'; ${show}; tykky activate other; ${show}; tykky deactivate; ${show}`;
    expect(silent(once, {}, ["-i"])).toBe("(my env) 1> \n(other) 1> \n1> \n");
    const quiet = `${own}tykky activate plain; ${show}; tykky deactivate; ${show}`;
    expect(silent(quiet, { env: { TYKKY_CHANGE_PS1: "0" } }, ["-i"])).toBe("1> \n1> \n");
    const changed = `${own}tykky activate plain\nfunction fish_prompt; echo new; end\ntykky deactivate; fish_prompt`;
    expect(silent(changed, {}, ["-i"])).toBe("new\n");
  });

  it("searches TYKKY_PATH, empty entries left out, quoted or not, and ~/.tykky where it is not set", () => {
    const env = { TYKKY_PATH: `::/nowhere:${site.environments}:` };
    expect(silent("tykky activate plain; state", { env, cwd: "/" })).toBe(
      active(join(site.environments, "plain")),
    );
    const quoted = 'set -g TYKKY_PATH "/nowhere:$HOME/environments"; tykky activate plain; state';
    expect(silent(quoted)).toBe(active(join(site.environments, "plain")));
    const unset = "set -e TYKKY_PATH; tykky activate default; state";
    expect(silent(unset)).toBe(active(join(site.home, ".tykky", "default")));
  });

  it("warns of a second environment of the name, and says which one it takes", () => {
    const first = join(site.environments, "plain");
    const second = join(site.home, "second");
    const ran = tykky("tykky activate plain; state", {
      env: { TYKKY_PATH: `${site.environments}:${second}` },
    });
    expect(ran).toMatchObject({ status: 0, stdout: active(first) });
    expect(ran.stderr).toBe(
      `WARNING: TYKKY_PATH has plain more than once: ${first} is used, ${second}/plain is not\n`,
    );
    const here = tykky("tykky activate plain; state", { cwd: join(site.home, "work") });
    expect(here).toMatchObject({ status: 0, stdout: active(first) });
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
    ["a path with a colon", "co:lon/", /^ERROR: .*co:lon has a colon in its path, which PATH cannot hold\n$/],
    ["an empty name", "", /^ERROR: activate needs .*\n$/],
  ])("refuses %s and leaves the present environment active", (_what, name, message) => {
    const lines = "tykky activate plain; tykky activate $NAME; echo status $status; state";
    expect(tykky(lines, { env: { NAME: name } })).toMatchObject({
      status: 0,
      stdout: `status 1\n${active(join(site.environments, "plain"))}`,
      stderr: expect.stringMatching(message),
    });
  });

  it("refuses two names and shows its usage for anything else", () => {
    expect(tykky("tykky activate my env")).toMatchObject({
      status: 1,
      stderr: "ERROR: activate takes one environment; a name with spaces needs quotes\n",
    });
    expect(silent("tykky").split("\n")).toHaveLength(3);
    expect(silent("tykky help").split("\n")).toHaveLength(3);
  });

  it("activates and deactivates by `kapseli` too, and hands everything else to the executable", () => {
    expect(silent("kapseli activate 'my env'; state; kapseli deactivate; state")).toBe(
      active(join(site.environments, "my env")) + INACTIVE,
    );
    expect(silent("kapseli activate plain; set -q KAPSELI_WARM; or echo cold")).toBe("cold\n");
    const others = `set PATH $HOME/tools $PATH
      for words in run 'activate --help' 'deactivate -h'
        kapseli (string split ' ' $words) 'a  b' ''; echo $status
      end; kapseli; echo $status`;
    expect(silent(others)).toBe(
      "<run><a  b><>\n7\n<activate><--help><a  b><>\n7\n<deactivate><-h><a  b><>\n7\n<>\n7\n",
    );
  });

  it("takes over what a bash activated", () => {
    const prefix = join(site.environments, "my env");
    const env = { TYKKY_PREFIX: prefix, _TYKKY_PROMPT: "(my env) " };
    const lines =
      "set PATH /usr/bin $TYKKY_PREFIX/bin; tykky deactivate; state; env | string match '*TYKKY_P*'";
    expect(silent(lines, { env })).toBe(`prefix <>\npath </usr/bin>\nTYKKY_PATH=${site.environments}\n`);
  });

  it.each([
    ["its absolute path", "$ROOT/etc/profile.d/tykky.fish"],
    ["a relative path", "./it's an inställation/etc/../etc/profile.d/tykky.fish"],
  ])("finds the installation by %s, and puts the tools on PATH once", (_what, path) => {
    const script = `source "${path}"; source "${path}"; kapseli; string join : -- $PATH`;
    const ran = run(site, ["fish", "--no-config", "-c", script], { env: { ROOT: site.root } });
    expect(ran).toMatchObject({ stderr: "", stdout: `kapseli\n${site.root}/bin:/usr/bin:/bin\n` });
  });
});
