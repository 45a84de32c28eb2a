// How the hashes of passwords begin that other servers take, such as those of htpasswd. Framegate takes scrypt alone, and says what it has
// found in place of it, without showing any of it.

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^\$scrypt\$/, 'scrypt with other parameters'],
  [/^\$apr1\$/, 'MD5 (apr1)'],
  [/^\$1\$/, 'MD5'],
  [/^\$2[abxy]?\$/, 'bcrypt'],
  [/^\$5\$/, 'SHA-256'],
  [/^\$6\$/, 'SHA-512'],
  [/^\$(?:y|gy|7)\$/, 'yescrypt'],
  [/^\{SSHA\}/, 'salted SHA-1'],
  [/^\{SHA\}/, 'SHA-1'],
  [/^\{PLAIN\}/, 'no hash'],
  [/^[./0-9A-Za-z]{13}$/, 'DES'],
];

/** @returns undefined for a text that begins like no hash */
export function kindOfHash(text: string): string | undefined {
  return KINDS.find(([begin]) => begin.test(text))?.[1];
}

/** What to do about hashes that are not by scrypt. */
export const HASH_AGAIN =
  'a hash cannot be turned into another one, so each of them needs the password once more: docs/access.md#passwords has the command that writes a line';
