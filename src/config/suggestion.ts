// Finds the known word that is closest to a misspelt one, for "did you mean", if one is close enough.

// Longer words get no suggestion: it would be useless, and the time to compute the distance grows with the user's text.
const longestWord = 64;

export function suggest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > longestWord) return undefined;
  const plainWord = plain(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(plainWord.length / 3)) + 1;
  for (const candidate of known) {
    if (candidate.length > longestWord) continue;
    const distance = editDistance(plainWord, plain(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Makes `strip_prefix` and `StripPrefix` the same word as `stripPrefix`. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/**
 * The number of letters to insert, delete, replace or swap with a neighbour to turn one word into another (optimal string alignment
 * distance). Words are short here, so the simple quadratic algorithm is fast enough.
 */
export function editDistance(from: string, to: string): number {
  let beforePrevious: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      let best = Math.min(
        previous[column] + 1,
        current[column - 1] + 1,
        previous[column - 1] + (isSame ? 0 : 1),
      );
      const isSwapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwapped) best = Math.min(best, beforePrevious[column - 2] + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length];
}
