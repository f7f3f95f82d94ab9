/** The images that the compatibility tests pull: a Debian with Python, as the public `python:slim` is, and one without bash. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { debian12 } from "./base-image.ts";
import { ordinary, runAs, SHARED } from "./real.ts";
import type { Registry } from "./registry.ts";

/** What the configuration of the Python image sets, with a directory that no host has. */
export const IMAGE_PATH =
  "/opt/kapseli-image/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
export const IMAGE_LIBRARIES = "/opt/kapseli-image/lib";
/** A program that only the image has; it prints this. */
export const IMAGE_PROGRAM = "/opt/kapseli-image/bin/image-name";
export const IMAGE_NAME = "kapseli's python image";

/** A name that can be pulled from a registry, as `docker://HOST:PORT/python:TAG`. */
export interface PythonImage {
  /** docker:// and the repository with the tag `slim`. */
  uri: string;
  /** Gives the image a further tag. @returns its docker:// URI */
  tag(tag: string): string;
}

function must(argv: readonly [string, ...string[]]): void {
  const [file, ...args] = argv;
  const ran = spawnSync(file, args, { encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`${argv.join(" ")} failed: ${ran.stdout}${ran.stderr}`);
}

/** debian12 of base-images/ as an OCI layout with a PATH, a library path and a program of its own; made once. */
function pythonLayout(registry: Registry): string {
  const sif = debian12(ordinary());
  // A new recipe has a new name.
  const layout = join(SHARED, `compat-${sif.slice(sif.lastIndexOf("/") + 1, -".sif".length)}`);
  if (existsSync(layout)) return layout;
  const work = mkdtempSync(join(SHARED, "compat-image-"));
  try {
    const oci = join(work, "oci");
    must([
      ...(["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"] as const),
      ...[registry.push(sif, "compat/debian:12"), `oci:${oci}:1`],
    ]);
    const own = join(work, "own");
    for (const directory of ["bin", "lib"]) mkdirSync(join(own, directory), { recursive: true });
    writeFileSync(join(own, "bin/image-name"), `#!/bin/sh\necho "${IMAGE_NAME}"\n`);
    chmodSync(join(own, "bin/image-name"), 0o755);
    must(["umoci", "insert", "--image", `${oci}:1`, own, "/opt/kapseli-image"]);
    must([
      ...(["umoci", "config", "--image", `${oci}:1`] as const),
      ...["--config.env", `PATH=${IMAGE_PATH}`, "--config.env", `LD_LIBRARY_PATH=${IMAGE_LIBRARIES}`],
    ]);
    renameSync(oci, layout);
    return layout;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Pushes the Python image as `python:slim`. */
export function pushPython(registry: Registry): PythonImage {
  const uri = registry.push(`oci:${pythonLayout(registry)}:1`, "python:slim");
  const copy = ["skopeo", "--insecure-policy", "copy", "--quiet"] as const;
  return {
    uri,
    tag: (tag) => {
      const tagged = uri.replace(/slim$/, tag);
      must([...copy, "--src-tls-verify=false", "--dest-tls-verify=false", uri, tagged]);
      return tagged;
    },
  };
}

/** The exact version of the image's Python. */
export function imagePython(sif: string): string {
  const ran = runAs(ordinary(), ["apptainer", "-s", "exec", sif, "/usr/bin/python3", "--version"]);
  if (ran.exitCode !== 0) throw new Error(ran.stderr);
  return ran.stdout.trim().replace("Python ", "");
}
