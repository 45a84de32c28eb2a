// Hides secret values in texts of peers, which may repeat what they were sent: as a whole, a part of it, as much as fits, in other letters,
// or encoded. What a peer makes of a value by a secret rule of its own is not recognised.

import { visibleText } from '../config/visible-text.ts';

/** Shorter values, such as that of `x-version: 1`, are in many texts, and too short to be secret. */
const SHORTEST_HIDDEN = 6;
/** A value is recognised by so many of its first characters, since a peer may have cut off the rest. */
const KNOWN_BY = 16;
const HIDDEN = '(hidden)';
/** What is put where a text is cut. Before it any beginning of a value is hidden. */
const CUT = '…';

/** Words before the credentials that are no secret, and that answers name for good reason (RFC 9110 section 11.1). */
const SCHEME =
  /^(?:basic|bearer|digest|negotiate|ntlm|hoba|mutual|dpop|hawk|vapid|gnap|concealed|privatetoken|scram-sha-\d+|oauth|token|apikey)\s+/i;
/** A part of a value; with the equals sign if it is followed by what it names. */
const PART = /([^;,=\s"']+)(=(?=[^=\s;,]))?/g;
/** The name of a parameter, such as `session` of `session=…`. */
const PARAMETER_NAME = /^[a-z][a-z_-]{0,19}$/i;

/** Each character of a value in the ways in which it may be written, in lower case. */
type Secret = readonly (readonly string[])[];

export class HiddenValues {
  /** The longest first, since one may be the beginning of another. */
  readonly #secrets: readonly Secret[];

  constructor(values: Iterable<string>) {
    const all = new Set([...values].flatMap(spellingsOf).flatMap(partsOf));
    this.#secrets = [...all]
      .filter((value) => value.length >= SHORTEST_HIDDEN)
      .toSorted((one, other) => other.length - one.length)
      .map((value) => Array.from(lowerCase(value), formsOf));
  }

  /** May be called again for a text that was cut by … or escaped, and finds in it what was not looked for before. */
  hide(text: string): string {
    if (this.#secrets.length === 0) return text;
    const read = lowerCase(text);
    let shown = '';
    let copied = 0;
    for (let at = 0; at < read.length; ) {
      const end = this.#endOfSecret(read, at);
      if (end === undefined) at++;
      else {
        shown += text.slice(copied, at) + HIDDEN;
        copied = at = end;
      }
    }
    return shown + text.slice(copied);
  }

  #endOfSecret(text: string, at: number): number | undefined {
    let furthest: number | undefined;
    for (const secret of this.#secrets) {
      const end = endOf(secret, text, at);
      if (end !== undefined && end > (furthest ?? at)) furthest = end;
    }
    return furthest;
  }
}

function endOf(secret: Secret, text: string, start: number): number | undefined {
  let at = start;
  let found = 0;
  for (const forms of secret) {
    const form = forms.find((one) => text.startsWith(one, at));
    if (form === undefined) break;
    at += form.length;
    found++;
  }
  const isKnown = found >= Math.min(KNOWN_BY, secret.length);
  return isKnown || (found >= SHORTEST_HIDDEN && text.startsWith(CUT, at)) ? at : undefined;
}

/** A field is sent as Latin-1. A peer may take it for UTF-8, or write it as UTF-8 that is read as Latin-1. */
function spellingsOf(value: string): readonly string[] {
  return [
    value,
    Buffer.from(value, 'latin1').toString('utf8'),
    Buffer.from(value, 'utf8').toString('latin1'),
  ];
}

function partsOf(value: string): readonly string[] {
  const parts = Array.from(value.matchAll(PART), ([, part, equals]) => {
    const isWord = equals !== undefined && PARAMETER_NAME.test(part);
    return isWord ? '' : part;
  });
  const scheme = SCHEME.exec(value)?.[0];
  if (scheme === undefined) return [value, ...parts];
  return [value, value.slice(scheme.length), ...parts.slice(1)];
}

function formsOf(character: string): readonly string[] {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  const forms = [
    character,
    percentEncoded(Buffer.from(character)),
    `\\u${hex.padStart(4, '0')}`,
    JSON.stringify(character).slice(1, -1),
    visibleText(character),
    ...(code < 256 ? [percentEncoded(Buffer.from([code]))] : []),
    ...(character === ' ' ? ['+'] : []),
  ];
  return [...new Set(forms.map(lowerCase))];
}

function percentEncoded(bytes: Buffer): string {
  return Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

/** Changes no length, as other letters do. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
