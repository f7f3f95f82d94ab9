import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { FindingsOfFile, Place } from "./diagnostic.ts";
import { begun } from "./shown-text.ts";

/**
 * Aliases may not expand to more nodes than this times their number: the limit of the yaml library against
 * "alias bombs" (https://eemeli.org/yaml/, `maxAliasCount`, default 100).
 */
const MOST_ALIASED = 100;
/** Following an alias takes the library a search of the document; no environment file has more. */
const MOST_ALIASES = 500;

/** A YAML node with aliases followed, as far as an environment file needs it. */
export type YamlNode = YAMLMap | YAMLSeq | Scalar | undefined;

/** A YAML file of which the positions are known. */
export class YamlFile {
  /** The first line with a syntax error; what stands from there on must not be judged. */
  readonly brokenFrom: number;
  readonly root: YamlNode;
  private readonly lines: readonly string[];
  private readonly document: Document;
  private readonly counter: LineCounter;

  /** Parses the text and reports its syntax errors, one for each line. It never throws. */
  constructor(text: string, findings: FindingsOfFile) {
    this.counter = new LineCounter();
    this.document = parseDocument(text, {
      lineCounter: this.counter,
      prettyErrors: false,
      keepSourceTokens: false,
      // The check of the library takes a time quadratic in the number of keys; `entries` does it instead.
      uniqueKeys: false,
    });
    this.lines = text.split(/\r?\n/);
    const reported = new Set<number>();
    for (const error of this.document.errors) {
      const place = this.at(error.pos[0]);
      if (reported.has(place.line) || reported.size >= 10) continue;
      const before = reported.has(place.line - 1) || reported.size === 0;
      reported.add(place.line);
      if (error.code === "TAB_AS_INDENT" || before) this.syntaxError(error, place, findings);
    }
    if (this.hasTooManyAliases(findings) || (reported.size === 0 && this.isAliasBomb(text, findings))) {
      // What they stand for is not looked at: everything else that could be said would be of what they repeat.
      this.brokenFrom = 1;
      this.root = undefined;
      return;
    }
    this.brokenFrom = reported.size === 0 ? Number.POSITIVE_INFINITY : Math.min(...reported);
    this.root = this.resolved(this.document.contents);
  }

  private at(offset: number): Place {
    const { line, col } = this.counter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  private syntaxError(error: YAMLError, place: Place, findings: FindingsOfFile): void {
    const line = this.lines[place.line - 1] ?? "";
    const previous = this.lines[place.line - 2] ?? "";
    const next = this.lines[place.line] ?? "";
    if (error.code === "RESOURCE_EXHAUSTION") {
      findings.error(
        place,
        "the YAML is nested too deeply: expected lists and mappings of at most a few levels",
      );
    } else if (error.code === "TAB_AS_INDENT" || /^ *\t/.test(line)) {
      const column = line.indexOf("\t") + 1;
      findings.error(
        { line: place.line, column: Math.max(column, 1) },
        "a TAB is used for indentation: YAML expects spaces",
        "Replace the TAB characters at the beginning of the line with spaces.",
      );
    } else if (error.code === "MULTIPLE_DOCS") {
      findings.error(place, 'expected one YAML document, found a second one after "---"');
    } else if (error.code === "MISSING_CHAR" && /quote/.test(error.message)) {
      findings.error(place, "a quoted text has no closing quote");
    } else if (/^Flow (?:sequence|map)\b.*\bend with a [\]}]/.test(error.message)) {
      const [open, close] = error.message.endsWith("]") ? ["[", "]"] : ["{", "}"];
      const indented = /indented/.test(error.message) ? ", in a line that is indented below its key" : "";
      findings.error(place, `a "${open}" before this is not closed: expected "${close}"${indented}`);
    } else if (/^\s*-?\s*[>|]/.test(line)) {
      findings.error(place, 'a text that begins with ">" or "|" must be quoted in YAML: expected "- \'…\'"');
    } else if (error.code === "BAD_SCALAR_START") {
      findings.error(place, "a text that begins with %, @ or ` must be quoted in YAML: expected \"- '…'\"");
    } else if (
      (error.code === "BAD_INDENT" ||
        error.code === "MISSING_CHAR" ||
        error.code === "MULTILINE_IMPLICIT_KEY") &&
      /^\s*[^\s:#-][^:#]*$/.test(line)
    ) {
      findings.error(
        place,
        `this line is neither a list entry nor a key: expected "- ${begun(line.trim(), 40)}" or "${begun(line.trim(), 40)}:"`,
      );
    } else if (error.code === "BLOCK_AS_IMPLICIT_KEY" && /^\s*-/.test(line) && /^\s*-/.test(previous)) {
      findings.error(
        { line: place.line, column: line.search(/\S/) + 1 },
        "the entries of a list must begin in the same column: the indentation differs from the line before",
      );
    } else if (
      /^Nested mappings/.test(error.message) &&
      /^\s+[\w-]+:/.test(next) &&
      line.split(": ").length < 3
    ) {
      findings.error(
        { line: place.line + 1, column: next.search(/\S/) + 1 },
        "this line is indented below one that has a value already: expected the same indentation for both keys",
      );
    } else if (/^Nested mappings/.test(error.message)) {
      findings.error(place, 'a text with ": " in it must be quoted in YAML: expected one key and one value');
    } else {
      findings.error(place, `this is not valid YAML: ${error.message.replace(/; please use .*$/, "")}`);
    }
  }

