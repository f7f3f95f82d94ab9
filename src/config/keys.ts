import type * as z from "zod";
import {
  choice,
  commaList,
  count,
  extraEnvironment,
  hookLines,
  type Kind,
  list,
  present,
  text,
  words,
  yesNo,
} from "./kinds.ts";
import type { Origin } from "./origin.ts";

export type { Origin } from "./origin.ts";

export interface Setting<T> {
  value: T;
  origin: Origin;
}

/** Whose built-in values are asked for. */
export interface BuiltInContext {
  environment: Readonly<Record<string, string | undefined>>;
  /** The user's home directory, also where HOME is not set. */
  home: string;
  cwd: string;
  /** As `uname -m` says it. */
  architecture: string;
}

/** Who sets a key: a site in its file, or a user by options and in the YAML of `advanced` and `-y`. Both may do either. */
type Group = "site" | "user";

interface Details {
  /** The built-in value in a reader's words, where it is not a plain value. */
  builtInText?: string;
  /** Why a key that Tykky has does nothing here; whoever sets it to something else is told. */
  effect?: `none because ${string}`;
  /** Values are taken as they are; `$NAME` in them is not a variable of the configuration. */
  verbatim?: true;
  /** A path that must be absolute, in files. */
  absolute?: true;
  /** At most this many variables that are not set are left out instead of being an error. */
  mayBeUnset?: number;
}

export interface Key<S extends z.ZodType = z.ZodType, V = unknown> extends Details {
  kind: Kind<S>;
  group: Group;
  description: string;
  builtIn: (context: BuiltInContext) => V;
}

/** A key that always has a value. */
const key = <S extends z.ZodType>(
  group: Group,
  kind: Kind<S>,
  builtIn: z.output<S> | ((context: BuiltInContext) => z.output<S>),
  description: string,
  details: Details = {},
): Key<S, z.output<S>> => ({
  kind,
  group,
  description,
  builtIn:
    typeof builtIn === "function"
      ? (builtIn as (context: BuiltInContext) => z.output<S>)
      : () => builtIn as z.output<S>,
  ...details,
});

/** A key whose absence means something: its value is undefined until somebody sets it. */
const optional = <S extends z.ZodType>(
  group: Group,
  kind: Kind<S>,
  description: string,
  details: Details = {},
): Key<S, z.output<S> | undefined> => ({ kind, group, description, builtIn: () => undefined, ...details });

const cacheDirectory = ({ environment, home }: BuiltInContext): string =>
  environment.KAPSELI_CACHE || `${environment.XDG_CACHE_HOME || `${home}/.cache`}/kapseli`;

/**
 * Every configuration key. A new one is an entry here: it is then read from files, validated, merged, recorded in the
 * manifest with its origin, and part of the schema and of docs/configuration.md. Names and meanings: Tykky's
 * (tykky-surface.md §4), but for `conda_engine`, `cache_directory`, `slim_container_src` and `compression_level`.
 */
