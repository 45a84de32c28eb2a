// Lists of API keys and of passwords, one entry on each line. The files hold hashes and never the credentials themselves, and no message
// repeats a line, since somebody may have written a credential into it.

import type { KeySource } from './identity-config.ts';
import { HASH_AGAIN, kindOfHash } from './password-hashes.ts';
import type { Fault } from './problem.ts';
import { type PublicKey, parseKeySet } from './public-keys.ts';

/** More lines are no list that a person keeps, and a larger file is not read. */
const MOST_ENTRIES = 100_000;
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

/** Parses what was read from a source, by its format. */
export function parseKeys(source: KeySource, text: string): readonly PublicKey[] | Fault {
  if (source.kind === 'url' || source.format === undefined) return parseKeySet(text);
  return source.format === 'api-keys' ? parseApiKeys(text) : parsePasswords(text);
}

export function parseApiKeys(text: string): readonly PublicKey[] | Fault {
  return parseLines(text, SHA256);
}

export function parsePasswords(text: string): readonly PublicKey[] | Fault {
  return parseLines(text, SCRYPT);
}

function parseLines(text: string, { parse, hint, explain }: LineFormat): readonly PublicKey[] | Fault {
  const entries: PublicKey[] = [];
  const names = new Set<string>();
  for (const [index, whole] of text.split('\n').entries()) {
    const line = whole.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const written = line.slice(colon + 1);
    const parts = parse(written);
    const isName = name !== '' && name.length <= LONGEST_NAME && !/[\p{Cc}]/u.test(name);
    if (!isName || parts === undefined) {
      const why = isName ? explain?.(written) : undefined;
      if (why !== undefined) return { ...why, message: `${why.message} in line ${index + 1}` };
      return { message: `cannot be read in line ${index + 1}`, hint };
    }
    if (names.has(name)) return { message: `has the name of line ${index + 1} before already` };
    names.add(name);
    entries.push({ name, ...parts });
    if (entries.length > MOST_ENTRIES) return { message: `has more than ${MOST_ENTRIES} entries` };
  }
  return entries.length > 0 ? entries : { message: 'has no entry', hint };
}
