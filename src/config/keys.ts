import { z } from "zod";

/** Where the value of a setting came from. */
export type Origin =
  | { from: "default" }
  | { from: "site"; file: string; line: number; section: "defaults" | "force" }
  | { from: "environment"; variable: string }
  | { from: "flag"; flag: string };

export interface Setting<T> {
  value: T;
  origin: Origin;
}

/** Values in YAML may be numbers where text is meant (`env_name: 3`). */
const text = z.union([z.string(), z.number()]).transform(String);
const list = z.array(text);
const positive = z.number().int().positive();

/**
 * Every configuration key with its type and meaning. A new key is one line here; it is then read from the site
 * file, validated, and recorded in the manifest with its origin.
 */
export const KEYS = {
  container_src: text.describe("the base: `host`, a name from base-images/, a path, or an image URI"),
  conda_engine: z
    .enum(["auto", "micromamba", "mamba", "conda", "rattler"])
    .describe("what installs conda packages"),
  singularity_executable_path: text.describe("name or path of the container runtime; empty: found on PATH"),
  build_tmpdir_base: text.describe("directory for work directories; empty: local storage with room"),
  cache_directory: text.describe("directory for downloads, package caches and built bases"),
  installation_prefix: text.describe("the prefix when --prefix is not given"),
  excluded_mount_points: list.describe("top-level host directories that are never bound"),
  max_num_cpus: positive.describe("at most this many processors for packing and compiling"),
} as const;

export type KeyName = keyof typeof KEYS;
export type Values = { [K in KeyName]: z.output<(typeof KEYS)[K]> };
export type Config = { readonly [K in KeyName]: Setting<Values[K]> };

/** The built-in values, for a user with this environment, home directory and working directory. */
export function builtInValues(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
  cwd: string,
): Values {
  return {
    container_src: "host",
    conda_engine: "auto",
    singularity_executable_path: "",
    build_tmpdir_base: "",
    cache_directory: environment.KAPSELI_CACHE || `${environment.XDG_CACHE_HOME || `${home}/.cache`}/kapseli`,
    installation_prefix: cwd,
    excluded_mount_points: [],
    max_num_cpus: 16,
  };
}
