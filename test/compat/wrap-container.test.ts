import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { debian12, smallTree } from "../support/base-image.ts";
import { newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import {
  IMAGE_LIBRARIES,
  IMAGE_PATH,
  imagePython,
  type PythonImage,
  pushPython,
} from "../support/compat-images.ts";
import { python, says, typeWell } from "../support/compat-place.ts";
import { baseEnvironment, installedBin, ordinary, PROJECT } from "../support/real.ts";
import { type Registry, startRegistry } from "../support/registry.ts";

describe("wrap-container", () => {
  let place: Place;
  let registry: Registry;
  let image: PythonImage;
  let env: Record<string, string>;
  const at = (name: string): string => join(place.directory, name);
  const inImage = (name: string): string => at(`wrapped/bin/${name}`);
  beforeAll(() => {
    place = newPlace(ordinary());
    registry = startRegistry();
    image = pushPython(registry);
    env = { APPTAINER_NOHTTPS: "1" };
  });
  afterAll(() => {
    registry?.stop();
    place?.[Symbol.dispose]();
  });

  const wrapped = once(() => {
    typeWell(place, `wrap-container -w /usr/bin --prefix wrapped ${image.uri}`, { env });
  });
  const venv = once(() => {
    wrapped();
    typeWell(place, [inImage("python3"), "-m", "venv", "venv"]);
    return at("venv/bin/python");
  });
  const WHICH = "import shutil; print(shutil.which('python'))";

  /** Runs Python code by name in bash, after sourcing the venv's activate. */
  const activated = (code: string): string => {
    venv();
    const line = '. venv/bin/activate; exec python -c "$0"';
    return says(place, ["bash", "-c", line, code]);
  };

  check("W1", () => {
    wrapped();
    expect(says(place, [inImage("cat"), "/etc/debian_version"])).toMatch(/^12\./);
    expect(says(place, [inImage("bash"), "-c", "echo $0"])).not.toBe("");
  });

  check("W2", () => {
    wrapped();
    const version = imagePython(debian12(place.user));
    expect(says(place, [inImage("python3"), "--version"])).toBe(`Python ${version}`);
    const code = "print(open('/opt/kapseli-image/bin/image-name').read())";
    expect(python(place, inImage("python3"), code)).toContain("python image");
  });

  check("W3", () => {
    const code = "import sys; print(sys.prefix); print(sys.base_prefix)";
    const [prefix, base] = python(place, venv(), code).split("\n");
    expect(prefix).toBe(at("venv"));
    expect(base).not.toBe(prefix);
  });

  check("W4", () => expect(python(place, venv(), WHICH)).toBe(at("venv/bin/python")));

  check("W5", () => expect(activated("import sys; print(sys.prefix)")).toBe(at("venv")));

  check("W6", () => expect(activated(WHICH)).toBe(at("venv/bin/python")));

  check("W7", () => {
    wrapped();
    const find = [
      "find",
      "/usr/bin",
      "-mindepth",
      "1",
      "-maxdepth",
      "1",
      "-executable",
      "-not",
      "-xtype",
      "d",
    ];
    const listed = says(place, [
      "apptainer",
      "-s",
      "exec",
      debian12(place.user),
      ...find,
      "-printf",
      "%f\\n",
    ]);
    const names = listed.split("\n");
    expect(names.length).toBeGreaterThan(100);
    const missing = names.filter((name) => {
      try {
        accessSync(inImage(name), constants.X_OK);
        return false;
      } catch {
        return true;
      }
    });
    expect(missing).toEqual([]);
  });

  const PRINT_PATH = 'import os; print(os.environ["PATH"])';

  check("W8", () => {
    wrapped();
    const entries = python(place, inImage("python3"), PRINT_PATH).split(":");
    expect(entries).toEqual(expect.arrayContaining(IMAGE_PATH.split(":")));
  });

  check("W9", () => {
    wrapped();
    const code = 'import os; print(os.environ["LD_LIBRARY_PATH"])';
    expect(python(place, inImage("python3"), code).split(":")).toContain(IMAGE_LIBRARIES);
  });

  check("W10", () => {
    wrapped();
    const only = put(place, "only-on-the-host");
    const PATH = `${only}:${baseEnvironment(place.user).PATH}`;
    const entries = python(place, inImage("python3"), PRINT_PATH, { env: { PATH } }).split(":");
    expect(entries).not.toContain(only);
    // Nor what was in the PATH of who built it.
    expect(entries).not.toContain(installedBin());
  });

  check("W11", () => {
    const tree = smallTree(place, "tree", "without bash");
    const uri = registry.push(tree, "base/small:1");
    typeWell(place, `wrap-container -w /bin --prefix small ${uri}`, { env });
    const small = (name: string): string => at(`small/bin/${name}`);
    expect(says(place, [small("cat"), "/etc/kapseli-release"])).toBe("without bash");
    expect(says(place, [small("sh"), "-c", "command -v bash || echo none"])).toBe("none");
    expect(says(place, [small("_debug_exec"), "printf", "%s|", "a b", ""])).toBe("a b||");
  });

  check("W12", () => {
    wrapped();
    putEnv(place, "kapseli-binary-prefix");
    typeWell(place, "conda-containerize new --prefix other env.yml");
    const CW_EXTRA_BIND_MOUNTS = `${at("other/img.sqfs")}:${at("other")}:image-src=/`;
    const table = says(place, [inImage("cat"), "/proc/self/mountinfo"], { env: { CW_EXTRA_BIND_MOUNTS } });
    const points = table.split("\n").map((line) => line.split(" ")[4]);
    expect(points).toContain("/");
    expect(points).not.toContain(at("other"));
  });

  check("W13", () => {
    wrapped();
    const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
    const git = spawnSync("git", ["describe", "--tags", "--always"], { cwd: PROJECT, encoding: "utf8" });
    const tag = git.status === 0 ? git.stdout.trim() : version;
    expect(readFileSync(at("wrapped/share/VERSION.yml"), "utf8")).toMatch(
      new RegExp(`^tag: '?${tag}'?$`, "m"),
    );
  });
});
