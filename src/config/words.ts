/**
 * The words of a text, split at blanks; single and double quotes keep blanks together and mean nothing else. Nothing is
 * expanded or evaluated.
 *
 * @returns undefined when a quote is not closed.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  const piece = /\s+|"([^"]*)"|'([^']*)'|[^\s"']+|(["'])/y;
  let word: string | undefined;
  for (let match = piece.exec(text); match !== null; match = piece.exec(text)) {
    const [all, double, single, unclosed] = match;
    if (unclosed !== undefined) return undefined;
    if (/^\s/.test(all)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + (double ?? single ?? all);
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** The words as one text that `splitWords` takes apart again; a word with both kinds of quotes is put together from pieces. */
export function joinWords(words: readonly string[]): string {
  return words
    .map((word) => {
      if (word !== "" && !/[\s"']/.test(word)) return word;
      return (word.match(/[^']+|'+/g) ?? [""])
        .map((piece) => (piece.startsWith("'") ? `"${piece}"` : `'${piece}'`))
        .join("");
    })
    .join(" ");
}
