// What the log says of a client whose identity is known.

import { HARMFUL_CHARACTERS } from '../config/visible-text.ts';

const LONGEST_TEXT = 128;

/** @returns the name of the identity and of the client within it, bounded, without characters that are invisible or change how a line reads */
export function callerText(identity: string, subject: string): string {
  const text = (subject === '' ? identity : `${identity}:${subject}`).replace(HARMFUL_CHARACTERS, '?');
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1).toWellFormed()}…` : text;
}
