import { dirname, join, relative } from "node:path";
import { lstat, readdir, readFile, readlink } from "../host/files.ts";
import { condaPlatform } from "../plan/make-plan.ts";
import { isElsewhere, type LauncherFacts } from "../prefix/launcher.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import { type Finding, type Means, mendCommands, VERIFY_SCHEMA, wayOut } from "../prefix/verification.ts";
import { VERSION } from "../version.ts";
import { findEnvironment, ownsBinBeside, reachable } from "./environment.ts";
import { inspectBin, inspectForeign, type PrefixPlace, placeOf } from "./inspect-bin.ts";
import { type Inspected, inspectGeneration } from "./inspect-generation.ts";
import { type ImportResult, inspectImports, inspectStart } from "./inspect-running.ts";
import { currentGeneration, generationNumbers } from "./publish.ts";

export interface VerifyRequest {
  /** Absolute path of the prefix. */
  prefix: string;
  /** Compare files with their recorded sums, not only their sizes. */
  hash: boolean;
  /** Start programs and import packages. */
  run: boolean;
  environment: Readonly<Record<string, string>>;
  architecture: string;
  signal: AbortSignal;
  /** `repair` has done what it could: it is not named again. */
  tried?: boolean;
  /** Files that were found right by an earlier look of this run. */
  compared?: Set<string>;
}

/** What `kapseli verify --json` prints. */
export interface VerifyReport {
  schema: typeof VERIFY_SCHEMA;
  /** Version of the tool that looked. */
  kapseli: string;
  prefix: string;
  root: string;
  /** The current one; null where `current` names none. */
  generation: number | null;
  /** The numbers of the generations that were looked at, newest first. */
  generations: readonly number[];
  /** No finding is an error. */
  ok: boolean;
  /** Whether sums were compared. */
  hashed: boolean;
  /** Whether programs were started. */
  started: boolean;
  imports: readonly ImportResult[];
  /** Packages that were not tried, because there were too many. */
  importsLeft: number;
  findings: readonly Finding[];
}

/** Everything that was found, with what repairs go by. */
export interface Verification {
  report: VerifyReport;
  place: PrefixPlace;
  inspected: readonly Inspected[];
}

/**
 * Finds a prefix with generations, also a damaged one.
 *
 * @throws {KapseliError} `badInput` when there is none.
 */
export async function locate(path: string): Promise<{ given: string; root: string }> {
  const given = await reachable(path);
  for (const root of [given, join(given, "env")]) {
    if ((await generationNumbers(root)).length === 0) continue;
    return { given: (await ownsBinBeside(root)) ? dirname(root) : given, root };
  }
  const found = await findEnvironment(path);
  return { given: found.prefix, root: found.root };
}

/** By what the current generation can be replaced, as far as the others are known. */
function meansOf(
  root: string,
  current: number | undefined,
  others: readonly Inspected[],
  tried: boolean,
): Means {
  const known = others.find(({ manifest }) => manifest !== undefined)?.manifest;
  const isBefore = ({ number, whole, launcher }: Inspected): boolean =>
    current !== undefined &&
    number < current &&
    whole &&
    launcher !== undefined &&
    !isElsewhere(launcher, root);
  return {
    another: others.some(({ whole }) => whole),
    before: others.some(isBefore),
    packages: others.some(({ canBeRebuilt }) => canBeRebuilt),
    tried,
    tool: known?.tool,
  };
}

/** What is wrong with `current`. @param means by which generations it can come to have a right one */
async function inspectCurrent(root: string, numbers: readonly number[], means: Means): Promise<Finding[]> {
  const { current } = prefixPaths(root);
  const number = await currentGeneration(root);
  const finding = (message: string): Finding[] => [
    { check: "current", severity: "error", path: current, message, mend: wayOut(root, means, false) },
  ];
  if (number !== undefined) {
    if (numbers.includes(number)) return [];
    return finding(`${current} leads to generation ${number}, which is gone`);
  }
  const target = await readlink(current).catch(() => undefined);
  if (target !== undefined) return finding(`${current} leads to ${target}, which is no generation`);
  const there = await lstat(current).catch(() => undefined);
  return finding(there ? `${current} is no link` : `${current} is missing`);
}

/** Launchers of a prefix that was moved look for their way at each start, and paths in the environment lead to the old place. */
function inspectPlace(root: string, launcher: LauncherFacts): Finding[] {
  if (!isElsewhere(launcher, root)) return [];
  const message = `the environment was built for ${launcher.root} and is in ${root} now: it was moved or copied`;
  const mend = `${mendCommands(root).relocate} makes it one of this place`;
  return [{ check: "moved", severity: "warning", path: root, message, mend }];
}

