// Makes a grpc-message of a service harmless for texts: logs, pages, sentences.

import { HARMFUL_CHARACTERS } from '../../config/visible-text.ts';

const MOST_CHARACTERS = 200;

/** Three characters stand for a byte at most, and four bytes for a character: what is cut off belongs to none of those that are shown. */
const MOST_ENCODED = (MOST_CHARACTERS + 1) * 12;

/**
 * @param encoded as the service sent it
 * @returns as much of it as `shownMessage` reads, without what it was a part of
 */
export function beginningOf(encoded: string): string {
  if (encoded.length <= MOST_ENCODED) return encoded;
  // A part of a string would keep the whole one in memory.
  return Buffer.from(encoded.slice(0, MOST_ENCODED), 'latin1').toString('latin1');
}

/**
 * @param encoded as the service sent it
 * @returns its beginning, decoded, without line breaks, control characters and overrides of direction. '' if it says nothing
 */
export function shownMessage(encoded: string): string {
  const text = decoded(encoded.slice(0, MOST_ENCODED)).replaceAll(HARMFUL_CHARACTERS, '?').trim();
  const characters = Array.from(text);
  return characters.length <= MOST_CHARACTERS ? text : `${characters.slice(0, MOST_CHARACTERS).join('')}…`;
}

/** Undoes the percent-encoding. What is no valid part of it stays, as the gRPC specification has it (Responses: Percent-Encoded). */
function decoded(text: string): string {
  const bytes = text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
