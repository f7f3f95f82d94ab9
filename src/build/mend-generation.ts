import { join } from "node:path";
import type { HostFacts } from "../host/facts.ts";
import {
  chmod,
  exists,
  hashFile,
  isReadable,
  linkOrCopy,
  makeDirectories,
  readFile,
  readlink,
  replaceFile,
  rm,
  symlink,
} from "../host/files.ts";
import { run } from "../host/processes.ts";
import { findUnsquashfs } from "../host/runtime.ts";
import { makeWorkDirectory } from "../host/work-directory.ts";
import { condaPlatform } from "../plan/make-plan.ts";
import { skeletonLinks } from "../plan/visibility.ts";
import { type PinnedHashes, pinnedHashes, withHashes } from "../prefix/environment-lock.ts";
import { renderLauncher } from "../prefix/launcher.ts";
import { recordedLauncher, sha256Of } from "../prefix/launcher-record.ts";
import { generationPaths } from "../prefix/layout.ts";
import { type Manifest, manifestText } from "../prefix/manifest.ts";
import { confYaml, sharedOf, versionYaml } from "../prefix/share-files.ts";
import { SKELETON_MARK } from "./base.ts";
import type { Inspected } from "./inspect-generation.ts";
import { readInstalled } from "./packages.ts";
import { isLockAsWritten, knownManifest, lockState, readWhole } from "./read-manifest.ts";

export interface Mending {
  root: string;
  facts: Pick<HostFacts, "topLevel" | "environment" | "user">;
  /** Where bases are kept. */
  cacheDirectory: string;
  signal: AbortSignal;
}

type Paths = ReturnType<typeof generationPaths>;

/** The manifest and its copy, of which one is there. */
async function mendManifest(paths: Paths, generation: number, done: string[]): Promise<void> {
  const [own, copy] = await Promise.all(
    [paths.manifest, paths.manifestCopy].map((path) => readWhole(path, generation).catch(() => undefined)),
  );
  if (!own && copy) {
    await replaceFile(paths.manifest, await readFile(paths.manifestCopy));
    done.push(`${paths.manifest} from its copy`);
  } else if (own?.launcher && !copy) {
    await makeDirectories(paths.share);
    await replaceFile(paths.manifestCopy, await readFile(paths.manifest));
    done.push(`the copy of ${paths.manifest}`);
  }
}

async function mendLauncher(paths: Paths, manifest: Manifest, done: string[]): Promise<void> {
  const recorded = recordedLauncher(manifest);
  if (!recorded || !manifest.launcher) return;
  const { sha256, environ } = manifest.launcher;
  const now = await readFile(paths.launcher).catch(() => undefined);
  const text = renderLauncher(recorded);
  if (!now || (sha256Of(now) !== sha256.launcher && !now.equals(text))) {
    await replaceFile(paths.launcher, text);
    done.push(`${paths.launcher} from the manifest`);
  }
  if (environ === undefined) return;
  const script = await readFile(paths.environ, "utf8").catch(() => undefined);
  if (script === environ) return;
  await replaceFile(paths.environ, environ);
  done.push(`${paths.environ} from the manifest`);
}

async function mendSkeleton(
  { facts }: Mending,
  paths: Paths,
  manifest: Manifest,
  done: string[],
): Promise<void> {
  if (manifest.base.kind !== "host" || manifest.runtime.skeleton !== "directory") return;
  const mark = join(paths.skeleton, SKELETON_MARK);
  if ((await readlink(mark).catch(() => undefined)) !== undefined) return;
  await makeDirectories(paths.skeleton);
  const hidden = manifest.launcher?.hiddenTopLevel ?? ["proc", "sys", "dev"];
  for (const [name, target] of [...skeletonLinks(facts.topLevel, hidden), [SKELETON_MARK, "."] as const]) {
    const path = join(paths.skeleton, name);
    if (!(await exists(path))) await symlink(target, path);
  }
  done.push(`${paths.skeleton} from this host's directories`);
}

