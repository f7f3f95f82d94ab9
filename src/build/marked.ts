import { randomUUID } from "node:crypto";
import marked from "../templates/marked.sh";

/** A text that nothing else prints. */
export function newMark(): string {
  return `<kapseli ${randomUUID()}>`;
}

/**
 * The words that run a shell script with a mark before and after what it prints.
 *
 * @param words its `$0` and its arguments
 */
export function markedScript(
  mark: string,
  script: string,
  ...words: readonly string[]
): [string, ...string[]] {
  return ["/bin/sh", "-c", marked, mark, script, ...words];
}

/** What was printed between two marks; undefined when they are not there. */
export function betweenMarks(printed: string, mark: string): string | undefined {
  const parts = printed.split(mark);
  return parts.length === 3 ? parts[1] : undefined;
}
