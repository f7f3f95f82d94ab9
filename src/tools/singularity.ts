/** What is known of a Singularity or Apptainer on this host before anything was tried with it. */
export interface Runtime {
  /** Absolute path of the program. */
  path: string;
  family: "apptainer" | "singularity-ce" | "unknown";
  /** As it prints it, e.g. `1.4.5`. */
  version: string;
}

/** How an image gets to its mount point. Which one works is found by trial (build/trial.ts). */
export type MountWay =
  /** `--mount …,image-src=/`: true signals, no extra namespace; needs FUSE or setuid kernel mounts. */
  | { way: "image" }
  /** SingularityCE 3.7 to 3.11 mount image binds before `-B`: bound once more from the session directory. */
  | { way: "session"; sessionDirectory: string }
  /** `--fusemount`: works in every runtime tried, but brings a PID namespace. */
  | { way: "fusemount"; squashfuse: string };

export interface Mount {
  source: string;
  destination: string;
  readOnly?: boolean;
}

export interface ContainerCall {
  runtime: Runtime;
  /** The standard flags and those that the trial found to be needed. */
  flags: readonly string[];
  base: string;
  /** Host directories bound at their own paths; without `:` or `,` in them. */
  binds: readonly string[];
  /** Directories bound elsewhere, after every `-B`. */
  mounts: readonly Mount[];
  /** The environment's image, if one is mounted. */
  image?: { file: string; root: string; way: MountWay };
  /** Files bound over files of the image. */
  over?: readonly Mount[];
  /** Becomes HOME inside; without it the runtime takes the account's home directory. */
  home?: string;
  pwd?: string;
  argv: readonly [string, ...string[]];
}

/** One field of a `--mount` or `--fusemount` value, quoted as CSV (RFC 4180), so that `:` `,` and `"` are plain. */
function csvField(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}

/** The value of `--mount` for a bound directory or file. */
export function bindMount(mount: Mount): string {
  const fields = ["type=bind", csvField(`src=${mount.source}`), csvField(`dst=${mount.destination}`)];
  return [...fields, ...(mount.readOnly ? ["ro"] : [])].join(",");
}

/**
 * The options that mount a SquashFS image at `root`, after every `-B` and SINGULARITY_BIND. The launcher
 * template builds the same words in shell (templates/launcher.sh).
 */
export function imageOptions(file: string, root: string, way: MountWay): string[] {
  const source = (destination: string): string =>
    `type=bind,${csvField(`src=${file}`)},${csvField(`dst=${destination}`)},image-src=/,ro`;
  switch (way.way) {
    case "image":
      return ["--mount", source(root)];
    case "session": {
      const session = { source: `${way.sessionDirectory}/data-images/0`, destination: root };
      return ["--mount", source("/.kapseli-image"), "--mount", bindMount(session)];
    }
    case "fusemount":
      return ["--fusemount", csvField(`host:setsid ${way.squashfuse} ${file} ${root}`)];
  }
}

/**
 * Flags of every start. `--no-eval`: prefixed environment values would otherwise be evaluated by a shell.
 * `--no-mount cwd`: a working directory below /usr would cover the container's own; on the host base home and tmp
 * are among the bound directories.
 */
export function standardFlags(base: "host" | "image"): string[] {
  return ["--no-eval", "--no-mount", base === "host" ? "cwd,home,tmp" : "cwd"];
}

/** Flags that some hosts need besides: root's capabilities may be limited, and setuid may be off. */
export const FURTHER_FLAGS: readonly (readonly string[])[] = [[], ["--userns"], ["--no-privs"]];

/** The words that start a program in a container. */
export function execArgv(call: ContainerCall): [string, ...string[]] {
  return [
    call.runtime.path,
    "-s",
    "exec",
    ...call.flags,
    ...(call.home === undefined ? [] : ["-H", call.home]),
    ...(call.pwd === undefined ? [] : ["--pwd", call.pwd]),
    ...(call.binds.length === 0 ? [] : ["-B", call.binds.join(",")]),
    ...call.mounts.flatMap((mount) => ["--mount", bindMount(mount)]),
    ...(call.image ? imageOptions(call.image.file, call.image.root, call.image.way) : []),
    ...(call.over ?? []).flatMap((mount) => ["--mount", bindMount(mount)]),
    call.base,
    ...call.argv,
  ];
}

/** `--version` prints `apptainer version 1.4.5` or `singularity-ce version 4.1.2-focal`. */
export function parseVersion(path: string, printed: string): Runtime {
  const match = /^(\S+)\s+version\s+(\S+)/m.exec(printed);
  const name = match?.[1] ?? "";
  const family =
    name === "apptainer" ? "apptainer" : name.startsWith("singularity") ? "singularity-ce" : "unknown";
  return { path, family, version: match?.[2] ?? "unknown" };
}

interface Trouble {
  pattern: RegExp;
  message: string;
  hint: string;
}

const TROUBLES: readonly Trouble[] = [
  {
    pattern:
      /image's architecture|image targets '\w+', cannot run on|exec format error|architecture .* (?:could not|does not)/i,
    message: "the base image is for another processor architecture",
    hint: "Take an image made for this host's architecture (uname -m).",
  },
  {
    pattern: /disallows users from running sandbox|configuration disallows/i,
    message: "this host's runtime configuration does not allow this kind of base",
    hint: "Ask the administrator about `allow container dir`, `allow container squashfs` and `allow container sif`.",
  },
  {
    pattern: /user bind control|user bind .*(?:disabled|not allowed)/i,
    message: "this host's runtime configuration does not let users bind directories",
    hint: "Ask the administrator to set `user bind control = yes`.",
  },
  {
    pattern: /\/dev\/fuse|fusermount|squashfuse|fuse: /i,
    message: "images cannot be mounted on this host: FUSE does not work for this user",
    hint: "/dev/fuse must exist and be open to users (mode 666), and squashfuse must be installed; ask the administrator.",
  },
  {
    pattern: /user namespace|userns|unshare|newuidmap|Requesting capability set|No setuid installation/i,
    message: "the runtime cannot start containers for this user",
    hint: "Either unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone) or a setuid installation of the runtime is needed; ask the administrator.",
  },
  {
    pattern: /no loop devices available|failed to find loop device/i,
    message: "no loop device is free to mount the image",
    hint: "Ask the administrator to set `shared loop devices = yes`, or to install squashfuse_ll.",
  },
  {
    pattern: /mount source \S+ doesn't exist|mount \S+->\S+ error: .*no such file or directory/i,
    message: "a directory that is bound into the container is gone",
    hint: "A directory below / was removed or unmounted meanwhile: run it again. One that comes and goes belongs into excluded_mount_points.",
  },
  {
    pattern: /failed to create .* directory: mkdir|mount point/i,
    message: "the runtime cannot make the mount point for the environment",
    hint: "The directory above the prefix must be writable, or the prefix must exist.",
  },
];

/** What a runtime's own error lines mean, and what to do about them. */
export function explainRuntimeFailure(stderr: string): { message: string; hint: string; lines: string[] } {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the runtime colours its messages
  const plain = stderr.replace(/\x1b\[[0-9;]*m/g, "");
  const lines = plain.split("\n").filter((line) => line.trim() !== "");
  const trouble = TROUBLES.find(({ pattern }) => pattern.test(plain));
  const { message, hint } = trouble ?? {
    message: "the runtime could not start a container",
    hint: "The lines above are its own. Try the command in the log by hand.",
  };
  return { message, hint, lines: lines.slice(-10) };
}
