import { dirname, join, relative } from "node:path";
import { lstat, readdir, readFile, readlink } from "../host/files.ts";
import { condaPlatform } from "../plan/make-plan.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import { type Finding, mendCommands, VERIFY_SCHEMA } from "../prefix/verification.ts";
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

async function inspectCurrent(root: string, numbers: readonly number[]): Promise<Finding[]> {
  const { current } = prefixPaths(root);
  const { repair } = mendCommands(root);
  const number = await currentGeneration(root);
  const finding = (message: string): Finding[] => [
    { check: "current", severity: "error", path: current, message, mend: repair },
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
  const findings = await inspectCurrent(root, numbers);
  const inspected: Inspected[] = [];
  for (const number of numbers) {
    request.signal.throwIfAborted();
    const { directory } = generationPaths(root, number);
    if (current !== undefined && numbers.includes(current) && number !== current) {
      if (await isUnfinished(root, number)) {
        const message = `generation ${number} is not complete: a build works on it, or was killed`;
        const mend = "nothing needs to be done: the next build removes it";
        findings.push({
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
      hash: request.hash,
      ...(request.compared ? { compared: request.compared } : {}),
    });
    inspected.push(one);
    findings.push(...one.findings);
  }
  const now = inspected.find((one) => one.current);
  const manifest = now?.manifest;
  const place = placeOf(given, root, (now ?? inspected[0])?.manifest);
  if (manifest) findings.push(...(await inspectBin(place, manifest)));
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