/** Whether a generation is what a build began: its manifest is written last, and the current one was complete. */
async function isUnfinished(root: string, number: number): Promise<boolean> {
  const { manifest, manifestCopy, replaced } = generationPaths(root, number);
  const there = await Promise.all(
    [manifest, manifestCopy, replaced].map((path) => lstat(path).catch(() => undefined)),
  );
  return there.every((info) => info === undefined);
}

/** The kept inputs of all builds that made the present state, the oldest first. */
export async function keptInputs(
  root: string,
  generation: number,
): Promise<{ name: string; bytes: Uint8Array }[]> {
  const { inputs } = generationPaths(root, generation);
  const files: { name: string; bytes: Uint8Array }[] = [];
  const read = async (top: string, directory: string): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) await read(top, path);
      else if (entry.isFile()) {
        const bytes = await readFile(path).catch(() => undefined);
        if (bytes) files.push({ name: relative(top, path), bytes });
      }
    }
  };
  const numbers = (await readdir(inputs).catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const number of numbers.sort((a, b) => Number(a) - Number(b))) {
    await read(join(inputs, number), join(inputs, number));
  }
  return files;
}

/**
 * Looks at everything that an environment consists of, changing nothing.
 *
 * @throws {KapseliError} `badInput` when there is no environment, `hostCannot` when it may not be looked at.
 */
export async function verify(request: VerifyRequest): Promise<Verification> {
  const { given, root } = await locate(request.prefix);
  const numbers = await generationNumbers(root);
  const current = await currentGeneration(root);
  const unfinished: Finding[] = [];
  let inspected: Inspected[] = [];
  const meansNow = (): Means => meansOf(root, current, inspected, request.tried === true);
  // The current one last: what can be done about it depends on the others.
  for (const number of [...numbers].sort((a, b) => Number(a === current) - Number(b === current))) {
    request.signal.throwIfAborted();
    const { directory } = generationPaths(root, number);
    if (current !== undefined && numbers.includes(current) && number !== current) {
      if (await isUnfinished(root, number)) {
        const message = `generation ${number} is not complete: a build works on it, or was killed`;
        const mend = "nothing needs to be done: the next build removes it";
        unfinished.push({
          check: "records",
          severity: "warning",
          generation: number,
          path: directory,
          message,
          mend,
        });
        continue;
      }
    }
    const one = await inspectGeneration({
      root,
      number,
      current: number === current,
      means: meansNow(),
      hash: request.hash,
      ...(request.compared ? { compared: request.compared } : {}),
    });
    inspected.push(one);
  }
  inspected = inspected.sort((a, b) => b.number - a.number);
  const findings = [
    ...(await inspectCurrent(root, numbers, meansNow())),
    ...unfinished,
    ...inspected.flatMap((one) => one.findings),
  ];
  const now = inspected.find((one) => one.current);
  const manifest = now?.manifest;
  const place = placeOf(given, root, (now ?? inspected[0])?.manifest);
  if (manifest) findings.push(...(await inspectBin(place, manifest)));
  if (now?.launcher) findings.push(...inspectPlace(root, now.launcher));
  // In PREFIX/env nothing else can have been meant to be; in a prefix of its own neither.
  findings.push(...(await inspectForeign(root, manifest)));

  const canStart =
    request.run &&
    now?.whole === true &&
    manifest !== undefined &&
    manifest.launcher?.names !== false &&
    !findings.some(({ check, severity }) => check === "commands" && severity === "error");
  let imports: readonly ImportResult[] = [];
  let importsLeft = 0;
  if (canStart && now) {
    const starting = { root, manifest, environment: request.environment, signal: request.signal };
    const started = await inspectStart(starting);
    findings.push(...started);
    if (started.length === 0) {
      const files = await keptInputs(root, now.number);
      const tried = await inspectImports(starting, files, condaPlatform(request.architecture));
      findings.push(...tried.findings);
      imports = tried.results;
      importsLeft = tried.left;
    }
  }
  const report: VerifyReport = {
    schema: VERIFY_SCHEMA,
    kapseli: VERSION,
    prefix: place.prefix,
    root,
    generation: current !== undefined && numbers.includes(current) ? current : null,
    generations: numbers,
    ok: !findings.some(({ severity }) => severity === "error"),
    hashed: request.hash,
    started: canStart,
    imports,
    importsLeft,
    findings,
  };
  return { report, place, inspected };
}
