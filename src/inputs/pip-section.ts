import { isMap, isScalar, isSeq } from "yaml";
import type { FindingsOfFile, Place } from "./diagnostic.ts";
import type { ReadContext } from "./read-context.ts";
import { type Requirements, readRequirementLines } from "./requirements.ts";
import { shown } from "./shown-text.ts";
import { linesOf, type SourceLine } from "./text.ts";
import { kindOf, type YamlFile, type YamlNode } from "./yaml-document.ts";

/** The `pip:` list of an environment file. */
export interface PipSection {
  /** Where `pip:` stands. */
  line: number;
  /** Its entries as written; engines hand them to pip as the lines of a requirements file. */
  lines: { text: string; line: number }[];
  /** What pip makes of them, with every file that they name. */
  requirements: Requirements;
}

/**
 * Reads the `pip:` lists of an environment file. Each entry is a line of a requirements file (conda and micromamba
 * write them to one and start pip beside the environment file: conda, `conda/env/installers/pip.py`; libmamba,
 * `install.cpp`).
 */
export function readPipLists(
  yaml: YamlFile,
  lists: readonly { node: YamlNode; place: Place }[],
  findings: FindingsOfFile,
  context: ReadContext,
): PipSection {
  const lines: SourceLine[] = [];
  for (const { node, place } of lists) {
    if (isSeq(node)) {
      for (const item of node.items) {
        const at = { ...place, ...yaml.placeOf(item) };
        if (at.line >= yaml.brokenFrom) break;
        lines.push(...entryLines(yaml, yaml.resolved(item), at, findings));
      }
    } else if (isScalar(node) && node.value === null) {
      findings.warning(
        place,
        "`pip:` is empty: expected a list of pip requirements (conda takes it for none, micromamba fails)",
        "Remove the line, or put `- package` lines below it.",
      );
    } else {
      findings.error(place, `\`pip:\` is ${kindOf(node)}: expected a list of pip requirements`);
    }
  }
  const { value, diagnostics } = readRequirementLines(findings.file, lines, context);
  findings.list.push(...diagnostics);
  return {
    line: lists[0]?.place.line ?? 1,
    lines: lines.map(({ text, line }) => ({ text, line })),
    requirements: value,
  };
}

function entryLines(yaml: YamlFile, entry: YamlNode, at: Place, findings: FindingsOfFile): SourceLine[] {
  if (isScalar(entry) && typeof entry.value === "string") {
    return linesOfEntry(yaml, entry.value, entry.type, at);
  }
  if (isScalar(entry) && entry.value === null) {
    findings.error(at, "this list entry is empty: expected a pip requirement", "Remove the line.");
  } else if (isScalar(entry)) {
    findings.error(at, `expected a pip requirement, found ${kindOf(entry)} (${shown(yaml.written(entry))})`);
  } else if (isMap(entry)) {
    findings.error(
      at,
      "expected a pip requirement, found a mapping",
      "Write `name==version`, or put a text with `: ` in it in quotes.",
    );
  } else {
    findings.error(at, `expected a pip requirement, found ${kindOf(entry)} in the list`);
  }
  return [];
}

/** The lines of one entry; a block text (`|`) has several, the first below its indicator. */
function linesOfEntry(yaml: YamlFile, text: string, type: string | undefined, at: Place): SourceLine[] {
  if (type === "BLOCK_LITERAL" || type === "BLOCK_FOLDED") {
    return linesOf(text).map((one) => {
      const line = at.line + one.line;
      return { text: one.text, line, column: yaml.indentationOf(line) };
    });
  }
  const column = at.column + (type === "QUOTE_DOUBLE" || type === "QUOTE_SINGLE" ? 1 : 0);
  return linesOf(text).map((one) => ({ text: one.text, line: at.line, column }));
}
