/**
 * The known word that `word` was probably meant to be, or undefined: at most two edits away (one for short
 * words), or the same but for case, plural and separators.
 */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const plain = simplified(word);
  const same = known.find((candidate) => simplified(candidate) === plain);
  if (same !== undefined) return same;
  const allowed = word.length <= 4 ? 1 : 2;
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= allowed && (best === undefined || distance < best.distance))
      best = { candidate, distance };
  }
  return best?.candidate;
}

function simplified(word: string): string {
  return word.toLowerCase().replace(/[-_ ]/g, "").replace(/s$/, "");
}

/** Levenshtein's distance: insertions, deletions and replacements. Both words are short. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
