/**
 * The environments that the launcher suites call: built once per user and run of vitest with the installed tool, and
 * copies of them whose launcher mounts the image another way.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type LauncherData, renderLauncher, renderStub } from "../../src/prefix/launcher.ts";
import { Manifest } from "../../src/prefix/manifest.ts";
import type { MountWay } from "../../src/tools/singularity.ts";
import { launcherData } from "./launcher-data.ts";
import { channelUrl, remove, runAs, type TestUser } from "./real.ts";

export const SQUASHFUSE = "/usr/bin/squashfuse_ll";
const FOLDER = "kapseli-e2e-launchers-";

export interface LauncherEnvironment {
  /** The prefix, which is also where the image is mounted. */
  root: string;
  bin: string;
  python: string;
}

export interface WayOfMounting {
  way: MountWay["way"];
  environment: LauncherEnvironment;
}

export function environmentAt(root: string): LauncherEnvironment {
  return { root, bin: join(root, "bin"), python: join(root, "bin", "python3") };
}

/** Builds an environment with the installed tool. @throws when that fails. */
export function build(user: TestUser, prefix: string, packages: readonly string[]): LauncherEnvironment {
  const file = join(prefix, "..", `${packages.length}.yml`);
  writeFileSync(
    file,
    `channels: [${channelUrl()}, nodefaults]\ndependencies: [${["python=3.11", ...packages].join(", ")}]\n`,
  );
  const built = runAs(user, ["conda-containerize", "new", "--prefix", prefix, file]);
  if (built.exitCode !== 0) throw new Error(`the environment could not be built: ${built.stderr}`);
  return environmentAt(prefix);
}

function alive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** A directory of this run of vitest (the parent of all its workers). */
function runDirectory(user: TestUser): string {
  return join(user.home, `${FOLDER}${process.ppid}`);
}

/** The environment that the suites only read: python, pip, cowsay, kapseli-activate. */
export function sharedEnvironment(user: TestUser): LauncherEnvironment {
  return environmentAt(join(runDirectory(user), "env"));
}

/** A second environment, to call from the container of the first. */
export function otherEnvironment(user: TestUser): LauncherEnvironment {
  return environmentAt(join(runDirectory(user), "other"));
}

/** The shared environment mounted as an image, and a copy of it mounted by --fusemount. */
export function everyWay(user: TestUser): WayOfMounting[] {
  return [
    { way: "image", environment: sharedEnvironment(user) },
    { way: "fusemount", environment: environmentAt(join(runDirectory(user), "fusemount")) },
  ];
}

