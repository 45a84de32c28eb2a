// Finds the known word that is closest to a misspelt one, for "did you mean", if one is close enough.

import { editDistance } from './edit-distance.ts';

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
