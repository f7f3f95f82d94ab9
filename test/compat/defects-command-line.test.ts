import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { environment, isThere, newSite, run, type Site } from "../support/activation.ts";
import { newPlace, type Place, put, putEnv, startBuild, until } from "../support/builds.ts";
import { check } from "../support/compat-checks.ts";
import {
  expectError,
  type Line,
  output,
  python,
  says,
  siteFile,
  type,
  typeWell,
} from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

const TOOLS = ["conda-containerize", "pip-containerize", "wrap-container", "wrap-install"];

describe("defects of Tykky's command lines", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    put(place, "requirements.txt", "cowsay==6.1\n");
    putEnv(place, "kapseli-binary-prefix");
  });
  afterAll(() => place?.[Symbol.dispose]());

  const advanced = (tool: string, name: string, keys: Record<string, unknown>) => {
    put(place, name, `${JSON.stringify(keys, null, 1)}\n`);
    return type(place, [tool, "advanced", name]);
  };

  check("defect 1", "conda-containerize advanced builds what the file says", () => {
    const keys = { mode: "conda", env_file: "env.yml", installation_prefix: at("advanced-conda") };
    const ran = advanced("conda-containerize", "conda.yaml", keys);
    expect(ran.exitCode, output(ran)).toBe(0);
    expect(says(place, [at("advanced-conda/bin/kapseli-binary-prefix")])).toContain(at("advanced-conda"));
  });

  check("defect 1", "pip-containerize advanced builds what the file says", () => {
    const keys = {
      mode: "venv",
      requirements_file: "requirements.txt",
      use_uv: true,
      post_install: ['echo advanced > "$CW_INSTALLATION_PATH/said"'],
      installation_prefix: at("advanced-pip"),
    };
    const ran = advanced("pip-containerize", "pip.yaml", keys);
    expect(ran.exitCode, output(ran)).toBe(0);
    const code = "import cowsay, sys; print(open(sys.prefix + '/said').read().strip())";
    expect(python(place, at("advanced-pip/bin/python3"), code)).toBe("advanced");
  });

  check("defect 1", "advanced names a key that is missing, and one that there is not", () => {
    expectError(advanced("pip-containerize", "missing.yaml", { mode: "venv" }), 3, "requirements_file");
    const keys = { mode: "venv", requirement_file: "requirements.txt" };
    expectError(advanced("pip-containerize", "unknown.yaml", keys), 3, "requirement_file", "unknown.yaml:");
  });

  check("defect 2", async () => {
    put(place, "work/precious", "the user's\n");
    try {
      // While node starts, and once the work directory is there.
      for (const moment of [
        () => true,
        () => readdirSync(place.work).some((name) => name.startsWith("cw-")),
      ]) {
        const build = startBuild(place, "conda-containerize", ["--prefix", "interrupted", "env.yml"]);
        await until("the moment to interrupt", moment);
        process.kill(-build.pid, "SIGINT");
        expect([130, "SIGINT"]).toContain(await build.ended);
        expect(readdirSync(place.work)).toEqual(["precious"]);
        expect(readFileSync(at("work/precious"), "utf8")).toBe("the user's\n");
      }
    } finally {
      typeWell(place, ["rm", "work/precious"]);
    }
  });

  check("defect 3", "a failing leader of a process group leaves the pipe alone", () => {
    const line = `setsid -w pip-containerize new --prefix none none.txt 2>&1 | tee log
      echo "codes \${PIPESTATUS[*]}"`;
    const ran = type(place, ["setsid", "-w", "bash", "-c", line]);
    expect(ran.stdout).toMatch(/^codes 3 0$/m);
    expect(readFileSync(at("log"), "utf8")).toContain("none.txt");
  });

  check("defect 3", "Ctrl-C ends a build with 130", async () => {
    const build = startBuild(place, "conda-containerize", ["--prefix", "stopped", "env.yml"]);
    await until("a work directory", () => readdirSync(place.work).some((name) => name.startsWith("cw-")));
    process.kill(-build.pid, "SIGINT");
    expect(await build.ended).toBe(130);
    expect(readdirSync(place.work)).toEqual([]);
  });

  check("defect 4", () => {
    const leftovers = (): string[] => readdirSync("/tmp").filter((name) => name.startsWith("cw-tmp"));
    const before = leftovers();
    for (const tool of TOOLS) {
      typeWell(place, [tool, "--help"]);
      expect(type(place, [tool, "--no-such-option"]).exitCode, tool).toBe(2);
    }
    expect(readdirSync(place.temporary)).toEqual([]);
    expect(leftovers()).toEqual(before);
  });

  check("defect 19", "log_level of the configuration counts, CW_LOG_LEVEL more", () => {
    const env = siteFile(place, { log_level: 0 });
    const line = "conda-containerize new --prefix quiet env.yml";
    expect(typeWell(place, line, { env }).stdout).not.toContain("[ INFO ]");
    expect(typeWell(place, line, { env: { ...env, CW_LOG_LEVEL: "2" } }).stdout).toContain("[ INFO ]");
  });

  check("defect 19", "an unset variable is an error with its file, line and name", () => {
    const env = siteFile(place, { installation_prefix: "$KAPSELI_IS_NOT_SET/x" });
    const ran = type(place, "pip-containerize new requirements.txt", { env });
    expectError(ran, 3, /site-\d+\.yaml:\d+/, "KAPSELI_IS_NOT_SET");
  });

  check("defect 19", "no value is evaluated", () => {
    const env = siteFile(place, { installation_prefix: `${at("$(touch pwned)")}` });
    type(place, "pip-containerize new requirements.txt", { env });
    expect(readdirSync(place.directory)).not.toContain("pwned");
  });

  check("defect 19", "prepends and appends add to the default list", () => {
    const env = siteFile(
      place,
      { excluded_mount_points: ["/media"] },
      { prepends: { excluded_mount_points: ["/mnt"] }, appends: { excluded_mount_points: ["/srv"] } },
    );
    typeWell(place, "conda-containerize new --prefix excluding env.yml", { env });
    const table = says(place, [at("excluding/bin/_debug_exec"), "cat", "/proc/self/mountinfo"]);
    const points = table.split("\n").map((line) => line.split(" ")[4]);
    expect(points).toContain("/usr");
    for (const excluded of ["/media", "/mnt", "/srv"]) expect(points).not.toContain(excluded);
  });

  check("defect 22", () => {
    const ran = type(place, "pip-containerize new --prefix relative requirements.txt", {
      env: { CW_BUILD_TMPDIR: "relative-work" },
    });
    expectError(ran, 3, "relative-work", /absolute/);
    expect(readdirSync(place.directory)).not.toContain("relative-work");
  });

  check("defect 24", () => {
    const line = 'umask 0027; exec pip-containerize new --uv --prefix "$0" requirements.txt';
    const ran = typeWell(place, ["sh", "-c", line, at("homeless")], {
      env: { HOME: undefined, TERM: undefined },
    });
    expect(output(ran)).not.toMatch(/tput|TERM\b|umask *$/m);
    expect(statSync(at("homeless/current/env.sqfs")).mode & 0o007).toBe(0);
    const call: Line = [at("homeless/bin/python3"), "-c", "import cowsay; print('there')"];
    expect(says(place, call, { env: { HOME: undefined, TERM: undefined } })).toBe("there");
  });
});

