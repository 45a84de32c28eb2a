// "Did you mean": the known word that is nearest to a misspelt one, if any is near enough.

import { editDistance } from './edit-distance.ts';

// Beyond this no suggestion is sensible, and the table of distances would grow with the user's text.
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

/** `strip_prefix` and `StripPrefix` are `stripPrefix` in another fashion, not another word. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '');
}