export const KEYS = {
  container_src: key(
    "site",
    text,
    "host",
    "The base: `host`, a name that `kapseli bases` lists, a path, or an image URI. `auto` means `host` (Tykky: an image like the host's system).",
  ),
  slim_container_src: key(
    "site",
    text,
    "docker://python:slim",
    "The base of `pip-containerize --slim`. `--pyver V` puts the tag `V-slim` in place of this one's, or V itself where it has `-slim` in it.",
  ),
  conda_engine: key(
    "site",
    choice(["auto", "micromamba", "mamba", "conda", "rattler"]),
    "auto",
    "What installs conda packages (docs/engines.md).",
  ),
  singularity_executable_path: key(
    "site",
    text,
    "",
    "Name or path of the container runtime. A bare name is looked up on PATH, by launchers at each start.",
    { builtInText: "apptainer, else singularity, on PATH" },
  ),
  build_tmpdir_base: key(
    "site",
    text,
    "",
    "Absolute path of the directory for work directories. Variables that are not set are left out (at most 10), and an empty result means the built-in choice. `--tmpdir` and CW_BUILD_TMPDIR go before it.",
    { builtInText: "local storage with room", mayBeUnset: 10, absolute: true },
  ),
  cache_directory: key(
    "site",
    text,
    cacheDirectory,
    "Where downloads, package caches and built bases are kept.",
    { builtInText: "KAPSELI_CACHE, else `~/.cache/kapseli` (XDG_CACHE_HOME)", absolute: true },
  ),
  installation_prefix: key("site", text, ({ cwd }) => cwd, "The prefix when `--prefix` is not given.", {
    builtInText: "the current directory",
  }),
  installation_path: optional(
    "site",
    text,
    "Where the image is mounted inside. Unset: at the prefix itself (Tykky: `/SITE_TYKKY`). Set: the environment is portable, an image for a path that no host has.",
    { absolute: true },
  ),
  composable: key(
    "site",
    yesNo,
    true,
    "Whether `new` appends `_` and 7 random alphanumerics to installation_path, so that several environments can be mounted together. Without an installation_path every prefix is a path of its own already.",
  ),
  excluded_mount_points: key(
    "site",
    list,
    [],
    "Top-level host directories that are never bound. Each entry counts and is compared whole.",
  ),
  mount_points: key(
    "site",
    list,
    [],
    "The only host directories that are bound when isolated; missing ones are skipped.",
  ),
  isolate: key(
    "site",
    yesNo,
    false,
    "Whether only mount_points and the prefix are bound, with the base's own PATH and LD_LIBRARY_PATH.",
  ),
  share_container: key(
    "site",
    yesNo,
    false,
    "Whether a base given as a path is linked instead of copied. `update` keeps the link.",
  ),
  container_image: key(
    "site",
    text,
    "container.sif",
    "Name of the base in the prefix, for scripts that know it.",
  ),
  sqfs_image: key("site", text, "img.sqfs", "Name of the image in the prefix, for scripts that know it."),
  sqfs_options: key("site", words, ["-noappend"], "Further words for mksquashfs."),
  compression_level: optional(
    "site",
    choice(["fast", "default", "small"]),
    "How images are compressed (docs/performance.md); updates keep what a user chose. `-comp` and `-X…` in sqfs_options go before it.",
    { builtInText: "`default`" },
  ),
  num_cpus: optional(
    "site",
    count(1),
    "Processors for packing and compiling, where the host has as many and max_num_cpus allows them (Tykky: 8).",
    { builtInText: "those the host gives" },
  ),
  max_num_cpus: key(
    "site",
    count(1),
    16,
    "At most this many processors for packing and compiling; never more than the cgroup gives.",
  ),
  create_wrappers: key("site", yesNo, true, "no: the image is made without launchers."),
  wrap_all: key(
    "site",
    yesNo,
    false,
    "Whether launchers are made for everything that is no directory, instead of for executables and links only.",
  ),
  add_ld: optional(
    "site",
    yesNo,
    "Whether `lib` and `lib64` beside each wrapped `bin` come first in LD_LIBRARY_PATH.",
    { builtInText: "no for conda environments, else yes" },
  ),
  env_name: key("site", text, "env1", "Name of the environment, as hooks see it (`CW_ENV_NAME`)."),
  workdir: key("site", text, ({ cwd }) => cwd, "The working directory of hook scripts.", {
    builtInText: "the current directory",
  }),
  warm_in_slurm: key(
    "site",
    yesNo,
    true,
    "Whether the tasks of a Slurm job step share one container on each node (docs/warm.md), where the build proves that it works. KAPSELI_WARM=off goes before it.",
  ),
  log_level: key(
    "site",
    count(0),
    2,
    "0 errors, 1 and warnings, 2 and milestones, 3 and more everything. CW_LOG_LEVEL goes before it.",
  ),
  conda_version: key("site", text, "latest", "Tykky: the release of Miniforge.", {
    effect: "none because no Miniforge is installed: conda_engine says what installs packages",
  }),
  conda_arch: key(
    "site",
    text,
    ({ architecture }) => `Linux-${architecture}`,
    "Tykky: the platform of Miniforge.",
    {
      builtInText: "the host's",
      effect: "none because packages are those of the host's own architecture",
    },
  ),
  source_mount_point: key("site", text, "/TMP_MP", "Tykky: where the old image is seen during a build.", {
    effect: "none because nothing is copied through a second mount",
  }),

  mode: optional(
    "user",
    choice(["conda", "venv", "wrapcont", "wrapdisk"]),
    "What is built. The commands set it; in the YAML of `advanced` it must be given.",
  ),
  update_installation: optional("user", yesNo, "Whether an existing environment is updated."),
  env_file: optional("user", text, "The conda environment file, or list of packages."),
  requirements_file: optional("user", text, "The pip requirements file."),
  installation_file_paths: optional(
    "user",
    list,
    "Files that are there by their base names, in the root of what is packed, while the environment is installed and scripts run; kept with the inputs, not in the image.",
  ),
  mamba: optional(
    "user",
    yesNo,
    "Whether mamba goes before the other engines (`--mamba`), where conda_engine is `auto` and there is a mamba on PATH; every engine but an old conda solves as it does.",
  ),
  use_uv: optional("user", yesNo, "Whether uv installs Python packages."),
  pipcache: optional(
    "user",
    yesNo,
    "no: pip and uv use no cache, and nothing compiled before is used (`--nocache`).",
  ),
  pyver: optional("user", text, "The version of Python for `--uv` and `--slim`."),
  enable_site_packages: optional(
    "user",
    present,
    "Whether a venv sees the system's and the user's packages. It counts when it is there, whatever it holds.",
  ),
  wrap_src: optional("user", text, "The directory that wrap-install wraps."),
  mask_wrap_install: optional(
    "user",
    yesNo,
    "Whether the image is mounted at wrap_src's own path (`--mask`).",
  ),
  wrapper_paths: key(
    "user",
    commaList,
    [],
    "Further directories and files that get launchers; relative to the environment, or absolute inside (`-w`).",
  ),
  wrapper_ld_library_paths: key(
    "user",
    list,
    [],
    "Directories that are put into LD_LIBRARY_PATH at run time.",
  ),
  pre_install: key("user", hookLines, [], "Lines of bash that run before the installation.", {
    verbatim: true,
  }),
  post_install: key("user", hookLines, [], "Lines of bash that run after the installation.", {
    verbatim: true,
  }),
  extra_envs: key(
    "user",
    extraEnvironment,
    [],
    "Variables for run time: `type` is `set`, `append` or `prepend` (also where it is anything else), joined by colons. A file is sourced before each start (`--environ`).",
    { verbatim: true },
  ),
  sqfs_src: optional("user", text, "Tykky: the image that an update unpacks.", {
    effect: "none because an update takes the image of the environment that it updates",
  }),
  template_script: optional("user", text, "Tykky: the script that installs.", {
    effect: "none because a build is a list of steps (--dry-run shows it), not a script",
  }),
} as const;

export type KeyName = keyof typeof KEYS;
export type Values = { [K in KeyName]: ReturnType<(typeof KEYS)[K]["builtIn"]> };
/** Every key with its value and where it came from; a key that nobody set and that has no built-in value is undefined. */
export type Config = { readonly [K in KeyName]: Setting<Values[K]> };
/** Keys that nobody here knows: a site's or a user's own, for hook scripts. */
export type CustomSettings = Readonly<Record<string, Setting<unknown>>>;

export const KEY_NAMES = Object.keys(KEYS) as KeyName[];

export function isKeyName(name: string): name is KeyName {
  return Object.hasOwn(KEYS, name);
}

/** A key's description, whichever it is. */
export function keyOf(name: KeyName): Key {
  return KEYS[name];
}
