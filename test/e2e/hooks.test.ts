import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { buildProcesses, newPlace, type Place, put, putEnv } from "../support/builds.ts";
import type { HookBuildWishes, HookBuilt } from "../support/hook-build.ts";
import { channelUrl, ordinary, PROJECT, runAs, SHARED } from "../support/real.ts";

const PROGRAM = join(SHARED, "hook-build", "hook-build.mjs");

beforeAll(() => {
  mkdirSync(join(SHARED, "hook-build"), { recursive: true });
  buildSync({
    entryPoints: [join(PROJECT, "test", "support", "hook-build.ts")],
    outfile: PROGRAM,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    loader: { ".sh": "text", ".py": "text" },
    define: { KAPSELI_VERSION: '"0"' },
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
});

function buildWithHooks(place: Place, wishes: Omit<HookBuildWishes, "prefix">, environment = {}): HookBuilt {
  const prefix = join(place.directory, "prefix");
  const file = put(place, "wishes.json", JSON.stringify({ ...wishes, prefix }));
  const ran = runAs(place.user, [process.execPath, PROGRAM, file], {
    cwd: place.directory,
    env: { ...place.environment, ...environment },
  });
  if (ran.exitCode !== 0) throw new Error(`${ran.stdout}\n${ran.stderr}`);
  return JSON.parse(ran.stdout) as HookBuilt;
}

const PRE = `echo "pre in $PWD, prefix $CONDA_PREFIX"
declare -A kept=([word]="from pre")
mkdir -p "$CW_INSTALLATION_PATH/miniforge/envs/env1/share/made"
conda config --show pkgs_dirs
`;

describe("hooks in a build", () => {
  const user = ordinary();
  it("conda, its packages and pip act on the environment that is being built", () => {
    using place = newPlace(user);
    const file = putEnv(place, "python=3.11, pip, numpy=1.26");
    put(place, "beside.txt", "beside\n");
    const post = `echo "\${kept[word]}, $CW_SITE_KEY"; cat beside.txt
command -v python3; python3 -c 'import sys; print(sys.prefix)'
conda install -y -c ${channelUrl()} cowsay kapseli-postlink; cat $env_root/share/kapseli-postlink/*
python3 -c 'import cowsay; print(cowsay.__name__)'
conda list -e | grep -v '^#'
`;
    const built = buildWithHooks(place, {
      tool: "conda",
      file,
      pre: [PRE],
      post: [
        post,
        "conda remove -y kapseli-postlink; ls $env_root/share/kapseli-postlink || true",
        "conda remove -y cowsay; ! python3 -c 'import cowsay' 2>/dev/null",
        "pip install -q --no-deps cowsay==6.0; echo 'int main(void){return 0;}' >$env_root/share/made/x.c",
        "conda update -y numpy; conda install -y --no-deps tqdm; printf 'click\\n' >more.txt; mamba install -y --file more.txt",
        "printf 'dependencies: [wheel, {pip: [six]}]\\n' >more.yml; conda env update -f more.yml; conda env export --no-builds",
        "conda list cowsay | tail -1",
      ],
    });
    const root = join(place.directory, "prefix");
    expect(built.message).toBeUndefined();
    const { output } = built;
    expect(output).toContain(`pre in ${place.directory}, prefix `);
    expect(output).toContain(`  - ${place.environment.KAPSELI_CACHE}/rattler/pkgs`);
    expect(output).toEqual(
      expect.arrayContaining(["from pre, of the site", "beside", `${root}/bin/python3`, root]),
    );
    expect(output).toEqual(
      expect.arrayContaining(["  + cowsay 6.1 pyhd_0", "cowsay", "  - cowsay 6.1 pyhd_0"]),
    );
    expect(output).toContain("cowsay=6.1=pyhd_0");
    expect(output.at(-1)).toMatch(/^cowsay +6\.0 +pypi_0 +pypi$/);
    expect(output).toEqual(
      expect.arrayContaining([
        "  + numpy 2.2.6 py311_0",
        "  - numpy 1.26.4 py311_0",
        "  + tqdm 4.67.1 pyhd_0",
      ]),
    );
    expect(output).toEqual(
      expect.arrayContaining(["  - click=8.1.8", "  - wheel=0.45.1", "  - numpy=2.2.6"]),
    );
    expect(output.some((line) => /^ +- six==/.test(line))).toBe(true);
    // The packages' own scripts ran, where the environment is.
    expect(output).toEqual(expect.arrayContaining(["kapseli-postlink 1.0", "  - kapseli-postlink 1.0 0"]));
    expect(output.join("\n")).toMatch(/cannot access '.*kapseli-postlink': No such file/);
    expect(built.records).not.toContain("kapseli-postlink-1.0-0.json");
    expect(built.linked).toBe(false);
  });

  it("a failed conda install names the script, the line and the solver's reason", () => {
    using place = newPlace(user);
    const file = putEnv(place, "python=3.11");
    const built = buildWithHooks(place, {
      tool: "conda",
      file,
      post: ["echo one\nconda install -y no-such-package-anywhere\n"],
    });
    expect(built.message).toBe(
      "the post-install script post_install[0] failed at line 2: `conda install -y no-such-package-anywhere` ended with status 1",
    );
    expect(built.lines?.join("\n")).toContain(
      "a package was not found in the channels: no-such-package-anywhere",
    );
  });

  it("uv pip install acts on an environment made by uv", () => {
    using place = newPlace(user);
    const file = put(place, "requirements.txt", "six\n");
    const built = buildWithHooks(place, {
      tool: "pip",
      uv: true,
      file,
      pre: ["echo early >$CW_INSTALLATION_PATH/from-pre"],
      post: [
        "uv pip install cowsay==6.1",
        "python3 -c 'import sys, cowsay; print(sys.prefix, cowsay.__name__)'; cat $env_root/from-pre",
      ],
    });
    expect(built.message).toBeUndefined();
    expect(built.output.slice(-2)).toEqual([`${join(place.directory, "prefix")} cowsay`, "early"]);
  });

  it("an interruption ends a hook with everything in its container", async () => {
    using place = newPlace(user);
    const built = buildWithHooks(place, {
      tool: "pip",
      file: put(place, "requirements.txt", "six\n"),
      pre: ["setsid sleep 600 & trap '' TERM\necho begun\nsleep 600\n"],
      stopAt: "begun",
    });
    expect(built.message).toBe("Interrupted by SIGTERM");
    await vi.waitFor(() => expect(buildProcesses(place)).toEqual([]), { timeout: 10_000, interval: 50 });
  });

  it("the caller's library and module paths are there, and exit 0 is no success", () => {
    using place = newPlace(user);
    const built = buildWithHooks(
      place,
      {
        tool: "pip",
        file: put(place, "requirements.txt", "six\n"),
        pre: ['echo "$LD_LIBRARY_PATH|$PYTHONPATH|$CW_MODE"\n\nexit 0\n'],
      },
      { LD_LIBRARY_PATH: "/my/libraries", PYTHONPATH: "/my/modules" },
    );
    expect(built.output.at(-1)).toMatch(/^\/my\/libraries(:[^|]*)?\|\/my\/modules\|venv$/);
    expect(built.message).toContain("the pre-install script pre_install[0] called exit 0 at line 3");
    expect(built.root).not.toContain("bin");
  });
});
