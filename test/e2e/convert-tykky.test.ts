/** Installations as Tykky makes them, imitated from their layout around real environments, become ours by an update. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { relocateTree } from "../../src/build/relocate.ts";
import { smallTree } from "../support/base-image.ts";
import { recordingContext } from "../support/build-context.ts";
import {
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  put,
  putEnv,
} from "../support/builds.ts";
import { manifestOf, python, says, script, type, typeWell } from "../support/compat-place.ts";
import { channelUrl, ordinary, runAs } from "../support/real.ts";
import { contents } from "../support/trees.ts";
import {
  environmentPath,
  makeTykkyPrefix,
  TYKKY_PATH,
  type TykkyPrefixOptions,
  UV_PYTHON,
} from "../support/tykky-prefix.ts";

let place: Place;
/** Environments as an installer made them: with Python, without, and a venv of /usr's Python; at their own paths. */
const trees = { conda: "", small: "", venv: "" };
const at = (name: string): string => join(place.directory, name);

beforeAll(() => {
  place = newPlace(ordinary());
  put(place, "more.txt", "iniconfig==2.0.0\n");
  const make = (name: string, items: string): string => {
    const file = putEnv(place, items, "", `${name}.yml`);
    typeWell(place, ["conda-containerize", "new", "--prefix", name, file]);
    const tree = at(`${name}-tree`);
    typeWell(place, ["unsquashfs", "-no-progress", "-dest", tree, at(`${name}/current/env.sqfs`)]);
    typeWell(place, ["rm", "-rf", join(tree, ".kapseli"), name]);
    return tree;
  };
  trees.conda = make("conda", "python=3.11, pip, kapseli-binary-prefix, {pip: [cowsay==6.1]}");
  trees.small = make("small", "kapseli-binary-prefix, kapseli-versions=1.0");
  trees.venv = at("venv");
  typeWell(place, ["/usr/bin/python3", "-m", "venv", trees.venv]);
  typeWell(place, [join(trees.venv, "bin/pip"), "install", "-q", "cowsay==6.1"]);
});
afterAll(() => place?.[Symbol.dispose]());

/** A copy of a tree with its files rewritten. */
async function treeFor(
  name: string,
  tree: string,
  ...moves: { from: string; to: string }[]
): Promise<string> {
  const copy = at(`${name}-files`);
  typeWell(place, ["cp", "-a", tree, copy]);
  for (const move of moves) await relocateTree(recordingContext(place.directory), copy, move);
  return copy;
}

/** A prefix of the user's, made by Tykky, and moved since. @returns where it is now */
async function tykky(name: string, options: Omit<TykkyPrefixOptions, "prefix">): Promise<string> {
  const made = at(`${name}-made`);
  await makeTykkyPrefix({ prefix: made, ...options });
  if (options.tree !== undefined) rmSync(options.tree, { recursive: true });
  // The tests may run as root.
  runAs({ ...place.user, uid: 0, gid: 0 }, ["chown", "-R", `${place.user.uid}:${place.user.gid}`, made]);
  typeWell(place, ["mv", made, name]);
  return at(name);
}

const PREFIX = "import sys; print(sys.prefix, sys.executable)";

