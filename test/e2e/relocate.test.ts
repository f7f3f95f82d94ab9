/** Environments made by the tool, unpacked, rewritten for another place, and run there with nothing of the old place in sight. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readExisting } from "../../src/build/existing.ts";
import { type Relocated, relocateTree } from "../../src/build/relocate.ts";
import { unpackImage } from "../../src/build/unpack.ts";
import { recordingContext } from "../support/build-context.ts";
import { build, expectBuilt, newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { ordinary, type Ran, remove, runAs, scratch } from "../support/real.ts";
import { environmentPath, makeTykkyPrefix } from "../support/tykky-prefix.ts";

const user = ordinary();
let place: Place;
beforeAll(() => {
  place = newPlace(user);
});
afterAll(() => place?.[Symbol.dispose]());

/** An environment's unpacked image, rewritten for `to`. */
async function relocated(
  prefix: string,
  to: string,
): Promise<Relocated & { tree: string; skeleton: string }> {
  const existing = await readExisting(prefix);
  if (existing.made !== "kapseli") throw new Error("it is one of ours");
  const directory = scratch(user);
  const tree = join(directory, "tree");
  const context = recordingContext(directory);
  const { image, skeleton } = existing.paths;
  await unpackImage(context, { unsquashfs: "/usr/bin/unsquashfs", image, tree, processors: 2 });
  const done = await relocateTree(context, tree, { from: existing.recordedRoot, to });
  return { ...done, tree, skeleton };
}

/** Runs a program with a tree at a path, in a container that has nothing else of the user's. */
function runAt(at: { tree: string; skeleton: string }, to: string, argv: readonly string[]): Ran {
  return runAs(user, [
    "apptainer",
    "-s",
    "exec",
    "--no-mount",
    "cwd,home,tmp",
    "--pwd",
    "/",
    "-B",
    "/usr,/etc",
    "--mount",
    `type=bind,src=${at.tree},dst=${to}`,
    at.skeleton,
    ...argv,
  ]);
}

const DESTINATIONS = [
  ["a longer path", `/kapseli-relocated/${"long-".repeat(8)}place`],
  ["a shorter one", "/k"],
  ["one that begins like the old", ""],
] as const;

