import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from "node:fs";
import { availableParallelism, homedir, hostname, userInfo } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { lookAtArgv, parseLook } from "../tools/look-at.ts";
import { mountOf } from "../tools/mountinfo.ts";
import { answersItself, ownMounts } from "./mounts.ts";

/** One entry of the host's root directory. */
export interface TopLevelEntry {
  name: string;
  kind: "directory" | "link";
  /** A link's target, as it is written. */
  target?: string;
}

/** What is known of the host without starting a program or writing a file. */
export interface HostFacts {
  hostname: string;
  user: { uid: number; gid: number; name: string };
  /** HOME, or the account's home directory where it is not set. */
  home: string;
  architecture: "x86_64" | "aarch64" | string;
  /** Processors that this process may use: affinity and cgroup quota. */
  processors: number;
  /** Directories and links below `/` that this user may enter. */
  topLevel: readonly TopLevelEntry[];
  /** Names below `/` of what did not answer within two seconds. */
  hanging: readonly string[];
  /** Files outside the home directory that installers are configured by, and that are there. */
  installerFiles: readonly string[];
  /** The caller's environment. */
  environment: Readonly<Record<string, string>>;
  cwd: string;
}

/** @returns processors a cgroup quota leaves, or Infinity. cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us` (kernel docs). */
function cgroupProcessors(): number {
  const read = (file: string): string | undefined => {
    try {
      return readFileSync(file, "utf8").trim();
    } catch {
      return undefined;
    }
  };
  const group = /^0::(.*)$/m.exec(read("/proc/self/cgroup") ?? "")?.[1] ?? "";
  const [quota, period] = (
    read(`/sys/fs/cgroup${group}/cpu.max`) ??
    read("/sys/fs/cgroup/cpu.max") ??
    "max"
  ).split(" ");
  if (quota && quota !== "max") return Number(quota) / Number(period ?? 100_000);
  const v1 = Number(read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") ?? -1);
  return v1 > 0
    ? v1 / Number(read("/sys/fs/cgroup/cpu/cpu.cfs_period_us") ?? 100_000)
    : Number.POSITIVE_INFINITY;
}

/** A directory that answers later does not answer. */
const LOOK_MS = 2_000;

/** Whether a directory, of a file system that the kernel answers for itself, can be entered. */
function isOpen(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** What is found of directories that may hang, in their order. */
function lookCarefully(paths: readonly string[]): ("yes" | "no" | "hangs")[] {
  if (paths.length === 0) return [];
  const [file, ...args] = lookAtArgv(paths);
  // One that hangs cannot be ended either: it is left behind.
  const looked = spawnSync(file, args, { timeout: LOOK_MS, killSignal: "SIGKILL", encoding: "utf8" });
  return parseLook(paths, looked.stdout ?? "");
}

/** What can be entered below `/`, and the names of what does not answer. */
function topLevelEntries(): { entries: TopLevelEntry[]; hanging: string[] } {
  // Names and links are the root directory's own: only what they lead to may hang.
  const named = readdirSync("/", { withFileTypes: true }).filter((entry) => !entry.isFile());
  const mounts = ownMounts();
  const isLocal = mounts.every(answersItself);
  const mayHang = named.filter((entry) => {
    if (isLocal) return false;
    const mount = entry.isDirectory() ? mountOf(`/${entry.name}`, mounts) : undefined;
    return mount === undefined || !answersItself(mount);
  });
  const looked = lookCarefully(mayHang.map(({ name }) => `/${name}`));
  const found = new Map(mayHang.map((entry, index) => [entry.name, looked[index]]));
  const entries = named.flatMap((entry): TopLevelEntry[] => {
    const path = `/${entry.name}`;
    if (found.has(entry.name) ? found.get(entry.name) !== "yes" : !isOpen(path)) return [];
    return entry.isSymbolicLink()
      ? [{ name: entry.name, kind: "link", target: readlinkSync(path) }]
      : [{ name: entry.name, kind: "directory" }];
  });
  return { entries, hanging: named.flatMap(({ name }) => (found.get(name) === "hangs" ? [name] : [])) };
}

/** Where administrators configure pip and uv for the whole host (their documentation, "Configuration"). */
const INSTALLER_CONFIGURATION = ["/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/uv/uv.toml"];
/** Variables that name certificates and installers' settings. */
const NAMING_FILES = [
  "PIP_CERT",
  "PIP_CONFIG_FILE",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "UV_CONFIG_FILE",
  "NETRC",
];

function installerFiles(environment: Readonly<Record<string, string>>): string[] {
  const named = NAMING_FILES.flatMap((name) => environment[name] ?? []).filter((path) => isAbsolute(path));
  return [...new Set([...named, ...INSTALLER_CONFIGURATION])].filter((path) => existsSync(path));
}

export function hostFacts(environment: NodeJS.ProcessEnv, cwd: string): HostFacts {
  const { uid, gid, username } = userInfo();
  const present = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const { entries: topLevel, hanging } = topLevelEntries();
  const machine = { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch;
  return {
    hostname: hostname(),
    user: { uid, gid: process.getegid?.() ?? gid, name: username },
    home: homedir(),
    architecture: machine,
    processors: Math.max(1, Math.floor(Math.min(availableParallelism(), cgroupProcessors()))),
    topLevel,
    hanging,
    installerFiles: installerFiles(Object.fromEntries(present)),
    environment: Object.fromEntries(present),
    cwd,
  };
}

/** Whether a path is a regular file that this user may execute. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** All programs of a name on a PATH, in order; an absolute name is looked at alone. */
export function findPrograms(name: string, path: string | undefined): string[] {
  if (isAbsolute(name)) return isExecutable(name) ? [name] : [];
  const directories = (path ?? "").split(delimiter).filter((directory) => isAbsolute(directory));
  return [...new Set(directories.map((directory) => join(directory, name)))].filter(isExecutable);
}