describe("a conda installation", () => {
  const inside = environmentPath({ mode: "conda" });
  const updated = (name: string, ...args: string[]) =>
    type(place, ["conda-containerize", "update", ...args, name], { env: { CONDA_CHANNELS: channelUrl() } });

  it("becomes ours: programs find everything where it was, and what Tykky made is kept whole", async () => {
    const environ = at(script(place, "environ.sh", 'export KAPSELI_ENVIRON="from $KAPSELI_CALLER"'));
    const prefix = await tykky("tykky-conda", {
      mode: "conda",
      tree: await treeFor("conda", trees.conda, { from: at("conda"), to: inside }),
      programs: ["python3", "cowsay"],
      conf: {
        wrapper_paths: ["/usr/bin/printf"],
        extra_envs: [
          { name: "KAPSELI_SET", value: "set by conf.yaml", type: "set" },
          { name: "KAPSELI_LIST", value: "/added", type: "append" },
          { file: environ },
          { file: at("no-such-script") },
        ],
      },
    });
    const before = contents(prefix);
    const ran = updated("tykky-conda", "-r", "more.txt");
    expectBuilt(place, ran);
    expect(ran.stdout).toContain("was made by Tykky: it is converted");
    expect(ran.stderr).toContain(`${at("no-such-script")}, the --environ script`);

    const bin = (name: string): string => join(prefix, "bin", name);
    expect(python(place, bin("python3"), PREFIX)).toBe(`${inside} ${bin("python3")}`);
    expect(python(place, bin("python3"), "import cowsay, iniconfig; print(iniconfig.__file__)")).toContain(
      inside,
    );
    expect(says(place, [bin("cowsay"), "-t", "as before"])).toContain("as before");
    expect(says(place, [bin("kapseli-binary-prefix")])).toBe(`${inside}/share/kapseli-binary-prefix`);
    expect(says(place, [bin("printf"), "%s", "wrapped"])).toBe("wrapped");
    expect(says(place, [bin("python3"), "-m", "pip", "--version"])).toContain(`from ${inside}/lib/`);
    const print = `import os; print(*(os.environ[n] for n in ${JSON.stringify([
      ...["install_root", "env_root", "CONDA_PREFIX", "KAPSELI_SET", "KAPSELI_LIST", "KAPSELI_ENVIRON"],
    ])}), sep="\\n")`;
    const env = { KAPSELI_CALLER: "the caller", KAPSELI_LIST: "/own" };
    expect(python(place, bin("python3"), print, { env }).split("\n")).toEqual([
      TYKKY_PATH,
      `${inside}/`,
      inside,
      "set by conf.yaml",
      "/own:/added",
      "from the caller",
    ]);

    const kept = contents(join(prefix, "generations/0"));
    for (const [name, what] of before)
      if (name !== "") expect({ name, what: kept.get(name) }).toEqual({ name, what });
    expect(kept.size).toBe(before.size);
    expect(readFileSync(join(prefix, "share/previous_input/0/env.yml"), "utf8")).toBe("# given\n");
    expect(readdirSync(join(prefix, "share/previous_input/1"))).toEqual(["more.txt"]);

    // As scripts mount it that know Tykky's names: what was there before, and what is there now.
    for (const image of ["generations/0/img.sqfs", "img.sqfs"]) {
      const line = [
        "apptainer",
        "-s",
        "exec",
        "-B",
        `${join(prefix, image)}:${TYKKY_PATH}:image-src=/`,
      ] as const;
      const root = join(prefix, "current/root");
      const argv = [
        ...line,
        "-B",
        "/usr",
        root,
        `${inside}/bin/python3`,
        "-c",
        "import sys; print(sys.prefix)",
      ];
      expect(says(place, argv as [string, ...string[]])).toBe(inside);
    }

    const post = script(
      place,
      "post.sh",
      "conda install -y kapseli-versions=2.0",
      "pip install -q pluggy==1.5.0",
    );
    expectBuilt(place, updated("tykky-conda/", "--post-install", post));
    expect(says(place, [bin("kapseli-versions")])).toBe("2.0");
    expect(python(place, bin("python3"), "import pluggy, iniconfig; print('both')")).toBe("both");
    expect(readdirSync(join(prefix, "generations")).sort()).toEqual(["0", "1", "2"]);
    typeWell(place, ["kapseli", "rollback", "tykky-conda"]);
    expect(existsSync(bin("kapseli-versions"))).toBe(false);
    expect(python(place, bin("python3"), PREFIX)).toBe(`${inside} ${bin("python3")}`);
    const refused = type(place, ["kapseli", "rollback", "tykky-conda"]);
    expectRefused(refused, 3, "no complete generation before 1");
    expect(contents(join(prefix, "generations/0"))).toEqual(kept);
  });

  it("of release 0.3, with its miniconda, keeps the name that its own files know", async () => {
    const old = environmentPath({ mode: "conda", conda: "miniconda" });
    const prefix = await tykky("tykky-old", {
      mode: "conda",
      conda: "miniconda",
      tree: await treeFor("old", trees.small, { from: at("small"), to: old }),
      programs: ["kapseli-binary-prefix"],
    });
    expectBuilt(place, updated("tykky-old"));
    const bin = (name: string): string => join(prefix, "bin", name);
    expect(says(place, [bin("kapseli-binary-prefix")])).toBe(`${old}/share/kapseli-binary-prefix`);
    expect(says(place, [bin("kapseli-versions")])).toBe("1.0");
    expect(says(place, [bin("_debug_exec"), "printenv", "env_root"])).toBe(`${old}/`);
    expect(says(place, [bin("_debug_exec"), "ls", `${TYKKY_PATH}/miniforge/envs`])).toBe("env1");
  });

  it("that is isolated goes on in its own container", async () => {
    const tree = smallTree(place, "small-root", "the container of Tykky");
    typeWell(place, ["apptainer", "-q", "build", at("small.sif"), tree]);
    const prefix = await tykky("tykky-isolated", {
      mode: "conda",
      tree: await treeFor("isolated", trees.small, { from: at("small"), to: inside }),
      container: at("small.sif"),
      programs: ["kapseli-binary-prefix"],
      conf: { isolate: "yes", container_src: "docker://example.org/small" },
    });
    const container = contents(join(prefix, "container.sif")).get("");
    expectBuilt(place, updated("tykky-isolated"));
    const bin = (name: string): string => join(prefix, "bin", name);
    expect(says(place, [bin("kapseli-binary-prefix")])).toBe(`${inside}/share/kapseli-binary-prefix`);
    expect(says(place, [bin("_debug_exec"), "cat", "/etc/kapseli-release"])).toBe("the container of Tykky");
    const path = says(place, [bin("_debug_exec"), "sh", "-c", 'echo "$PATH"'], {
      env: { PATH: "/kapseli-host:/usr/bin:/bin" },
    });
    expect(path.split(":")).not.toContain("/kapseli-host");
    const manifest = manifestOf(prefix);
    expect({ ...manifest.base, digest: "" }).toMatchObject({
      kind: "image",
      source: "docker://example.org/small",
    });
    expect(contents(join(prefix, "generations/0/container.sif")).get("")).toBe(container);
    expectBuilt(place, updated("tykky-isolated"));
    expect(says(place, [bin("_debug_exec"), "cat", "/etc/kapseli-release"])).toBe("the container of Tykky");
  });

  it("whose update fails is as Tykky left it", async () => {
    const prefix = await tykky("tykky-failing", {
      mode: "conda",
      tree: await treeFor("failing", trees.small, { from: at("small"), to: inside }),
    });
    const before = contents(prefix);
    const failing = script(place, "failing.sh", "cat /no-such-file");
    expectRefused(updated("tykky-failing", "--post-install", failing), 5, "failing.sh", "/no-such-file");
    expect(contents(prefix)).toEqual(before);
  });
});

