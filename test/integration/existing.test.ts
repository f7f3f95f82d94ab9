import { cp, mkdir, readdir, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { environmentIn, readExisting, type TykkyInstallation } from "../../src/build/existing.ts";
import { unpackImage } from "../../src/build/unpack.ts";
import { KapseliError } from "../../src/errors.ts";
import { recordingContext } from "../support/build-context.ts";
import { manifestFor } from "../support/manifest.ts";
import { scratch } from "../support/programs.ts";
import {
  environmentPath,
  makeTykkyPrefix,
  TYKKY_PATH,
  type TykkyPrefixOptions,
} from "../support/tykky-prefix.ts";

async function refusal(reading: Promise<unknown>): Promise<KapseliError> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof KapseliError) return error;
  throw new Error(`it was not refused: ${String(error)}`);
}

/** An environment of ours, as far as it is looked at: two generations, the second current. */
async function own(root: string, manifest: object = manifestFor(root)): Promise<string> {
  for (const number of ["1", "2"]) {
    await mkdir(join(root, "generations", number), { recursive: true });
    await writeFile(join(root, "generations", number, "env.sqfs"), "image");
    await writeFile(join(root, "generations", number, "manifest.json"), JSON.stringify(manifest));
  }
  await mkdir(join(root, "bin"));
  await symlink("generations/2", join(root, "current"));
  return root;
}

describe("an environment of ours", () => {
  it("is found by its prefix, through a link, and with where it was built", async () => {
    const directory = await scratch();
    const root = await own(join(directory, "env"));
    await symlink(root, join(directory, "link"));
    const found = await readExisting(join(directory, "link"));
    expect(found).toMatchObject({
      made: "kapseli",
      prefix: root,
      root,
      linkedBin: false,
      generation: 2,
      recordedRoot: root,
      moved: false,
      container: undefined,
      paths: { image: join(root, "generations/2/env.sqfs") },
      manifest: { tool: "conda" },
    });
  });

  it("that was moved says so; its base image is named", async () => {
    const directory = await scratch();
    const before = await own(join(directory, "before"));
    await writeFile(join(before, "generations/2/base.sif"), "sif");
    const after = join(directory, "after");
    await rename(before, after);
    expect(await readExisting(after)).toMatchObject({
      root: after,
      recordedRoot: before,
      moved: true,
      container: join(after, "generations/2/base.sif"),
    });
  });

  it("in PREFIX/env is found by the prefix and by env itself", async () => {
    const prefix = await scratch();
    const root = await own(join(prefix, "env"));
    await writeFile(join(prefix, "env.yml"), "");
    await symlink("env/bin", join(prefix, "bin"));
    for (const directory of [prefix, root]) {
      expect(await readExisting(directory)).toMatchObject({ prefix, root, linkedBin: true });
    }
  });

  it("that is damaged is refused with what is wrong and what to do", async () => {
    const directory = await scratch();
    const cases: [string, (root: string) => Promise<void>, RegExp][] = [
      ["current", (root) => unlink(join(root, "current")), /current is missing$/],
      [
        "elsewhere",
        async (root) => {
          await unlink(join(root, "current"));
          await symlink("/etc", join(root, "current"));
        },
        /current leads to \/etc, which is no generation$/,
      ],
      [
        "image",
        (root) => unlink(join(root, "generations/2/env.sqfs")),
        /generations\/2\/env\.sqfs is missing$/,
      ],
      ["manifest", (root) => unlink(join(root, "generations/2/manifest.json")), /manifest\.json is missing$/],
      ["json", (root) => writeFile(join(root, "generations/2/manifest.json"), "{"), /not valid JSON/],
      [
        "form",
        (root) => writeFile(join(root, "generations/2/manifest.json"), JSON.stringify({ schema: 1 })),
        /the manifest's kapseli: /,
      ],
    ];
    for (const [name, damage, message] of cases) {
      const root = await own(join(directory, name));
      await damage(root);
      const error = await refusal(readExisting(root));
      expect(error.code).toBe(3);
      expect(error.message).toMatch(message);
      expect(error.details.hint).toMatch(/\S/);
    }
  });

  it("made by a newer version is refused as that", async () => {
    const root = await own(join(await scratch(), "env"), { schema: 1000, kapseli: "9.1" });
    const error = await refusal(readExisting(root));
    expect(error.message).toBe(
      "the environment was made by a newer Kapseli (9.1): this one cannot read its manifest",
    );
    expect(error.details.where).toBe(join(root, "generations/2/manifest.json"));
  });
});

describe("a directory without an environment", () => {
  it("is refused in Tykky's words", async () => {
    const directory = await scratch();
    await writeFile(join(directory, "file"), "");
    await mkdir(join(directory, "empty"));
    for (const name of ["empty", "file", "missing"]) {
      const error = await refusal(readExisting(join(directory, name)));
      expect(error.code).toBe(3);
      expect(error.message).toContain(
        `Directory ${join(directory, name)} does not exist or is not a valid installation`,
      );
    }
  });
});