/** A base of the same bytes: of another generation, or in the cache. */
async function mendBase(
  { root, cacheDirectory }: Mending,
  paths: Paths,
  manifest: Manifest,
  others: readonly number[],
  done: string[],
): Promise<void> {
  const sha256 = /^sha256:([0-9a-f]{64})$/.exec(manifest.base.digest ?? "")?.[1];
  if (manifest.base.kind !== "image" || manifest.base.shared || sha256 === undefined) return;
  const candidates = [
    ...others.map((number) => generationPaths(root, number).base),
    join(cacheDirectory, "bases", `sha256-${sha256}.sif`),
  ];
  for (const candidate of candidates) {
    if (!(await isReadable(candidate)) || (await hashFile(candidate)).sha256 !== sha256) continue;
    await linkOrCopy(candidate, paths.base);
    done.push(`${paths.base} from ${candidate}`);
    return;
  }
}

/** Takes files out of a generation's image, for as long as `use` needs them. @param wanted below the mount; with `*` */
async function withFiles<T>(
  { facts, signal }: Mending,
  paths: Paths,
  manifest: Manifest,
  wanted: readonly string[],
  use: (tree: string) => Promise<T>,
): Promise<T> {
  const { environment } = facts;
  const runtime = { path: manifest.runtime.path, family: "unknown", version: "" } as const;
  const unsquashfs = findUnsquashfs(runtime, environment);
  const work = await makeWorkDirectory(undefined, environment, facts.user.uid);
  try {
    const tree = join(work.path, "tree");
    const argv = [unsquashfs, "-no-progress", "-no-xattrs", "-dest", tree, paths.image, ...wanted] as const;
    await run({ argv, env: environment }, { signal, timeoutMs: 300_000 });
    return await use(tree);
  } finally {
    await work.remove();
  }
}

/** The copy of the interpreter out of the image; a wrong one that cannot be replaced goes, and the image's own is used. */
async function mendInterpreter(
  mending: Mending,
  paths: Paths,
  manifest: Manifest,
  done: string[],
): Promise<void> {
  const { interpreter } = manifest;
  if (!interpreter) return;
  const isRight = async (path: string): Promise<boolean> =>
    (await isReadable(path)) && (await hashFile(path)).sha256 === interpreter.sha256;
  if (await isRight(paths.interpreter)) return;
  await withFiles(mending, paths, manifest, [interpreter.path], async (tree) => {
    const found = join(tree, interpreter.path);
    if (await isRight(found)) {
      await replaceFile(paths.interpreter, await readFile(found));
      await chmod(paths.interpreter, 0o777 & ~process.umask());
      done.push(`${paths.interpreter} from the image`);
    } else if (await exists(paths.interpreter)) {
      await rm(paths.interpreter, { force: true });
      done.push(`${paths.interpreter} is removed`);
    }
  });
}

/** The hashes in the locks of other generations that are as they were written. */
async function hashesOf(root: string, generations: readonly number[]): Promise<PinnedHashes> {
  const locks = generations.map(async (number) => {
    const { lock } = generationPaths(root, number);
    const manifest = await knownManifest(root, number);
    return manifest && (await lockState(lock, manifest)) === "right" ? readFile(lock, "utf8") : "";
  });
  return pinnedHashes((await Promise.all(locks)).join("\n"));
}

/**
 * The lock of an environment, read out of its image. pip's hashes of downloads are not in there: they are what other
 * generations have of the same packages, and what the changed lock has where with these it is as it was written.
 */
async function lockMadeAgain(
  mending: Mending,
  paths: Paths,
  manifest: Manifest,
  others: readonly number[],
): Promise<string | undefined> {
  const read = await lockOfImage(mending, paths, manifest);
  if (read === undefined) return undefined;
  const lock = withHashes(read, await hashesOf(mending.root, others));
  const changed = await readFile(paths.lock, "utf8").catch(() => "");
  const whole = withHashes(lock, pinnedHashes(changed));
  return manifest.lockSha256 !== undefined && isLockAsWritten(whole, manifest) ? whole : lock;
}