describe("a pip installation", () => {
  const inside = environmentPath({ mode: "venv" });
  const update = (...args: string[]) => type(place, ["pip-containerize", "update", ...args]);

  it("with its configuration outside of the image becomes ours", async () => {
    const tree = await treeFor("venv", trees.venv, { from: trees.venv, to: inside });
    rmSync(join(tree, "pyvenv.cfg"));
    const prefix = await tykky("tykky-venv", { mode: "venv", tree, programs: ["python3", "cowsay"] });
    const bin = (name: string): string => join(prefix, "bin", name);
    for (const args of [["-r", "more.txt"], []]) {
      expectBuilt(place, update(...args, "tykky-venv"));
      expect(python(place, bin("python3"), PREFIX)).toBe(`${prefix} ${bin("python3")}`);
      const code = "import cowsay, iniconfig, os; print(os.environ['install_root'])";
      expect(python(place, bin("python3"), code)).toBe(TYKKY_PATH);
      expect(says(place, [bin("cowsay"), "-t", "as before"])).toContain("as before");
      expect(says(place, [bin("pip"), "--version"])).toContain("/lib/python3");
    }
    const before = readdirSync(join(prefix, "generations/0")).sort();
    expect(before).toEqual(
      ["_bin", "bin", "common.sh", "container.sif", "img.sqfs", "lib", "lib64", "pyvenv.cfg", "share"].sort(),
    );
  });

  it("made by uv keeps the Python that uv got for it", async () => {
    const home = join(TYKKY_PATH, UV_PYTHON);
    const managed = at("managed");
    typeWell(place, ["cp", "-a", trees.conda, managed]);
    const venv = at("uv-venv");
    typeWell(place, [join(managed, "bin/python3.11"), "-m", "venv", venv]);
    const tree = await treeFor("uv", venv, { from: venv, to: inside }, { from: managed, to: home });
    const prefix = await tykky("tykky-uv", {
      mode: "venv",
      uv: true,
      tree,
      uvPython: await treeFor("uv-python", managed, { from: managed, to: home }),
      programs: ["python3"],
    });
    expectBuilt(place, update("-r", "more.txt", "tykky-uv"));
    const code = "import iniconfig, sys; print(sys.prefix, sys.base_prefix)";
    expect(python(place, join(prefix, "bin/python3"), code)).toBe(`${prefix} ${home}`);
    expect(readFileSync(join(prefix, "current/build.log"), "utf8")).toMatch(/Resolved 1 package/);
  });
});