describe("an installation made by Tykky", () => {
  async function made(options: Omit<TykkyPrefixOptions, "prefix">) {
    const directory = await scratch();
    const prefix = join(directory, "tykky");
    await makeTykkyPrefix({ prefix, ...options });
    return { directory, prefix, read: async () => (await readExisting(prefix)) as TykkyInstallation };
  }
  const unpacked = async (directory: string, installation: TykkyInstallation): Promise<string> => {
    const tree = join(directory, "tree");
    const context = recordingContext(directory);
    const image = installation.image ?? "";
    await unpackImage(context, { unsquashfs: "/usr/bin/unsquashfs", image, tree, processors: 2 });
    return tree;
  };

  it("with conda is read, and its environment is where its links lead", async () => {
    const { prefix, read, directory } = await made({ mode: "conda" });
    const found = await read();
    expect(found).toMatchObject({
      made: "tykky",
      prefix,
      image: join(prefix, "img.sqfs"),
      container: join(prefix, "container.sif"),
      conf: { mode: "conda", installationPath: TYKKY_PATH, mamba: true, isolate: false, addLd: false },
      venv: undefined,
      previousInputs: [join(prefix, "share/previous_input/0")],
    });
    const tree = await unpacked(directory, found);
    expect(await environmentIn(tree, found)).toBe("miniforge/envs/env1");
    expect(await readdir(join(tree, "miniforge/envs/env1"))).toEqual(["bin"]);
  });

  it("of release 0.3 has its environment below miniconda, under which name its own files know it", async () => {
    const { directory, read } = await made({ mode: "conda", conda: "miniconda", conf: { mamba: undefined } });
    const found = await read();
    expect(found.environmentDirectories[0]).toBe("miniconda/envs/env1");
    expect(await environmentIn(await unpacked(directory, found), found)).toBe("miniconda/envs/env1");
    // Also where no link says so, and miniforge is only another name for it.
    const unlinked = { ...found, environmentDirectories: ["miniforge/envs/env1", "miniconda/envs/env1"] };
    expect(await environmentIn(join(directory, "tree"), unlinked)).toBe("miniconda/envs/env1");
  });

  it("with pip has its configuration outside the image", async () => {
    const { prefix, read } = await made({ mode: "venv", uv: true });
    expect(await read()).toMatchObject({
      conf: { mode: "venv", useUv: true },
      environmentDirectories: ["env1"],
      venv: {
        configuration: join(prefix, "pyvenv.cfg"),
        sitePackages: join(environmentPath({ mode: "venv" }), "lib/python3.11/site-packages"),
      },
    });
  });

  it("that wraps a container has no image; one that wraps a directory is its image", async () => {
    expect(await (await made({ mode: "wrapcont" })).read()).toMatchObject({
      image: undefined,
      conf: { isolate: true },
      environmentDirectories: [],
    });
    const wrapped = await made({ mode: "wrapdisk", conf: { wrap_src: "/appl/x", mask_wrap_install: true } });
    expect(await wrapped.read()).toMatchObject({
      conf: { wrapped: { source: "/appl/x", masked: true } },
      environmentDirectories: [""],
    });
  });

  it("that was moved, or shares its container, is read where it is", async () => {
    const directory = await scratch();
    await writeFile(join(directory, "shared.sif"), "sif");
    const shared = { sharedContainer: join(directory, "shared.sif") };
    await makeTykkyPrefix({ prefix: join(directory, "a"), mode: "conda", ...shared });
    await cp(join(directory, "a"), join(directory, "b"), { recursive: true, verbatimSymlinks: true });
    await rm(join(directory, "a"), { recursive: true });
    expect(await readExisting(join(directory, "b"))).toMatchObject({
      prefix: join(directory, "b"),
      image: join(directory, "b/img.sqfs"),
      container: join(directory, "shared.sif"),
      conf: { sharedContainer: true },
    });
    await unlink(join(directory, "shared.sif"));
    expect((await refusal(readExisting(join(directory, "b")))).message).toMatch(
      /container\.sif leads to .*shared\.sif, which is not there/,
    );
  });

  it("that is damaged is refused with what is wrong", async () => {
    const { directory, prefix, read } = await made({ mode: "conda", conf: { env_name: "another" } });
    const found = await read();
    const tree = await unpacked(directory, found);
    expect((await refusal(environmentIn(tree, found))).message).toContain(
      "holds no environment at miniforge/envs/another or miniconda/envs/another",
    );
    await unlink(join(prefix, "img.sqfs"));
    expect((await refusal(read())).message).toBe(
      `the installation is damaged: ${join(prefix, "img.sqfs")} is missing`,
    );
    await writeFile(join(prefix, "share/conf.yaml"), "mode: conda\nmode: [\n");
    expect((await refusal(read())).details.where).toMatch(/share\/conf\.yaml:\d$/);
  });

  it("whose image has links out of it does not lead there", async () => {
    const { directory, read } = await made({ mode: "conda" });
    const found = await read();
    await mkdir(join(directory, "outside/envs/env1/bin"), { recursive: true });
    await mkdir(join(directory, "tree"));
    await symlink(join(directory, "outside"), join(directory, "tree/miniforge"));
    expect((await refusal(environmentIn(join(directory, "tree"), found))).code).toBe(3);
  });
});
