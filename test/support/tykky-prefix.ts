/**
 * Prefixes as Tykky makes them, from their described layout: an image whose root is the content of the install path,
 * `_bin` with links that lead into it, wrappers, share/. What is in the environment the caller brings.
 */
import { execFile } from "node:child_process";
import { chmod, copyFile, cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";

const execute = promisify(execFile);

export interface TykkyPrefixOptions {
  /** The prefix to make; must not exist. */
  prefix: string;
  mode: "conda" | "venv" | "wrapcont" | "wrapdisk";
  /** A tree that becomes the environment (wrapdisk: the whole image); its files already name `environmentPath`. */
  tree?: string;
  /** Where the image would be mounted. */
  installationPath?: string;
  /** The conda directory's name: releases up to 0.3 have miniconda. */
  conda?: "miniforge" | "miniconda";
  /** The venv was made by uv, with a Python of its own. */
  uv?: boolean;
  /** The tree of a Python that uv got for itself; its files already name its place, `UV_PYTHON` below the image's root. */
  uvPython?: string;
  /** A file that becomes container.sif; without it or `sharedContainer` that is a file that is no image. */
  container?: string;
  /** A base container to link to, as share_container does. */
  sharedContainer?: string;
  /** Names of programs that have wrappers. */
  programs?: readonly string[];
  /** Keys of conf.yaml besides, or instead of, the usual; undefined removes one. */
  conf?: Record<string, unknown>;
}

/** Where uv keeps its Python in an image. */
export const UV_PYTHON = "uv/python/cpython-3.11.9-linux-x86_64-gnu";

export const TYKKY_PATH = "/KAPSELI_TYKKY_abc1234";

/** The environment's directory in the image, relative to its root. */
export function environmentDirectory({ mode, conda }: Pick<TykkyPrefixOptions, "mode" | "conda">): string {
  if (mode === "conda") return `${conda ?? "miniforge"}/envs/env1`;
  return mode === "venv" ? "env1" : "";
}

/** The environment's path inside the container. */
export function environmentPath(
  options: Pick<TykkyPrefixOptions, "mode" | "conda" | "installationPath">,
): string {
  return join(options.installationPath ?? TYKKY_PATH, environmentDirectory(options));
}

/** Makes such a prefix. Needs mksquashfs. */
export async function makeTykkyPrefix(options: TykkyPrefixOptions): Promise<void> {
  const { prefix, mode, conda = "miniforge", programs = ["python3"], sharedContainer } = options;
  const installationPath = options.installationPath ?? TYKKY_PATH;
  const at = (...names: string[]): string => join(prefix, ...names);
  for (const directory of ["bin", "_bin", "share/previous_input/0"])
    await mkdir(at(directory), { recursive: true });

  if (mode !== "wrapcont") {
    const content = at("content");
    const environment = join(content, environmentDirectory(options));
    await mkdir(dirname(environment), { recursive: true });
    const take = (from: string, to: string): Promise<void> =>
      cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    if (options.tree) await take(options.tree, environment);
    else await mkdir(join(environment, "bin"), { recursive: true });
    await mkdir(join(content, "previous_input", "0"), { recursive: true });
    if (mode === "conda") {
      await mkdir(join(content, conda, "bin"), { recursive: true });
      await writeFile(join(content, conda, "bin", "conda"), "#!/bin/sh\n", { mode: 0o755 });
      if (conda === "miniconda") await symlink("miniconda", join(content, "miniforge"));
    }
    if (options.uv) await mkdir(dirname(join(content, UV_PYTHON)), { recursive: true });
    if (options.uvPython) await take(options.uvPython, join(content, UV_PYTHON));
    await execute("mksquashfs", [
      content,
      at("img.sqfs"),
      "-noappend",
      "-no-progress",
      "-all-root",
      "-no-xattrs",
    ]);
    await rm(content, { recursive: true });
  }
  if (options.container !== undefined) await copyFile(options.container, at("container.sif"));
  else if (sharedContainer === undefined) await writeFile(at("container.sif"), "a container image\n");
  else await symlink(sharedContainer, at("container.sif"));

  const inside = join(mode === "wrapcont" ? "/usr" : environmentPath(options), "bin");
  for (const name of programs) {
    await symlink(join(inside, name), at("_bin", name));
    await writeFile(at("bin", name), `#!/bin/bash\nsource "$DIR/../common.sh"\n`);
    await chmod(at("bin", name), 0o755);
  }
  await writeFile(at("common.sh"), `#!/bin/bash\nINSTALLATION_PATH=${installationPath}\n`);
  if (mode === "venv") {
    await writeFile(
      at("pyvenv.cfg"),
      "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n",
    );
    await mkdir(at("lib", "python3.11"), { recursive: true });
    await symlink(join(inside, "../lib/python3.11/site-packages"), at("lib", "python3.11", "site-packages"));
    await symlink("lib", at("lib64"));
  }
  await writeFile(
    at("share", "previous_input", "0", mode === "conda" ? "env.yml" : "requirements.txt"),
    "# given\n",
  );
  await writeFile(at("share", "VERSION.yml"), "build-time: 2026-05-01\ncommit: b0956d9\ntag: 0.5.1\n");
  const conf: Record<string, unknown> = {
    mode,
    env_name: "env1",
    installation_path: installationPath,
    installation_prefix: prefix,
    container_image: "container.sif",
    container_src: sharedContainer ?? "docker://rockylinux:9",
    share_container: sharedContainer !== undefined,
    sqfs_image: "img.sqfs",
    isolate: mode === "wrapcont" ? "yes" : false,
    add_ld: mode === "conda" ? "no" : true,
    update_installation: "no",
    build_tmpdir_base: "$TMPDIR",
    mount_points: ["/scratch", "/projappl"],
    ...(mode === "conda" ? { mamba: "yes", use_uv: "no", env_file: "env.yml" } : {}),
    ...(options.uv ? { template_script: "uvenv.sh", pyver: "3.11" } : {}),
    ...options.conf,
  };
  const known = Object.entries(conf).filter(([, value]) => value !== undefined);
  await writeFile(
    at("share", "conf.yaml"),
    stringify(Object.fromEntries(known), { version: "1.1", indentSeq: false, sortMapEntries: true }),
  );
}
