import type { FindingsOfFile } from "./diagnostic.ts";

interface Listed {
  text: string;
  name: string;
  line: number;
  column: number;
}

/**
 * Tells of a conda package listed twice: conda takes all constraints at once. A second mention without any
 * constraint has no effect, which is worth a note; the same line twice is not worth a word.
 */
export class DuplicateSpecs {
  private readonly byName = new Map<string, Listed>();

  check(spec: Listed, findings: FindingsOfFile): void {
    const twin = this.byName.get(spec.name);
    if (twin === undefined) {
      this.byName.set(spec.name, spec);
    } else if (twin.text !== spec.text && spec.name !== "*") {
      const bothLimit = twin.text.toLowerCase() !== spec.name && spec.text.toLowerCase() !== spec.name;
      findings.add(
        bothLimit ? "warning" : "note",
        { line: spec.line, column: spec.column },
        `the package "${spec.name}" is listed twice (first on line ${twin.line}): both constraints must hold`,
        "Keep one of the lines.",
      );
    }
  }
}
