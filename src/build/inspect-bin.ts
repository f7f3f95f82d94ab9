import { dirname, join } from "node:path";
import { access, constants, lstat, readdir, readFile, readlink } from "../host/files.ts";
import { isStub, OWN_COMMANDS, renderStub } from "../prefix/launcher.ts";
import { sha256Of } from "../prefix/launcher-record.ts";
import { prefixPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import { type Finding, foreignEntries, mendCommands, someNames } from "../prefix/verification.ts";

/** The prefix around the generations. */
export interface PrefixPlace {
  /** The directory whose `bin` is on a PATH. */
  prefix: string;
  /** The directory that holds `current`. */
  root: string;
  linkedBin: boolean;
}

/** What is wrong with names in bin; empty lists where nothing is. */
export interface BinState {
  missing: string[];
  changed: string[];
  notExecutable: string[];
  /** Something else is there under the name of a command. */
  foreign: string[];
}

/** What a stub may be: as recorded, or as this version would write it. A prefix that was moved keeps its stubs. */
function stubSums(root: string, manifest: Manifest): Set<string> {
  const recorded = manifest.launcher?.sha256.stub;
  const known = [renderStub(root), renderStub(manifest.root)].map(sha256Of);
  return new Set(recorded === undefined ? known : [recorded, ...known]);
}

/** Whether a file is what was left of a stub that was being written when space ran out. */
function isCutStub(text: string, root: string, manifest: Manifest): boolean {
  return [root, manifest.root].some((place) => renderStub(place).startsWith(text));
}

/** Looks at the name of every command in bin. */
export async function lookAtBin(root: string, manifest: Manifest): Promise<BinState> {
  const { bin } = prefixPaths(root);
  const state: BinState = { missing: [], changed: [], notExecutable: [], foreign: [] };
  if (manifest.launcher?.names === false) return state;
  const sums = stubSums(root, manifest);
  // All names are one file, as a rule.
  const texts = new Map<string, string>();
  for (const name of [...manifest.commands, ...OWN_COMMANDS]) {
    const path = join(bin, name);
    const info = await lstat(path).catch(() => undefined);
    if (!info) {
      state.missing.push(name);
      continue;
    }
    if (!info.isFile() || info.size > 65_536) {
      state.foreign.push(name);
      continue;
    }
    const key = `${info.dev} ${info.ino}`;
    const text = texts.get(key) ?? (await readFile(path, "utf8").catch(() => ""));
    texts.set(key, text);
    // Of a version that did not record its stub, every stub is taken for right.
    const isRight = sums.has(sha256Of(text)) || (isStub(text) && manifest.launcher === undefined);
    const isOurs = isRight || isStub(text) || isCutStub(text, root, manifest);
    const isExecutable = await access(path, constants.X_OK | constants.R_OK).then(
      () => true,
      () => false,
    );
    if (!isOurs) state.foreign.push(name);
    else if (!isExecutable) state.notExecutable.push(name);
    else if (!isRight) state.changed.push(name);
  }
  return state;
}

/** What is wrong with bin, and with the link to it. */
export async function inspectBin(place: PrefixPlace, manifest: Manifest): Promise<Finding[]> {
  const { bin } = prefixPaths(place.root);
  const { repair } = mendCommands(place.root);
  const state = await lookAtBin(place.root, manifest);
  const findings: Finding[] = [];
  const add = (names: readonly string[], what: string, mend: string): void => {
    const [first] = names;
    if (first === undefined) return;
    const count = names.length === 1 ? "the command" : `${names.length} commands`;
    const message = `${count} ${someNames(names)} in ${bin} ${names.length === 1 ? "is" : "are"} ${what}`;
    findings.push({ check: "commands", severity: "error", path: join(bin, first), message, mend });
  };
  add(state.missing, "missing", repair);
  add(state.changed, "not as published", repair);
  add(state.notExecutable, "not executable and readable for you", repair);
  add(state.foreign, "something else", `move it away (mv), then: ${repair}`);
  if (place.linkedBin) {
    const link = join(place.prefix, "bin");
    const target = await readlink(link).catch(() => undefined);
    if (target !== "env/bin") {
      const message = `${link} does not lead to env/bin`;
      findings.push({ check: "commands", severity: "error", path: link, message, mend: repair });
    }
  }
  return findings;
}

/** The prefix of an environment's directory, by what it recorded. */
export function placeOf(given: string, root: string, manifest: Manifest | undefined): PrefixPlace {
  const linkedBin = given !== root || manifest?.linkedBin === true;
  return { prefix: linkedBin ? dirname(root) : root, root, linkedBin };
}

/** Files that somebody put where the image covers them: nothing inside sees them. */
export async function inspectForeign(root: string, manifest: Manifest | undefined): Promise<Finding[]> {
  const { bin } = prefixPaths(root);
  const found: Finding[] = [];
  const add = (path: string, names: readonly string[]): void => {
    if (names.length === 0) return;
    const message = `${someNames(names)} in ${path}: not part of the environment; its programs do not see ${names.length === 1 ? "it" : "them"}, because the image covers that directory`;
    const mend = "move it elsewhere (mv), where programs are to find it";
    found.push({ check: "foreign", severity: "warning", path, message, mend });
  };
  const entries = await readdir(root).catch(() => []);
  add(root, foreignEntries(entries, manifest));
  if (!manifest || manifest.inPlace) return found;
  const commands = new Set<string>([...manifest.commands, ...OWN_COMMANDS]);
  const others: string[] = [];
  for (const name of (await readdir(bin).catch(() => [])).sort()) {
    if (commands.has(name)) continue;
    const text = await readFile(join(bin, name), "utf8").catch(() => "");
    if (!isStub(text) && !name.startsWith(".kapseli")) others.push(name);
  }
  add(bin, others);
  return found;
}
