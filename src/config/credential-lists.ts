// Lists of API keys and of passwords, one entry on each line. The files hold hashes and never the credentials themselves, and no message
// repeats a line, since somebody may have written a credential into it.

import type { KeySource } from './identity-config.ts';
import { HASH_AGAIN, kindOfHash } from './password-hashes.ts';
import type { Fault } from './problem.ts';
import {
  LARGEST_KEY_SET_BYTES,
  type LeftOut,
  type PublicKey,
  parseKeySet,
  type ReadKeys,
} from './public-keys.ts';

/** More lines are no list that a person keeps. */
const MOST_ENTRIES = 20_000;
/** A larger file is not read. So many entries fit in, with names and hashes of the longest kind. */
const LARGEST_LIST_BYTES = 8_388_608;
/** So many lines that cannot be read are named. */
const MOST_NAMED = 5;
const LONGEST_NAME = 200;

interface LineFormat {
  /** @returns the parts of a hash by name, or undefined for a text that is none */
  readonly parse: (text: string) => Readonly<Record<string, string>> | undefined;
  readonly hint: string;
  /** What is wrong with a text that is none, if its form says so. It must not repeat the text. */
  readonly explain?: (text: string) => Fault | undefined;
}

const SHA256: LineFormat = {
  parse: (text) => (/^[0-9a-f]{64}$/i.test(text) ? { hash: text.toLowerCase() } : undefined),
  hint: 'a line is NAME:HASH, with the SHA-256 of the key in hexadecimal',
};

/** The string format of the Password Hashing Competition, as passlib writes it. */
const SCRYPT_TEXT =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;
/** From 16 MiB of memory, which OWASP asks for at least, to 64 MiB. */
const LEAST_COST_LOG = 14;
const MOST_COST_LOG = 16;

const SCRYPT: LineFormat = {
  parse: (text) => {
    const [, costLog, blockSize, parallel, salt, hash] = SCRYPT_TEXT.exec(text) ?? [];
    const cost = Number(costLog);
    if (!(cost >= LEAST_COST_LOG && cost <= MOST_COST_LOG) || blockSize !== '8') return undefined;
    return Number(parallel) >= 1 && Number(parallel) <= 4 ? { costLog, parallel, salt, hash } : undefined;
  },
  hint: 'a line is USER:$scrypt$ln=15,r=8,p=1$SALT$HASH, with ln from 14 to 16',
  explain: (text) => {
    const kind = kindOfHash(text);
    return kind === undefined
      ? undefined
      : { message: `has a hash that is not supported (${kind})`, hint: HASH_AGAIN };
  },
};

/** The size of the largest text that is read from a source. */
export function largestBytesOf(source: KeySource): number {
  return isKeySet(source) ? LARGEST_KEY_SET_BYTES : LARGEST_LIST_BYTES;
}

function isKeySet(source: KeySource): boolean {
  return source.kind === 'url' || source.format === undefined;
}

/** Parses what was read from a source, by its format. A fault says that the text is something else. */
export function parseKeys(source: KeySource, text: string): ReadKeys | Fault {
  if (source.kind === 'url' || source.format === undefined) return parseKeySet(text);
  return source.format === 'api-keys' ? parseApiKeys(text) : parsePasswords(text);
}

export function parseApiKeys(text: string): ReadKeys | Fault {
  return parseLines(text, SHA256);
}

export function parsePasswords(text: string): ReadKeys | Fault {
  return parseLines(text, SCRYPT);
}

/** Whether each line of a list can be used, and there is one. */
export function isWholeList(read: ReadKeys | Fault): boolean {
  return 'keys' in read && read.keys.length > 0 && read.leftOut.length === 0;
}

/**
 * Reads the good lines of a list, and names the others. A list says who is known: somebody whose line is gone or spoilt must not stay
 * known because of another line that cannot be read.
 */
function parseLines(text: string, { parse, hint, explain }: LineFormat): ReadKeys | Fault {
  const entries: PublicKey[] = [];
  const leftOut: LeftOut[] = [];
  let moreLeftOut = 0;
  const names = new Set<string>();
  for (const [index, whole] of text.split('\n').entries()) {
    const line = whole.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const written = line.slice(colon + 1);
    const hasName = isName(name);
    const parts = hasName ? parse(written) : undefined;
    if (parts !== undefined && !names.has(name)) {
      names.add(name);
      entries.push({ name, ...parts });
      if (entries.length > MOST_ENTRIES) return { message: `has more than ${MOST_ENTRIES} entries` };
    } else if (leftOut.length >= MOST_NAMED) moreLeftOut++;
    else {
      const why = hasName ? explain?.(written) : undefined;
      const unreadable = why ?? { message: 'cannot be read', hint };
      const fault =
        parts === undefined ? unreadable : { message: 'has a name that a line before has already' };
      leftOut.push({ line: index + 1, ...fault });
    }
  }
  if (moreLeftOut > 0) leftOut.push({ message: `has ${moreLeftOut} more lines that cannot be used` });
  return { keys: entries, leftOut };
}

function isName(text: string): boolean {
  return text !== '' && text.length <= LONGEST_NAME && !/[\p{Cc}]/u.test(text);
}