describe("defects of tykky activate", () => {
  let site: Site;
  beforeAll(() => {
    site = newSite();
  });
  afterAll(() => site?.remove());

  const shells: [string, ...string[]][] = [["bash"], ["zsh", "-f"], ["ksh"], ["dash"], ["busybox", "sh"]];
  for (const [shell, ...options] of shells) {
    if (!isThere(shell)) continue;
    check("defect 23", `tykky activate says which one it takes and undoes all of it, in ${shell}`, () => {
      const elsewhere = join(site.home, "a working directory");
      const first = environment(join(site.environments, "my env"));
      environment(join(elsewhere, "my env"));
      const lines = `set -u
        . "$KAPSELI_ROOT/etc/profile.d/tykky.sh"
        BEFORE=$PATH
        tykky activate "my env"
        which-one
        PATH="$BEFORE:$TYKKY_PREFIX/bin"
        tykky deactivate
        [ "$PATH" = "$BEFORE" ] && echo "PATH as before"
        echo "\${TYKKY_PREFIX-no prefix}"`;
      const ran = run(site, [shell, ...options, "-c", lines], {
        cwd: elsewhere,
        env: { KAPSELI_ROOT: site.root, TYKKY_PATH: site.environments },
      });
      expect(ran.stdout).toContain(`from ${first}/bin/which-one\nPATH as before\nno prefix\n`);
      // The warning names the one that is taken.
      expect(`${ran.stdout}${ran.stderr}`).toMatch(/WARNING.*[\s\S]*my env/);
      expect(ran.stderr).not.toMatch(/unbound|not set|parameter/);
      expect(ran.status).toBe(0);
    });
  }
});
