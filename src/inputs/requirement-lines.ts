import type { Place } from "./diagnostic.ts";
import type { SourceLine } from "./text.ts";

/** One line as pip sees it: continued lines joined, without comment. */
export interface LogicalLine {
  text: string;
  /** Where the character at an offset of `text` lies in the file. */
  placeOf(offset: number): Place;
}

/**
 * Joins lines that end in a backslash and strips comments, as pip does.
 * Source: pip, "Requirements File Format", and `join_lines`, `ignore_comments` in pip/_internal/req/req_file.py.
 */
export function logicalLines(lines: readonly SourceLine[]): LogicalLine[] {
  const result: LogicalLine[] = [];
  let pieces: SourceLine[] = [];
  const finish = () => {
    const logical = joined(pieces);
    if (logical) result.push(logical);
    pieces = [];
  };
  for (const line of lines) {
    const isComment = /^\s*#/.test(line.text.slice(0, 1000));
    if (line.text.endsWith("\\") && !isComment) {
      const lead = line.text.length - line.text.replace(/^\\+/, "").length;
      pieces.push({
        text: line.text.slice(lead, line.text.length - trailingBackslashes(line.text)),
        line: line.line,
        column: line.column + lead,
      });
      continue;
    }
    pieces.push(isComment ? { ...line, text: ` ${line.text}`, column: line.column - 1 } : line);
    finish();
  }
  if (pieces.length > 0) finish();
  return result;
}

function trailingBackslashes(text: string): number {
  let count = 0;
  while (count < text.length && text[text.length - 1 - count] === "\\") count++;
  return count;
}

function joined(pieces: readonly SourceLine[]): LogicalLine | undefined {
  const whole = pieces.map((piece) => piece.text).join("");
  const bare = withoutComment(whole);
  const text = bare.trim();
  if (text === "") return undefined;
  const lead = bare.length - bare.trimStart().length;
  const placeOf = (offset: number): Place => {
    let rest = Math.max(0, Math.min(offset, text.length)) + lead;
    for (const [index, piece] of pieces.entries()) {
      if (rest < piece.text.length || index === pieces.length - 1) {
        return { line: piece.line, column: piece.column + rest };
      }
      rest -= piece.text.length;
    }
    return { line: 1, column: 1 };
  };
  return { text, placeOf };
}

/** Without `#…` at the beginning or after a space. Source: pip's `COMMENT_RE`, `(^|\s+)#.*$`. */
function withoutComment(line: string): string {
  for (let index = line.indexOf("#"); index !== -1; index = line.indexOf("#", index + 1)) {
    if (index === 0 || /\s/.test(line[index - 1] ?? "")) return line.slice(0, index);
  }
  return line;
}

/** What became of the `${NAME}` in a line. */
export interface Expansion {
  text: string;
  /** Names without a value; pip leaves `${NAME}` as it is then. */
  unset: string[];
  /** Whether anything was replaced: `text` may hold secrets, and its offsets are not the file's. */
  changed: boolean;
}

/** Source: pip, "Using environment variables": only `${NAME}` of upper-case letters, digits and `_`. */
export function expandVariables(text: string, env: Readonly<Record<string, string | undefined>>): Expansion {
  const unset = new Set<string>();
  const expanded = text.replace(/\$\{([A-Z0-9_]+)\}/g, (whole, name: string) => {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value) return value;
    unset.add(name);
    return whole;
  });
  return { text: expanded, unset: [...unset], changed: expanded !== text };
}
