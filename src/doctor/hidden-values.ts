// Hides the values of header fields in the texts of peers, which may repeat what they were sent.

/** Shorter values, such as that of `x-version: 1`, are in many texts, and too short to be secret. */
const SHORTEST_HIDDEN = 6;
/** A value is recognised by so many of its first characters, since a peer may have cut off the rest. */
const KNOWN_BY = 16;
const HIDDEN = '(hidden)';

/**
 * Must be called before the text is cut or escaped: a value is not found if its beginning is missing or it is written otherwise.
 * @param headers the fields that the peer was sent
 * @returns the text without their values, which the peer may have repeated, as a whole or without the scheme before a token
 */
export function withoutSecrets(text: string, headers: ReadonlyMap<string, string>): string {
  const secrets = [...headers.values()]
    // The scheme says nothing, and a peer may repeat the token alone.
    .flatMap((value) => [value, /^\S+\s+(\S.*)$/.exec(value)?.[1] ?? ''])
    .filter((secret) => secret.length >= SHORTEST_HIDDEN)
    // One may be the beginning of another.
    .toSorted((one, other) => other.length - one.length);
  return secrets.reduce(hide, text);
}

function hide(text: string, secret: string): string {
  const beginning = secret.slice(0, KNOWN_BY);
  let shown = '';
  let at = 0;
  for (;;) {
    const found = text.indexOf(beginning, at);
    if (found === -1) return shown + text.slice(at);
    shown += text.slice(at, found) + HIDDEN;
    at = found + beginning.length;
    while (at < found + secret.length && text[at] === secret[at - found]) at++;
  }
}
