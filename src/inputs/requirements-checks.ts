import { type Diagnostic, FindingsOfFile } from "./diagnostic.ts";
import type { IndexOptions, Requirement } from "./requirements.ts";
import { shown } from "./shown-text.ts";

/** Package names compare without regard to case and to `-`, `_` and `.`. Source: PEP 503. */
export function normalizedName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}

/**
 * Warns of a package pinned to two versions, for which pip finds no solution. Pins for different markers, extras
 * named a second time and equal lines are in order.
 */
export function checkDuplicates(requirements: readonly Requirement[]): Diagnostic[] {
  const pins = new Map<string, Requirement>();
  const diagnostics: Diagnostic[] = [];
  for (const one of requirements) {
    if (one.name === undefined || one.marker !== undefined || !/^==[^=*,]+$/.test(one.specifier)) continue;
    const name = normalizedName(one.name);
    const twin = pins.get(name);
    if (twin === undefined) pins.set(name, one);
    else if (twin.specifier !== one.specifier) {
      const findings = new FindingsOfFile(one.file);
      const where = twin.file === one.file ? `line ${twin.line}` : `${twin.file}, line ${twin.line}`;
      findings.warning(
        { line: one.line },
        `the package "${name}" is pinned twice, to ${shown(twin.specifier)} (${where}) and to ${shown(one.specifier)}: ` +
          "no version is both",
        "Keep one of the lines.",
      );
      diagnostics.push(...findings.list);
    }
  }
  return diagnostics;
}

/**
 * Warns of requirements without a hash beside others that have one: pip then demands hashes of all.
 * Source: pip, "Secure installs: Hash-checking mode".
 */
export function checkHashes(requirements: readonly Requirement[], options: IndexOptions): Diagnostic[] {
  const hashed = requirements.filter((one) => one.hashes.length > 0);
  if (hashed.length === 0 && !options.requireHashes) return [];
  const names = new Set(hashed.flatMap((one) => (one.name === undefined ? [] : normalizedName(one.name))));
  const bare = requirements.filter(
    (one) =>
      one.hashes.length === 0 &&
      !one.constraint &&
      !/[#&](?:sha256|sha384|sha512)=/.test(one.url ?? "") &&
      !(one.name !== undefined && names.has(normalizedName(one.name))),
  );
  const first = bare[0];
  if (!first) return [];
  const why = hashed[0] ? `line ${hashed[0].line} has one` : "--require-hashes is given";
  const findings = new FindingsOfFile(first.file);
  findings.warning(
    { line: first.line },
    `${bare.length === 1 ? "a requirement has" : `${bare.length} requirements have`} no --hash, and pip wants one for ` +
      `each because ${why}: ${bare
        .slice(0, 3)
        .map((one) => shown(one.text))
        .join(", ")}${bare.length > 3 ? ", …" : ""}`,
    "`pip-compile --generate-hashes` and `uv pip compile --generate-hashes` write hashes for all.",
  );
  return findings.list;
}
