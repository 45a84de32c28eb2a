// Makes a grpc-message of a peer harmless for texts: logs, pages, sentences.

const MOST_CHARACTERS = 200;

/** Three characters stand for a byte at most, and four bytes for a character. */
const MOST_ENCODED = MOST_CHARACTERS * 12;

/**
 * @param encoded as the peer sent it
 * @returns its beginning, decoded, without line breaks, control characters and overrides of direction. '' if it says nothing
 */
export function shownMessage(encoded: string): string {
  const text = decoded(encoded.slice(0, MOST_ENCODED))
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '?')
    .trim();
  const characters = Array.from(text.slice(0, 2 * MOST_CHARACTERS + 2));
  return characters.length <= MOST_CHARACTERS ? text : `${characters.slice(0, MOST_CHARACTERS).join('')}…`;
}

/** Undoes the percent-encoding; a text in which it is not valid stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
