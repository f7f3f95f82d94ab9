import { FindingsOfFile, type Reading } from "./diagnostic.ts";
import { fieldsOfFileName } from "./match-spec.ts";
import { CONDA_SUBDIRS } from "./platform.ts";
import { shown } from "./shown-text.ts";
import { linesOf } from "./text.ts";

/** One line of an explicit list: one package file. */
export interface ExplicitPackage {
  /** The address without the hash, as written. It may hold credentials. */
  url: string;
  name: string;
  version: string;
  build: string;
  subdir: string;
  hash?: { algorithm: "md5" | "sha256"; value: string };
  line: number;
}

/** What `conda list --explicit` writes. */
export interface ExplicitList {
  packages: ExplicitPackage[];
}

/**
 * Source of the grammar: conda's `url_pat` (conda/misc.py): an address ending in a package file, then `#` and 32
 * hexadecimal digits (MD5) or 64 (SHA-256, with or without `sha256:`), in lower case.
 */
const HASH = /^(?:([0-9a-f]{32})|(?:sha256:)?([0-9a-f]{64}))$/;

/**
 * Reads an explicit list: a line `@EXPLICIT`, one package address for each other line, `#` comments.
 * Conda itself installs packages of a foreign platform without a word; here they are an error.
 *
 * @param platform the conda subdir that the environment is for, such as `linux-64`
 */
export function readExplicitList(file: string, text: string, platform: string): Reading<ExplicitList> {
  const findings = new FindingsOfFile(file);
  const packages: ExplicitPackage[] = [];
  const byName = new Map<string, ExplicitPackage>();
  const foreign = new Map<string, { count: number; line: number; column: number }>();
  for (const { text: raw, line } of linesOf(text)) {
    const content = raw.trim();
    if (content === "" || content.startsWith("#") || content === "@EXPLICIT") continue;
    const column = raw.indexOf(content) + 1;
    const one = readLine(content, line, column, findings);
    if (!one) continue;
    packages.push(one);
    if (one.subdir !== platform && one.subdir !== "noarch") {
      const seen = foreign.get(one.subdir);
      if (seen) seen.count++;
      else foreign.set(one.subdir, { count: 1, line, column });
    }
    const twin = byName.get(one.name);
    if (twin) {
      findings.warning(
        { line, column },
        twin.url === one.url
          ? `the package "${one.name}" is listed twice (first on line ${twin.line})`
          : `two files of the package "${one.name}" are listed (first on line ${twin.line}): expected one`,
      );
    } else byName.set(one.name, one);
  }
  for (const [subdir, { count, line, column }] of foreign) {
    findings.error(
      { line, column },
      `${count === 1 ? "a package is" : `${count} packages are`} for ${subdir}: expected ${platform} or noarch`,
      `Make the list on a ${platform} machine, or use an environment file, which is solved anew.`,
    );
  }
  if (packages.length === 0 && findings.list.length === 0) {
    findings.error({}, "the list names no package: expected the address of a package file on each line");
  }
  return { value: { packages }, diagnostics: findings.list };
}

function readLine(
  content: string,
  line: number,
  column: number,
  findings: FindingsOfFile,
): ExplicitPackage | undefined {
  const sharp = content.indexOf("#");
  const url = (sharp === -1 ? content : content.slice(0, sharp)).trim();
  const fileName = url.split(/[/\\]/).at(-1) ?? "";
  if (content.startsWith("@")) {
    findings.error({ line, column }, `unknown marker ${shown(content)}: expected @EXPLICIT`);
    return undefined;
  }
  if (!/\.(?:conda|tar\.bz2)$/.test(fileName)) {
    findings.error(
      { line, column },
      `expected the address of a .conda or .tar.bz2 package file, found ${shown(content)}`,
      "In a list with @EXPLICIT every line is an address; package names belong into a list without it.",
    );
    return undefined;
  }
  const fields = fieldsOfFileName(fileName);
  if (!fields) {
    findings.error(
      { line, column },
      `expected a file name \`name-version-build.conda\`, found ${shown(fileName)}`,
    );
    return undefined;
  }
  if (/\s/.test(url)) {
    findings.error({ line, column }, `expected one address on a line, found ${shown(content)}`);
    return undefined;
  }
  const subdir = url.split(/[/\\]/).at(-2) ?? "";
  if (!CONDA_SUBDIRS.has(subdir)) {
    findings.error(
      { line, column },
      `expected a platform such as linux-64 or noarch before the file name, found ${shown(subdir)}`,
    );
    return undefined;
  }
  const one: ExplicitPackage = { url, ...fields, subdir, line };
  if (sharp === -1) return one;
  const hash = HASH.exec(content.slice(sharp + 1).trim());
  if (!hash) {
    findings.error(
      { line, column: column + sharp + 1 },
      "expected an MD5 (32 hexadecimal digits) or SHA-256 (64, in lower case) after #, as in " +
        `#sha256:…, found ${shown(content.slice(sharp + 1))}`,
    );
    return one;
  }
  one.hash = hash[1] ? { algorithm: "md5", value: hash[1] } : { algorithm: "sha256", value: hash[2] ?? "" };
  return one;
}