/** The lock of an environment without pip's hashes, read out of its image. */
async function lockOfImage(mending: Mending, paths: Paths, manifest: Manifest): Promise<string | undefined> {
  const below = manifest.location.environment.slice(manifest.location.mount.length).replace(/^\//, "");
  const wanted = ["conda-meta", "lib/*/site-packages/*.dist-info"].map((path) => join(below, path));
  return withFiles(mending, paths, manifest, wanted, async (tree) => {
    const platform = condaPlatform(manifest.architecture);
    const installed = await readInstalled(join(tree, below), platform);
    const label = ({ name, version }: { name: string; version: string }): string => `${name} ${version}`;
    const same = (list: readonly { name: string; version: string }[]): string =>
      list.map(label).sort().join();
    return same(installed.packages) === same(manifest.packages) ? installed.lock : undefined;
  });
}

async function mendRecords(
  mending: Mending,
  paths: Paths,
  manifest: Manifest,
  imageIsWhole: boolean,
  others: readonly number[],
  done: string[],
): Promise<void> {
  const write = async (path: string, text: string, from: string): Promise<void> => {
    await makeDirectories(paths.share);
    await replaceFile(path, text);
    done.push(`${path} from ${from}`);
  };
  const conf = join(paths.share, "conf.yaml");
  if (!(await exists(conf))) await write(conf, confYaml(sharedOf(manifest)), "the manifest");
  const version = join(paths.share, "VERSION.yml");
  if (!(await exists(version))) {
    const text = versionYaml({ tag: manifest.kapseli, commit: undefined, built: new Date(manifest.created) });
    await write(version, text, "the manifest");
  }
  const previous = join(paths.share, "previous_input");
  // What was wrapped in place has no inputs.
  if ((await exists(paths.inputs)) && !(await exists(previous))) await symlink("../inputs", previous);
  if (manifest.packages.length === 0 || !imageIsWhole) return;
  if ((await lockState(paths.lock, manifest)) === "right") return;
  const lock = await lockMadeAgain(mending, paths, manifest, others);
  if (lock === undefined) return;
  const isAsItWas = manifest.lockSha256 !== undefined && isLockAsWritten(lock, manifest);
  const lost = isAsItWas ? "" : " (pip's hashes may be lost: kapseli lock tells how many there are)";
  await write(paths.lock, lock, `what is in the image${lost}`);
  if (isLockAsWritten(lock, manifest)) return;
  const text = manifestText({ ...manifest, lockSha256: sha256Of(lock) });
  for (const path of [paths.manifestCopy, paths.manifest]) await replaceFile(path, text);
}

/**
 * Makes anew what of a generation can be made from the rest of it: nothing that is as it was is touched.
 *
 * @returns what was made, for people.
 */
export async function mendGeneration(
  mending: Mending,
  inspected: Inspected,
  others: readonly number[],
): Promise<string[]> {
  const { findings, manifest } = inspected;
  const has = (check: string): boolean => findings.some((one) => one.check === check);
  const paths = generationPaths(mending.root, inspected.number);
  const done: string[] = [];
  if (has("manifest") || has("records")) await mendManifest(paths, inspected.number, done);
  if (!manifest) return done;
  if (has("launcher")) await mendLauncher(paths, manifest, done);
  if (has("launcher") || has("records")) await mendInterpreter(mending, paths, manifest, done);
  if (has("base")) {
    await mendSkeleton(mending, paths, manifest, done);
    await mendBase(mending, paths, manifest, others, done);
  }
  if (has("records")) await mendRecords(mending, paths, manifest, !has("image"), others, done);
  return done;
}