  private hasTooManyAliases(findings: FindingsOfFile): boolean {
    let count = 0;
    visit(this.document, {
      Alias: (_key, alias) => {
        if (++count <= MOST_ALIASES) return undefined;
        const message = `the YAML has too many aliases (*name): expected at most ${MOST_ALIASES}`;
        findings.error(this.placeOf(alias), message);
        return visit.BREAK;
      },
    });
    return count > MOST_ALIASES;
  }

  /** Where aliases begin to multiply: the first one within something that has an anchor itself, else the first. */
  private firstAlias(): Partial<Place> {
    let first: Node | undefined;
    visit(this.document, {
      Alias: (_key, alias, path) => {
        const within = path.some((one) => isNode(one) && "anchor" in one && one.anchor !== undefined);
        if (within || first === undefined) first = alias;
        return within ? visit.BREAK : undefined;
      },
    });
    return this.placeOf(first);
  }

  /** Reports aliases that cannot be followed. @returns whether they grow beyond all bounds. */
  private isAliasBomb(text: string, findings: FindingsOfFile): boolean {
    if (!/(?:^|[\s[{,])\*[^\s*]/.test(text)) return false;
    try {
      this.document.toJS({ maxAliasCount: MOST_ALIASED });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (/alias count/i.test(message)) {
        findings.error(
          this.firstAlias(),
          'the YAML aliases (*name) expand to far too many entries (an "alias bomb"): expected each list to be written out',
        );
        return true;
      } else if (/unresolved alias/i.test(message)) {
        const name = /alias.*?:\s*(\S+)/.exec(message)?.[1] ?? "";
        const offset = Math.max(text.indexOf(`*${name}`), 0);
        findings.error(
          this.at(offset),
          `the YAML alias "*${name}" has no anchor "&${name}": expected a text in quotes if no alias is meant`,
        );
      } else {
        findings.error({}, `this is not valid YAML: ${begun(message, 200)}`);
      }
    }
    return false;
  }

  /** The node itself, or what an alias stands for. */
  resolved(node: unknown): YamlNode {
    let current = node as Node | null | undefined;
    for (let steps = 0; isAlias(current) && steps < 10; steps++) current = current.resolve(this.document);
    if (isMap(current) || isSeq(current) || isScalar(current)) return current;
    return undefined;
  }

  /** Where a node begins; for a missing one, nowhere. */
  placeOf(node: unknown): Partial<Place> {
    const range = (node as { range?: [number, number, number] | null } | null | undefined)?.range;
    return range ? this.at(range[0]) : {};
  }

  /** Where the text of a line begins. */
  indentationOf(line: number): number {
    return Math.max((this.lines[line - 1] ?? "").search(/\S/), 0) + 1;
  }

  /** The last line of a node's text. */
  lastLineOf(node: unknown): number | undefined {
    const range = (node as { range?: [number, number, number] | null } | null | undefined)?.range;
    return range ? this.at(Math.max(range[1] - 1, range[0])).line : undefined;
  }

  /** The text of a scalar as it is written, without interpretation (`1.10` stays `1.10`). */
  written(node: Scalar): string {
    return node.source ?? String(node.value ?? "");
  }

  /**
   * The pairs of a mapping whose keys are texts. Reports keys that are given twice (what a reader makes of them
   * differs: conda refuses, others take the first or the last) and keys that are no text.
   */
  entries(map: YAMLMap, findings: FindingsOfFile): { key: string; place: Partial<Place>; value: YamlNode }[] {
    const seen = new Map<string, number | undefined>();
    const found: { key: string; place: Partial<Place>; value: YamlNode }[] = [];
    for (const pair of map.items as Pair<unknown, unknown>[]) {
      const place = this.placeOf(pair.key);
      if ((place.line ?? 0) >= this.brokenFrom) continue;
      const keyNode = this.resolved(pair.key);
      if (!isScalar(keyNode) || keyNode.value === null) {
        findings.error(place, "expected a word as the key of a mapping");
        continue;
      }
      const key = this.written(keyNode);
      if (seen.has(key)) {
        findings.error(
          place,
          `the key \`${begun(key, 60)}\` is given twice (first on line ${seen.get(key)})`,
        );
        continue;
      }
      seen.set(key, place.line);
      found.push({ key, place, value: this.resolved(pair.value) });
    }
    return found;
  }
}

/** What a node is, in a reader's words. */
export function kindOf(node: YamlNode): string {
  if (node === undefined) return "nothing";
  if (isMap(node)) return "a mapping";
  if (isSeq(node)) return "a list";
  if (node.value === null) return "nothing";
  if (typeof node.value === "string") return "a text";
  if (typeof node.value === "boolean") return "true or false";
  return typeof node.value === "number" || typeof node.value === "bigint" ? "a number" : "a value";
}
