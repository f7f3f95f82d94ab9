import { join } from "node:path";
import { KapseliError } from "../errors.ts";
import { hashFile, isReadable, lstat, readdir, readFile, readlink, stat } from "../host/files.ts";
import { readSuperblock } from "../host/squashfs-file.ts";
import { type LauncherFacts, readLauncherFacts, renderLauncher } from "../prefix/launcher.ts";
import { recordedLauncher, sha256Of } from "../prefix/launcher-record.ts";
import { generationPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import {
  type Check,
  type Finding,
  type GenerationState,
  launcherDifferences,
  type Means,
  mendCommands,
  someNames,
  wayOut,
} from "../prefix/verification.ts";
import { MARKS } from "../tools/mksquashfs.ts";
import { SKELETON_MARK } from "./base.ts";
import { lockState, readWhole } from "./read-manifest.ts";

/** What was found of one generation. */
export interface Inspected extends GenerationState {
  findings: readonly Finding[];
  /** From manifest.json, or from its copy where that one cannot be read. */
  manifest: Manifest | undefined;
  launcher: LauncherFacts | undefined;
}

export interface Inspection {
  root: string;
  number: number;
  current: boolean;
  /** By what it could be replaced, if it is the current one. */
  means: Means;
  /** Compare whole files with their sums, not only their sizes. */
  hash: boolean;
  /** Files whose bytes were compared already and are right, as `path size mtime`. */
  compared?: Set<string>;
}

/** What a generation's files are found to be, one finding each. */
class Look {
  readonly findings: Finding[] = [];
  readonly paths: ReturnType<typeof generationPaths>;
  readonly mends: ReturnType<typeof mendCommands>;
  tool: Manifest["tool"] | undefined;
  /** What its environment.lock is; undefined without a manifest. */
  lockIs: "right" | "changed" | "gone" | undefined;
  /** Something that a launch needs is broken. */
  broken = false;

  constructor(readonly inspection: Inspection) {
    this.paths = generationPaths(inspection.root, inspection.number);
    this.mends = mendCommands(inspection.root);
  }

  add(check: Check, severity: Finding["severity"], path: string, message: string, mend: string): void {
    this.findings.push({ check, severity, generation: this.inspection.number, path, message, mend });
  }

  /** Of an older generation nothing is started: what is broken there is told, and keeps nothing from working. */
  breaks(check: Check, path: string, message: string, mend: string): void {
    this.broken = true;
    const { current, number } = this.inspection;
    if (current) this.add(check, "error", path, message, mend);
    else this.add(check, "warning", path, `generation ${number} cannot be gone back to: ${message}`, mend);
  }

  /** How something is mended that only another generation, or a new one, has. */
  get another(): string {
    const { current, root, means } = this.inspection;
    return current
      ? wayOut(root, { ...means, tool: this.tool ?? means.tool }, this.lockIs === "right")
      : "build or update the environment: a new generation takes its place";
  }

  /** Whether a file has these bytes; what cannot be read has not. */
  async hasSum(path: string, sha256: string): Promise<boolean> {
    const { compared } = this.inspection;
    const info = await stat(path);
    const key = `${path} ${info.size} ${info.mtimeMs}`;
    if (compared?.has(key)) return true;
    if ((await hashFile(path)).sha256 !== sha256) return false;
    compared?.add(key);
    return true;
  }
}

const SUM_CHANGED = "its sha256 is not the one that was recorded when it was published";

async function lookAtManifest(look: Look): Promise<Manifest | undefined> {
  const { manifest: file, manifestCopy } = look.paths;
  const { number, current } = look.inspection;
  const copy = await readWhole(manifestCopy, number).catch(() => undefined);
  try {
    const manifest = await readWhole(file, number);
    if (manifest.launcher && !copy) {
      const message = `${manifestCopy}, the copy of the manifest, is gone or damaged`;
      look.add("records", "warning", manifestCopy, message, look.mends.repair);
    }
    return manifest;
  } catch (error) {
    const said = error instanceof KapseliError ? error.message : String(error);
    const severity = current ? "error" : "warning";
    const mend = copy
      ? `${look.mends.repair} (from its copy)`
      : `${look.another}; its commands go on working meanwhile`;
    look.add("manifest", severity, file, said, mend);
    return copy;
  }
}

/** An image, or a base: there, a file, as long as it was, with the same bytes. */
async function lookAtFile(
  look: Look,
  check: "image" | "base",
  path: string,
  recorded: { size?: number | undefined; sha256?: string | undefined },
  mend = look.another,
): Promise<void> {
  const what = check === "image" ? "the image" : "the base";
  const info = await stat(path).catch(() => undefined);
  const breaks = (message: string): void => look.breaks(check, path, `${what} ${path} ${message}`, mend);
  if (!info) return breaks("is missing");
  if (info.isDirectory()) return check === "base" ? undefined : breaks("is a directory");
  if (!(await isReadable(path))) {
    look.breaks(check, path, `${what} ${path} cannot be read by you`, `chmod a+r ${path}, or ask its owner`);
    return;
  }
  if (recorded.size !== undefined && info.size !== recorded.size) {
    const how = info.size < recorded.size ? "is cut" : "is longer than it was";
    return breaks(`${how}: it has ${info.size} bytes, and had ${recorded.size}`);
  }
  if (check === "image") {
    const least = (await readSuperblock(path))?.size;
    if (least === undefined) return breaks("is no SquashFS image (any more)");
    if (info.size < least) return breaks(`is cut: it has ${info.size} bytes of at least ${least}`);
  }
  if (!look.inspection.hash || recorded.sha256 === undefined) return;
  if (!(await look.hasSum(path, recorded.sha256))) breaks(`is damaged: ${SUM_CHANGED}`);
}

async function lookAtLauncher(
  look: Look,
  manifest: Manifest | undefined,
): Promise<LauncherFacts | undefined> {
  const { launcher: file, environ } = look.paths;
  const recorded = manifest && recordedLauncher(manifest);
  const mend = recorded ? look.mends.repair : look.another;
  const bytes = await readFile(file).catch(() => undefined);
  const facts = bytes && readLauncherFacts(bytes.toString("utf8"));
  if (!bytes) look.breaks("launcher", file, `${file} is missing or cannot be read`, mend);
  else if (!facts) look.breaks("launcher", file, `${file} is cut or no launcher`, mend);
  else if (recorded && manifest?.launcher) {
    const isRight =
      sha256Of(bytes) === manifest.launcher.sha256.launcher || bytes.equals(renderLauncher(recorded));
    if (!isRight) look.breaks("launcher", file, `${file} was changed after it was published`, mend);
  } else if (manifest) {
    const differences = launcherDifferences(facts, manifest);
    if (differences.length > 0) {
      look.breaks("launcher", file, `${file} does not fit its manifest: ${differences.join(", ")}`, mend);
    }
  }
  const sum = manifest?.launcher?.sha256.environ;
  if (sum !== undefined) {
    const text = await readFile(environ).catch(() => undefined);
    if (!text || sha256Of(text) !== sum) {
      const how = text ? "was changed after it was published" : "is missing or cannot be read";
      look.breaks("launcher", environ, `the environ script ${environ} ${how}`, mend);
    }
  }
  return facts;
}

/** The copy of the interpreter that covers the image's; without it, the image's is taken. */
async function lookAtInterpreter(look: Look, manifest: Manifest | undefined): Promise<void> {
  if (!manifest?.interpreter) return;
  const { interpreter } = look.paths;
  const { repair } = look.mends;
  const info = await stat(interpreter).catch(() => undefined);
  if (!info) {
    const message = `${interpreter}, a copy of the interpreter, is gone: starts take longer`;
    return look.add("records", "warning", interpreter, message, repair);
  }
  const isRight = look.inspection.hash
    ? await look.hasSum(interpreter, manifest.interpreter.sha256).catch(() => false)
    : info.size > 0;
  if (isRight) return;
  look.breaks("launcher", interpreter, `${interpreter}, a copy of the interpreter, is damaged`, repair);
}

async function lookAtBase(
  look: Look,
  manifest: Manifest | undefined,
  base: string | undefined,
): Promise<void> {
  if (base === undefined) return;
  const path = base.startsWith("/") ? base : join(look.paths.directory, base);
  if (base !== "root") {
    // A shared file belongs to somebody else, who may make it anew.
    const recorded = manifest?.base.shared ? undefined : manifest?.base;
    const sums = { size: recorded?.size, sha256: recorded?.digest?.replace(/^sha256:/, "") };
    // The cache may still have it.
    const mend = sums.sha256 === undefined || look.inspection.means.tried ? look.another : look.mends.repair;
    await lookAtFile(look, "base", path, sums, mend);
    return;
  }
  const mark = await readlink(join(path, SKELETON_MARK)).catch(() => undefined);
  if (mark === undefined) {
    look.breaks(
      "base",
      path,
      `the directory ${path}, which containers start from, is not whole`,
      look.mends.repair,
    );
  }
}

/** What the prefix shows inside where the image is mounted elsewhere. */
async function lookAtView(look: Look, facts: LauncherFacts): Promise<void> {
  if (!facts.view) return;
  const { view } = look.paths;
  const names = new Set(await readdir(join(view, "bin")).catch(() => []));
  const missing = facts.commands.filter((name) => !names.has(name));
  const isMarked = await lstat(join(view, MARKS, facts.id)).catch(() => undefined);
  if (missing.length === 0 && isMarked) return;
  const what = missing.length === 0 ? "the mark of its generation" : `bin/${someNames(missing)}`;
  look.breaks("base", view, `${view}, which programs see as the prefix, lacks ${what}`, look.another);
}

/** What a launch does not need: a purge of files that nobody has read for long takes it. */
async function lookAtRecords(look: Look, manifest: Manifest): Promise<void> {
  const { directory, lock, inputs, share, log } = look.paths;
  const missing: string[] = [];
  const need = async (path: string): Promise<void> => {
    if (!(await lstat(path).catch(() => undefined))) missing.push(path.slice(directory.length + 1));
  };
  if (manifest.packages.length > 0) await need(lock);
  if (look.lockIs === "changed") {
    const message = `${lock}, by which the same packages are built again, was changed after it was published`;
    look.add("records", "warning", lock, message, look.mends.repair);
  }
  // What was wrapped in place has no inputs.
  const hasInputs = (await lstat(inputs).catch(() => undefined)) !== undefined || manifest.inputs.length > 0;
  for (const name of ["conf.yaml", "VERSION.yml", ...(hasInputs ? ["previous_input"] : [])]) {
    await need(join(share, name));
  }
  if (missing.length > 0) {
    const message = `files that tools read, and no launch, are gone: ${someNames(missing)}`;
    look.add("records", "warning", directory, message, look.mends.repair);
  }
  missing.length = 0;
  await need(log);
  const numbers = (await readdir(inputs).catch(() => [])).map(Number).filter(Number.isSafeInteger);
  const latest = join(inputs, String(Math.max(0, ...numbers)));
  for (const { name } of manifest.inputs) await need(join(latest, name));
  if (missing.length === 0) return;
  const message = `files kept for people are gone, perhaps by a purge of old files: ${someNames(missing)}`;
  look.add(
    "records",
    "warning",
    directory,
    message,
    "nothing needs to be done: nothing else is made from them",
  );
}

/** Looks at everything that one generation holds. */
export async function inspectGeneration(inspection: Inspection): Promise<Inspected> {
  const look = new Look(inspection);
  const manifest = await lookAtManifest(look);
  if (manifest) {
    look.tool = manifest.tool;
    look.lockIs = await lockState(look.paths.lock, manifest);
  }
  const launcher = await lookAtLauncher(look, manifest);
  const mount = launcher ? launcher.mount : manifest?.image && manifest.location.mount;
  if (mount !== undefined) await lookAtFile(look, "image", look.paths.image, manifest?.image ?? {});
  await lookAtInterpreter(look, manifest);
  await lookAtBase(look, manifest, launcher?.base ?? manifest?.launcher?.base);
  if (launcher) await lookAtView(look, launcher);
  if (manifest) await lookAtRecords(look, manifest);
  const isReplaced = await lstat(look.paths.replaced).catch(() => undefined);
  return {
    number: inspection.number,
    current: inspection.current,
    whole: !look.broken && launcher !== undefined,
    replaced: isReplaced !== undefined,
    canBeRebuilt: look.lockIs === "right",
    findings: look.findings,
    manifest,
    launcher,
  };
}
