import { FindingsOfFile, type Reading } from "./diagnostic.ts";
import { DuplicateSpecs } from "./duplicate-specs.ts";
import { type MatchSpec, parseMatchSpec } from "./match-spec.ts";
import { shown } from "./shown-text.ts";
import { linesOf } from "./text.ts";

/** A match spec at its place in a file. */
export interface CondaDependency extends MatchSpec {
  line: number;
  column: number;
}

/** Conda specs, one on a line, as `conda create --file` takes them and `conda list --export` writes them. */
export interface SpecList {
  dependencies: CondaDependency[];
}

/**
 * Reads a list of conda specs. Comments begin with `#`.
 * Source: conda, "Managing environments" (`conda create --file`) and `conda/misc.py`.
 *
 * @param platform the conda subdir that the environment is for, such as `linux-64`
 */
export function readSpecList(file: string, text: string, platform: string): Reading<SpecList> {
  const findings = new FindingsOfFile(file);
  const dependencies: CondaDependency[] = [];
  const duplicates = new DuplicateSpecs();
  const fromPip: CondaDependency[] = [];
  for (const { text: raw, line } of linesOf(text)) {
    const made = /^#\s*platform:\s*(\S+)/.exec(raw)?.[1];
    if (made !== undefined && made !== platform) {
      findings.warning(
        { line, column: 1 },
        `the list was made for ${shown(made)}: its builds may not exist for ${platform}`,
        "Leave the build strings (the part after the second `=`) out, or make the list on this platform.",
      );
    }
    const content = withoutComment(raw).trim();
    if (content === "") continue;
    const column = raw.indexOf(content) + 1;
    const { spec, faults } = parseMatchSpec(content, platform);
    for (const { severity, offset, message, hint } of faults) {
      findings.add(severity, { line, column: column + offset }, message, hint);
    }
    if (!spec) continue;
    const dependency = { ...spec, line, column };
    dependencies.push(dependency);
    duplicates.check(dependency, findings);
    // `conda list --export` writes the build "pypi_0" for what pip installed.
    if (spec.build?.startsWith("pypi_")) fromPip.push(dependency);
  }
  const first = fromPip[0];
  if (first) {
    const names = fromPip.slice(0, 5).map((one) => one.name);
    findings.warning(
      { line: first.line, column: first.column },
      `${fromPip.length === 1 ? "a package was" : `${fromPip.length} packages were`} installed by pip (build pypi_0), ` +
        `which conda cannot find: ` +
        `${names.join(", ")}${fromPip.length > 5 ? ", …" : ""}`,
      "Use `conda env export` for an environment with pip packages.",
    );
  }
  if (dependencies.length === 0 && findings.list.length === 0) {
    findings.error({}, "the list names no package: expected one conda package on each line");
  }
  return { value: { dependencies }, diagnostics: findings.list };
}

/** Without a `#` comment; a `#` inside a word (the hash of an address) begins none. */
function withoutComment(line: string): string {
  for (let index = line.indexOf("#"); index !== -1; index = line.indexOf("#", index + 1)) {
    if (index === 0 || /\s/.test(line[index - 1] ?? "")) return line.slice(0, index);
  }
  return line;
}