describe("an installation by Tykky that cannot be updated is refused with the reason, and nothing changes:", () => {
  const CASES: [
    string,
    Omit<TykkyPrefixOptions, "prefix">,
    (prefix: string) => void,
    [string, ...string[]],
    (string | RegExp)[],
  ][] = [
    [
      "a wrapped container",
      { mode: "wrapcont" },
      () => undefined,
      ["conda-containerize", "update"],
      ["made by wrap-container, which cannot be updated"],
    ],
    [
      "a wrapped directory",
      { mode: "wrapdisk" },
      () => undefined,
      ["pip-containerize", "update"],
      ["made by wrap-install, which cannot be updated"],
    ],
    [
      "another tool's",
      { mode: "conda" },
      () => undefined,
      ["pip-containerize", "update"],
      ["is a conda environment", "conda-containerize update"],
    ],
    [
      "relocated, what needs no relocation",
      { mode: "venv" },
      () => undefined,
      ["kapseli", "relocate"],
      ["was made by Tykky", "pip-containerize update"],
    ],
    [
      "without its image",
      { mode: "conda" },
      (prefix) => rmSync(join(prefix, "img.sqfs")),
      ["conda-containerize", "update"],
      ["the installation is damaged", "img.sqfs is missing"],
    ],
    [
      "with an image cut short",
      { mode: "conda" },
      (prefix) =>
        writeFileSync(join(prefix, "img.sqfs"), readFileSync(join(prefix, "img.sqfs")).subarray(0, 200)),
      ["conda-containerize", "update"],
      [/img\.sqfs is (damaged|not a SquashFS image)/],
    ],
    [
      "with an image without its environment",
      { mode: "conda", conf: { env_name: "env2" } },
      () => undefined,
      ["conda-containerize", "update"],
      ["holds no environment"],
    ],
    [
      "without its container",
      { mode: "venv" },
      (prefix) => rmSync(join(prefix, "container.sif")),
      ["pip-containerize", "update"],
      ["container.sif is missing"],
    ],
    [
      "with a broken conf.yaml",
      { mode: "venv" },
      (prefix) => writeFileSync(join(prefix, "share/conf.yaml"), "mode: venv\ninstallation_path: [1\n"),
      ["pip-containerize", "update"],
      ["the installation is damaged", "conf.yaml"],
    ],
    [
      "with somebody's file in it",
      { mode: "conda" },
      (prefix) => writeFileSync(join(prefix, "notes.txt"), "the user's own\n"),
      ["conda-containerize", "update"],
      ["notes.txt is in the way"],
    ],
  ];

  it.each(CASES)("%s", async (what, options, damage, argv, words) => {
    const prefix = await tykky(what.replaceAll(/\W+/g, "-"), options);
    damage(prefix);
    const before = contents(prefix);
    const ran = type(place, [...argv, prefix]);
    expect([3, 4]).toContain(ran.exitCode);
    expectRefused(ran, ran.exitCode ?? -1, ...words);
    expect(contents(prefix)).toEqual(before);
    expectNothingLeft(place, at("nothing"));
  });
});
