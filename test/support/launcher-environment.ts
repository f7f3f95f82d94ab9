/**
 * The environments that the launcher suites call: built once per user and run of vitest with the installed tool, and
 * copies of them whose launcher mounts the image another way.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderLauncher } from "../../src/prefix/launcher.ts";
import { Manifest } from "../../src/prefix/manifest.ts";
import type { MountWay } from "../../src/tools/singularity.ts";
import { channelUrl, remove, runAs, type TestUser } from "./real.ts";

const SQUASHFUSE = "/usr/bin/squashfuse_ll";
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
  for (const name of readdirSync(user.home)) {
    if (name.startsWith(FOLDER) && !alive(Number(name.slice(FOLDER.length)))) remove(join(user.home, name));
  }
  runAs(user, ["mkdir", "-p", runDirectory(user)]);
  const shared = sharedEnvironment(user);
  if (!existsSync(shared.bin)) build(user, shared.root, ["pip", "cowsay", "kapseli-activate"]);
  const other = otherEnvironment(user);
  if (!existsSync(other.bin)) build(user, other.root, ["cowsay"]);
  for (const { way, environment } of everyWay(user)) {
    if (existsSync(environment.bin)) continue;
    copyOf(user, shared, environment.root);
    mountBy(environment.root, way);
  }
}

/** Writes the launcher of a prefix anew so that it mounts the image another way. */
export function mountBy(root: string, way: MountWay["way"]): void {
  const generation = join(root, "current");
  const manifest = Manifest.parse(JSON.parse(readFileSync(join(generation, "manifest.json"), "utf8")));
  const squashfuse = { way: "fusemount", squashfuse: SQUASHFUSE } as const;
  writeFileSync(
    join(generation, "launcher.sh"),
    renderLauncher({
      id: manifest.id,
      generation: manifest.generation,
      root: manifest.root,
      runtimePath: manifest.runtime.path,
      runtimeFlags: manifest.runtime.flags,
      way: way === "fusemount" ? squashfuse : { way: "image" },
      base: "root",
      baseKind: manifest.base.kind,
      hiddenTopLevel: ["dev", "lost+found", "proc", "sys"],
      commands: manifest.commands,
      environment: manifest.environment,
    }),
  );
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