describe("a conda environment", () => {
  let prefix = "";
  beforeAll(() => {
    prefix = join(place.directory, "env");
    const items =
      "python, pip, kapseli-text-prefix, kapseli-binary-prefix, kapseli-postlink, {pip: [cowsay==6.1]}";
    expectBuilt(place, build(place, "conda-containerize", ["--prefix", prefix, putEnv(place, items)]));
  });

  it.each(DESTINATIONS)(
    "rewritten for %s runs there as if it had been installed there",
    async (_name, path) => {
      const to = path === "" ? `${prefix}-2` : path;
      const at = await relocated(prefix, to);
      const run = (...argv: string[]): string => {
        const ran = runAt(at, to, argv);
        expect(ran.exitCode, ran.stderr).toBe(0);
        return ran.stdout.trim();
      };
      try {
        expect(at.left).toEqual([]);
        expect(at.binaries).toBe(1);
        // What was compiled is still valid, and what is not is gone.
        const compiled = await readdir(join(at.tree, "lib/python3.11/__pycache__"));
        expect(compiled).toContain("pydoc.cpython-311.pyc");
        expect(compiled.filter((name) => /^_sysconfigdata__(?!linux)/.test(name))).toEqual([]);
        expect(run(`${to}/bin/python3`, "-c", "import sys; print(sys.prefix, sys.executable)")).toBe(
          `${to} ${to}/bin/python3`,
        );
        expect(run(`${to}/bin/kapseli-binary-prefix`)).toBe(`${to}/share/kapseli-binary-prefix`);
        expect(run(`${to}/bin/kapseli-text-prefix`)).toBe(
          `${to}\n${to}\ndata = ${to}/share/kapseli-text-prefix`,
        );
        expect(run(`${to}/bin/pip`, "--version")).toContain(`from ${to}/lib/python3.11/site-packages/pip `);
        expect(run(`${to}/bin/cowsay`, "-t", "moved")).toContain("moved");
        const variable =
          "import sysconfig; print(sysconfig.get_config_var('prefix'), sysconfig.get_path('scripts'))";
        expect(run(`${to}/bin/python3`, "-c", variable)).toBe(`${to} ${to}/bin`);
        expect(await readFile(join(at.tree, "share/kapseli-postlink/prefix"), "utf8")).toBe(`${to}\n`);
        const module = `${to}/lib/python3.11/email/mime/text.py`;
        const { stderr } = runAt(at, to, [`${to}/bin/python3`, "-v", "-c", "import email.mime.text"]);
        expect(stderr).toContain(`/mime/__pycache__/text.cpython-311.pyc matches ${module}\n`);
        expect(stderr).not.toContain("bytecode is stale");
      } finally {
        remove(join(at.tree, ".."));
      }
    },
  );

  it("rewritten there and back is byte for byte what it was, but for records of what was done", async () => {
    const there = await relocated(prefix, "/k");
    const back = await relocated(prefix, prefix);
    try {
      const context = recordingContext(there.tree);
      await relocateTree(context, there.tree, { from: "/k", to: prefix });
      const differing = runAs(user, ["diff", "-rq", "--no-dereference", back.tree, there.tree]).stdout;
      const others = differing
        .split("\n")
        .filter((line) => line !== "" && !/__pycache__|conda-meta/.test(line));
      expect(others).toEqual([]);
    } finally {
      remove(join(there.tree, ".."));
      remove(join(back.tree, ".."));
    }
  });

  it("packed as Tykky would have it is found in its image and rewritten for a prefix", async () => {
    const inside = environmentPath({ mode: "conda" });
    const before = await relocated(prefix, inside);
    const directory = scratch(user);
    try {
      const tykky = join(directory, "tykky");
      await makeTykkyPrefix({ prefix: tykky, mode: "conda", tree: before.tree });
      const found = await readExisting(tykky);
      if (found.made !== "tykky" || found.image === undefined) throw new Error("it has an image");
      const tree = join(directory, "tree");
      const context = recordingContext(directory);
      await unpackImage(context, {
        unsquashfs: "/usr/bin/unsquashfs",
        image: found.image,
        tree,
        processors: 2,
      });
      const environment = join(tree, found.environmentDirectories[0] ?? "");
      await relocateTree(context, environment, { from: inside, to: "/k" });
      const at = { tree: environment, skeleton: before.skeleton };
      expect(runAt(at, "/k", ["/k/bin/kapseli-binary-prefix"]).stdout).toBe(
        "/k/share/kapseli-binary-prefix\n",
      );
      expect(runAt(at, "/k", ["/k/bin/pip", "--version"]).stdout).toContain("from /k/lib/");
    } finally {
      remove(directory);
      remove(join(before.tree, ".."));
    }
  });
});

describe("a pip environment", () => {
  it("rewritten for another place runs there, its base Python stays", async () => {
    const prefix = join(place.directory, "venv");
    const requirements = put(place, "requirements.txt", "cowsay==6.1\n");
    expectBuilt(place, build(place, "pip-containerize", ["--prefix", prefix, requirements]));
    const to = "/kapseli relocated/venv";
    const at = await relocated(prefix, to);
    try {
      const seen = runAt(at, to, [
        `${to}/bin/python3`,
        "-c",
        "import sys; print(sys.prefix, sys.base_prefix, sep='\\n')",
      ]);
      expect(seen.stdout).toBe(`${to}\n/usr\n`);
      expect(runAt(at, to, [`${to}/bin/cowsay`, "-t", "moved"]).stdout).toContain("moved");
      const activated = runAt(at, to, [
        "/bin/sh",
        "-c",
        '. "$1/bin/activate"; command -v cowsay; printf "%s\\n" "$VIRTUAL_ENV"',
        "sh",
        to,
      ]);
      expect(activated.stdout).toBe(`${to}/bin/cowsay\n${to}\n`);
      expect(await readFile(join(at.tree, "pyvenv.cfg"), "utf8")).toMatch(/^home = \/usr\/bin$/m);
    } finally {
      remove(join(at.tree, ".."));
    }
  });
});