/** Builds what is not there yet in this run; directories of runs that are over are removed. For beforeAll. */
export function prepareEnvironments(user: TestUser): void {
  const directory = runDirectory(user);
  runAs(user, ["mkdir", "-p", directory]);
  // The files of a run are tested in several workers: one of them builds, the others wait for it.
  const building = join(directory, "building");
  const deadline = Date.now() + 280_000;
  for (;;) {
    try {
      mkdirSync(building);
      break;
    } catch {
      if (Date.now() > deadline) throw new Error(`another worker builds in ${directory} and does not end`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
  try {
    buildMissing(user);
  } finally {
    rmdirSync(building);
  }
}

function buildMissing(user: TestUser): void {
  for (const name of readdirSync(user.home)) {
    if (name.startsWith(FOLDER) && !alive(Number(name.slice(FOLDER.length)))) remove(join(user.home, name));
  }
  const shared = sharedEnvironment(user);
  if (!existsSync(shared.bin)) build(user, shared.root, ["pip", "cowsay", "kapseli-activate"]);
  const other = otherEnvironment(user);
  if (!existsSync(other.bin)) build(user, other.root, ["cowsay"]);
  for (const { way, environment } of everyWay(user)) {
    if (existsSync(environment.bin)) continue;
    copyOf(user, shared, environment.root);
    mountBy(environment.root, way);
  }
  if (!existsSync(viewEnvironment(user).bin)) viewOf(user, shared, viewEnvironment(user).root, VIEW_MOUNT);
}

/** Writes the launcher of a prefix anew so that it mounts the image another way. */
export function mountBy(root: string, way: MountWay["way"]): void {
  const squashfuse = { way: "fusemount", squashfuse: SQUASHFUSE } as const;
  rewriteLauncher(root, { way: way === "fusemount" ? squashfuse : { way: "image" } });
}

/** What a prefix's present generation records of itself. */
export function manifestOf(root: string): Manifest {
  return Manifest.parse(JSON.parse(readFileSync(join(root, "current", "manifest.json"), "utf8")));
}

/** Writes the launcher of a prefix anew, as it was built but for `changes`. */
export function rewriteLauncher(root: string, changes: Partial<LauncherData>): void {
  const generation = join(root, "current");
  const manifest = manifestOf(root);
  writeFileSync(
    join(generation, "launcher.sh"),
    renderLauncher(
      launcherData(manifest.root, {
        id: manifest.id,
        generation: manifest.generation,
        environmentRoot: `${manifest.root}/`,
        runtimePath: manifest.runtime.path,
        runtimeFlags: manifest.runtime.flags,
        baseKind: manifest.base.kind,
        hiddenTopLevel: ["dev", "lost+found", "proc", "sys"],
        commands: manifest.commands,
        byPath: manifest.tool === "pip",
        environment: manifest.environment,
        ...(manifest.interpreter ? { interpreter: manifest.interpreter.path } : {}),
        ...changes,
      }),
    ),
  );
}

/** Where the image of `viewEnvironment` is mounted: no directory of the host. */
export const VIEW_MOUNT = "/K_TEST_abc1234";

/** A copy of the shared environment in the view layout, as of a portable environment or a converted one. */
export function viewEnvironment(user: TestUser): LauncherEnvironment {
  return environmentAt(join(runDirectory(user), "view"));
}

/**
 * Makes a copy of an environment in the view layout at `target`: its image, mounted at `mount`, has links to its
 * programs in `.kapseli/bin`, and the view has the same links in `bin`.
 */
export function viewOf(
  user: TestUser,
  environment: LauncherEnvironment,
  target: string,
  mount: string,
): void {
  const copy = copyOf(user, environment, target);
  writeFileSync(
    join(copy.root, "current", "manifest.json"),
    JSON.stringify({ ...manifestOf(copy.root), root: target }),
  );
  const { id, commands } = manifestOf(copy.root);
  const made = `set -e
umask 022
mkdir -p view/bin view/.kapseli
: >"view/.kapseli/$ID"
unsquashfs -q -n -d tree env.sqfs >/dev/null
mkdir -p tree/.kapseli/bin
for name; do
  ln -s "$MOUNT/bin/$name" view/bin/
  ln -s "$MOUNT/bin/$name" tree/.kapseli/bin/
done
rm env.sqfs
mksquashfs tree env.sqfs -comp zstd -Xcompression-level 1 -no-progress -quiet >/dev/null
rm -rf tree
cd ../../bin
{ cat "$STUB"; } >../stub
chmod 755 ../stub
for name; do ln -f ../stub "$name"; done
ln -f ../stub _debug_exec; ln -f ../stub _debug_shell; rm ../stub`;
  const stub = join(target, "current", "stub");
  writeFileSync(stub, renderStub(target));
  const ran = runAs(user, ["sh", "-c", made, "sh", ...commands], {
    cwd: join(target, "current"),
    env: { ID: id, MOUNT: mount, STUB: stub, PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
  });
  if (ran.exitCode !== 0) throw new Error(ran.stderr);
  rmSync(stub);
  rewriteLauncher(target, {
    layout: { kind: "view", mount },
    environmentRoot: `${mount}/`,
    environment: manifestOf(target).environment.map((change) =>
      "value" in change ? { ...change, value: change.value.replaceAll(environment.root, mount) } : change,
    ),
  });
}

/** A copy (cp -a) of an environment in another place. */
export function copyOf(
  user: TestUser,
  environment: LauncherEnvironment,
  target: string,
): LauncherEnvironment {
  const copied = runAs(user, ["cp", "-a", environment.root, target]);
  if (copied.exitCode !== 0) throw new Error(copied.stderr);
  return environmentAt(target);
}
