import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  copyOf,
  type LauncherEnvironment,
  prepareEnvironments,
  rewriteLauncher,
  sharedEnvironment,
} from "../support/launcher-environment.ts";
import { report } from "../support/launcher-report.ts";
import { type Ran, remove, runAs, scratch, testUsers } from "../support/real.ts";

// biome-ignore lint/suspicious/noTemplateCurlyInString: a value that looks like one
const EVALUATED = "$(touch pwned) `touch pwned` ${HOME:-x} 'single' \"double\" \\ ü";
const SHELLS = ["dash", "bash", "busybox sh", "ksh", "mksh"];

describe.each(testUsers())("the configuration's settings, as $name:", (user) => {
  const root = sharedEnvironment(user).root;
  let directory = "";
  let environment: LauncherEnvironment;
  const seen = (env: Record<string, string | undefined> = {}, shell = "dash") => {
    const call = [...shell.split(" "), environment.python] as unknown as [string, ...string[]];
    return report(user, call, [], { cwd: directory, env }).environment;
  };

  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
    environment = copyOf(user, sharedEnvironment(user), join(directory, "env"));
  });
  afterAll(() => remove(directory));

  describe("libraries", () => {
    beforeAll(() =>
      rewriteLauncher(environment.root, {
        libraryPaths: { first: ["/add/lib", "/add/lib64"], last: ["/wrapper/a b"] },
      }),
    );

    it.each(SHELLS)("stand around the caller's, without empty items (%s)", (shell) => {
      const own = "/.singularity.d/libs";
      const both = { SINGULARITYENV_LD_LIBRARY_PATH: ":/s1::/s2", LD_LIBRARY_PATH: "/host::/host2:" };
      expect(seen(both, shell).LD_LIBRARY_PATH).toBe(
        `/add/lib:/add/lib64:/s1:/s2:/wrapper/a b:/host:/host2:${own}`,
      );
      expect(seen({}, shell).LD_LIBRARY_PATH).toBe(`/add/lib:/add/lib64:/wrapper/a b:${own}`);
      expect(seen({ LD_LIBRARY_PATH: ":" }, shell).LD_LIBRARY_PATH).toBe(
        `/add/lib:/add/lib64:/wrapper/a b:${own}`,
      );
    });

    it("are the same for both families, whichever the caller uses", () => {
      expect(seen({ APPTAINERENV_LD_LIBRARY_PATH: "/a" }).LD_LIBRARY_PATH).toMatch(
        /^\/add\/lib:\/add\/lib64:\/a:\/wrapper/,
      );
    });
  });

  it("the caller's SINGULARITYENV_PATH and APPTAINERENV_PATH give way to the caller's PATH", () => {
    rewriteLauncher(environment.root, {});
    for (const name of ["SINGULARITYENV_PATH", "APPTAINERENV_PATH"]) {
      const env = { PATH: "/mine:/usr/bin", [name]: "/not/this", CW_NO_CONDA_ACTIVATE: "" };
      expect(seen(env).PATH).toBe(`${root}/bin:/mine:/usr/bin`);
    }
  });

  it("variables of the launcher are there to be read", () => {
    expect(seen({ PATH: "/mine:/usr/bin", _CW_IN_CONTAINER: "Yes" })).toMatchObject({
      install_root: root,
      env_root: `${root}/`,
      OLD_PATH: "/mine:/usr/bin",
      _CW_IS_ISOLATED: "no",
    });
    expect(seen({ _CW_IN_CONTAINER: "Yes" })).not.toHaveProperty("_CW_IN_CONTAINER");
  });

  describe("extra variables", () => {
    beforeAll(() =>
      rewriteLauncher(environment.root, {
        extraVariables: [
          { name: "PLAIN", value: EVALUATED, type: "set" },
          // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference that the launcher expands
          { name: "EXPANDED", value: "<$FOO|${FOO}s|$UNSET|$|$1|${|$$>", type: "set" },
          { name: "LIST", value: "$PLAIN_NOT:/first", type: "prepend" },
          { name: "LIST", value: "/last", type: "append" },
          { name: "ACTIVATED_PLAIN", value: "mine", type: "set" },
          { name: "EMPTY", value: "", type: "set" },
          { name: "SINGULARITYENV_PATH", value: "/by/extra", type: "prepend" },
          { name: "APPTAINERENV_LD_LIBRARY_PATH", value: "/lib/by/extra", type: "append" },
          { name: "SINGULARITYENV_INSIDE", value: "$FOO", type: "set" },
          { name: "PATH", value: "/no/effect", type: "prepend" },
          { name: "LD_LIBRARY_PATH", value: "/no/effect", type: "set" },
          { name: "HOME", value: "/tmp", type: "set" },
          { name: "SINGULARITY_BIND", value: "/etc:/by-extra", type: "append" },
        ],
      }),
    );

    it.each(SHELLS)(
      "are set, with the caller's variables in them and nothing else evaluated (%s)",
      (shell) => {
        const inside = seen({ FOO: EVALUATED, LIST: "/mine", LD_LIBRARY_PATH: "/host" }, shell);
        expect(inside).toMatchObject({
          PLAIN: EVALUATED,
          EXPANDED: `<${EVALUATED}|${EVALUATED}s||$|$1|\${|$$>`,
          LIST: ":/first:/mine:/last",
          ACTIVATED_PLAIN: "mine",
          EMPTY: "",
          INSIDE: EVALUATED,
          HOME: "/tmp",
        });
        expect(inside.PATH).toMatch(`/by/extra:${root}/bin:`);
        expect(inside.PATH).not.toContain("/no/effect");
        expect(inside.LD_LIBRARY_PATH).toBe("/host:/lib/by/extra:/.singularity.d/libs");
      },
    );

    it("are set without activation and for _debug_exec too, and bind", () => {
      expect(seen({ CW_NO_CONDA_ACTIVATE: "1" })).toMatchObject({ PLAIN: EVALUATED });
      const line = "printenv ACTIVATED_PLAIN; ls -d /by-extra";
      const ran = runAs(user, [join(environment.bin, "_debug_exec"), "sh", "-c", line]);
      expect(ran.stdout).toBe("mine\n/by-extra\n");
    });
  });

  describe("redirects", () => {
    const cowsay = (call: readonly [string, ...string[]]): Ran => runAs(user, call);
    beforeAll(() => {
      runAs(user, ["ln", "env/bin/cowsay", "env/bin/it's $(new)"], { cwd: directory });
      rewriteLauncher(environment.root, {
        commands: ["python3", "cowsay", "it's $(new)"],
        redirects: { cowsay: "/usr/bin/printf", "it's $(new)": "/bin/echo" },
      });
    });

    it.each(SHELLS)("name the program inside, by every path (%s)", (shell) => {
      const words = shell.split(" ") as [string, ...string[]];
      const path = join(environment.bin, "cowsay");
      expect(cowsay([...words, path, "%s|", "a b", ""])).toMatchObject({ stdout: "a b||", stderr: "" });
      expect(cowsay([...words, join(environment.bin, "it's $(new)"), "x"]).stdout).toBe("x\n");
      runAs(user, ["ln", "-sfn", path, "cowsay"], { cwd: directory });
      runAs(user, ["ln", "-sfn", path, "moo"], { cwd: directory });
      expect(cowsay([...words, join(directory, "cowsay"), "%s|", "x"]).stdout).toBe("x|");
      expect(cowsay([...words, join(directory, "moo"), "%s|", "x"]).stdout).toBe("x|");
    });

    it("leave the other commands and links to them as they are", () => {
      expect(report(user, environment.python)).toMatchObject({ prefix: root });
      const shared = sharedEnvironment(user);
      const kept = copyOf(user, shared, join(directory, "kept"));
      runAs(user, ["ln", "-sfn", kept.python, "my-python"], { cwd: directory });
      expect(report(user, join(directory, "my-python")).prefix).toBe(root);
    });

    it("hold in the container itself", () => {
      const line = '"$0" "%s|" nested';
      const ran = runAs(user, [
        join(environment.bin, "_debug_exec"),
        "sh",
        "-c",
        line,
        join(environment.bin, "cowsay"),
      ]);
      expect(ran).toMatchObject({ stdout: "nested|", stderr: "" });
    });
  });

  it("nothing was evaluated on the way", () => {
    expect(runAs(user, ["ls", directory]).stdout).not.toContain("pwned");
  });
});
