/**
 * What the end-to-end tests stand on: the tool installed from its own tarball, the real runtime, real users, and the
 * local conda channel. Nothing here is faked.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/** One for each user who runs the suites and each clone, so that two runs do not take it from each other. */
const SHARED_NAME = `kapseli-e2e-${userInfo().uid}-${createHash("sha256").update(PROJECT).digest("hex").slice(0, 8)}`;

/** Where the suites put what is made once: the installed tool, the channel. Readable by every user. */
export const SHARED = process.env.KAPSELI_E2E_DIRECTORY ?? join("/var/tmp", SHARED_NAME);

/** Makes `SHARED`. Everybody may write to /var/tmp: a directory that somebody else prepared is not used. */
function makeShared(): void {
  mkdirSync(SHARED, { recursive: true, mode: 0o755 });
  const found = lstatSync(SHARED);
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o022) !== 0) {
    throw new Error(`${SHARED} is not a directory that only you can write to: remove it`);
  }
}

/** The ordinary user's name (scripts/host-setup.sh test-user). */
const ORDINARY = process.env.KAPSELI_TEST_USER ?? "kapseli-test";

export interface TestUser {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

function ordinaryUser(): TestUser | undefined {
  const [, , uid, gid, , home] = passwd(ORDINARY);
  return uid && gid && home ? { name: ORDINARY, uid: Number(uid), gid: Number(gid), home } : undefined;
}

function passwd(name: string): string[] {
  return spawnSync("getent", ["passwd", name], { encoding: "utf8" }).stdout.trim().split(":");
}

/** Every suite runs as root and as an ordinary user; a developer who is an ordinary user runs it as that one. */
export function testUsers(): TestUser[] {
  const me = userInfo();
  if (me.uid !== 0) return [{ name: me.username, uid: me.uid, gid: me.gid, home: me.homedir }];
  const ordinary = ordinaryUser();
  if (!ordinary) throw new Error(`there is no user ${ORDINARY}: run scripts/host-setup.sh test-user`);
  return [ordinary, { name: "root", uid: 0, gid: 0, home: "/root" }];
}

/** The first of the users: the ordinary one. */
export function ordinary(): TestUser {
  const [first] = testUsers();
  if (!first) throw new Error("there is no user to test as");
  return first;
}

export interface Ran {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** Both as bytes. */
  raw: SpawnSyncReturns<Buffer>;
}

export interface RunAs {
  cwd?: string;
  /** Added to `baseEnvironment`; undefined removes. */
  env?: Record<string, string | undefined>;
  /** Nothing but `env`. */
  bareEnvironment?: boolean;
  input?: string | Buffer;
  timeoutMs?: number;
  argv0?: string;
}

/** The environment of a user's fresh login, with this machine's certificates and package index settings. */
export function baseEnvironment(user: TestUser): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      /^(PIP_|UV_|SSL_|CURL_|REQUESTS_|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy|LANG$)/.test(entry[0]),
  );
  return {
    ...Object.fromEntries(kept),
    PATH: `${installedBin()}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: "/bin/sh",
    TERM: "dumb",
  };
}

/** Runs a program as a user and waits for it. */
export function runAs(user: TestUser, argv: readonly [string, ...string[]], options: RunAs = {}): Ran {
  const [file, ...args] = argv;
  const merged = { ...(options.bareEnvironment ? {} : baseEnvironment(user)), ...options.env };
  const env = Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const raw = spawnSync(file, args, {
    cwd: options.cwd ?? user.home,
    env,
    ...(userInfo().uid === 0 ? { uid: user.uid, gid: user.gid } : {}),
    ...(options.input === undefined ? { stdio: ["ignore", "pipe", "pipe"] } : { input: options.input }),
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
    timeout: options.timeoutMs ?? 240_000,
    // What hangs may not heed a signal.
    killSignal: "SIGKILL",
    maxBuffer: 256 * 1024 * 1024,
  });
  if (raw.error && raw.pid === 0) throw raw.error;
  return {
    exitCode: raw.status,
    signal: raw.signal,
    stdout: raw.stdout?.toString("utf8") ?? "",
    stderr: raw.stderr?.toString("utf8") ?? "",
    raw,
  };
}

/** A new directory of the user's, below the home directory. The caller removes it with `remove`. */
export function scratch(user: TestUser): string {
  const directory = mkdtempSync(join(user.home, "kapseli-e2e-"));
  chownSync(directory, user.uid, user.gid);
  chmodSync(directory, 0o755);
  return directory;
}

export function remove(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** The directory of the executables that `installTool` installed. */
export function installedBin(): string {
  return join(SHARED, "tool", "node_modules", ".bin");
}

function must(argv: readonly [string, ...string[]], cwd: string): string {
  const [file, ...args] = argv;
  const ran = spawnSync(file, args, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (ran.status !== 0) throw new Error(`${argv.join(" ")} failed: ${ran.stdout}\n${ran.stderr}`);
  return ran.stdout;
}

/** Packs the project and installs the tarball elsewhere, as a site would. Needs `npm ci` to have run. */
export function installTool(): void {
  makeShared();
  const packed = join(SHARED, "pack");
  rmSync(packed, { recursive: true, force: true });
  rmSync(join(SHARED, "tool"), { recursive: true, force: true });
  mkdirSync(packed, { recursive: true });
  mkdirSync(join(SHARED, "tool"), { recursive: true });
  must(["npm", "pack", "--pack-destination", packed], PROJECT);
  const [tarball] = readdirSync(packed);
  if (!tarball) throw new Error("npm pack made no tarball");
  must(
    ["npm", "install", "--prefix", join(SHARED, "tool"), "--no-audit", "--no-fund", join(packed, tarball)],
    SHARED,
  );
  must(["chmod", "-R", "a+rX", SHARED], "/");
}

/**
 * A directory below / that is there while the suites run, where root runs them; builds of other workers would not
 * stand one that comes and goes. Its name begins with none of the system's, and holds one.
 *
 * @param run the process of vitest: the parent of its workers
 */
export function ownTopLevel(run: number): string {
  return `/kapseli-devel-${run}`;
}

/** The local conda channel of real packages, as a URL. */
export function channelUrl(): string {
  return `file://${channelDirectory()}`;
}

export function channelDirectory(): string {
  return join(SHARED, "channel");
}

export function makeChannel(): void {
  makeShared();
  must(["sh", join(PROJECT, "scripts", "local-channel", "make-channel.sh"), channelDirectory()], PROJECT);
  must(["chmod", "-R", "a+rX", SHARED], "/");
  if (!existsSync(channelDirectory())) throw new Error("the local channel was not made");
}
