// The files of auth_basic_user_file: which of their users Framegate can ask for their passwords, and which of them have to be hashed again.
// No hash of them is ever shown.

import { parsePasswords } from '../config/credential-lists.ts';
import { isFault } from '../config/problem.ts';

export interface PasswordFile {
  /** The name of the file that Framegate is to read. */
  readonly file: string;
  /** What a person has to do before it can be used; undefined if it is as it should be. */
  readonly toDo: string | undefined;
}

/** How the hashes that nginx takes begin. */
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
const MOST_NAMED = 20;
const LONGEST_NAME = 64;

const HOW =
  'a hash cannot be turned into another one, so each of them needs the password once more: docs/access.md#passwords has the command that writes a line';

/**
 * @param path the file of nginx
 * @param text undefined if it could not be read
 */
export function passwordFileOf(path: string, text: string | undefined): PasswordFile {
  const file = `${path}.scrypt`;
  if (text === undefined)
    return {
      file,
      toDo: `its users have to be hashed again, into ${file}: Framegate takes scrypt alone; ${HOW}`,
    };
  if (!isFault(parsePasswords(text))) return { file: path, toDo: undefined };
  const users = usersIn(text);
  const unusable = users.filter(({ line }) => isFault(parsePasswords(line)));
  const usable = users.length - unusable.length;
  const named = unusable.slice(0, MOST_NAMED).map(({ name, kind }) => `${name} (${kind})`);
  if (unusable.length > MOST_NAMED) named.push(`and ${unusable.length - MOST_NAMED} more`);
  const copied = usable === 0 ? '' : `copy the lines with scrypt to ${file}, and `;
  return {
    file,
    toDo:
      unusable.length === 0
        ? `${file} has to list its users, with hashes by scrypt`
        : `${copied}hash these users again, into ${file}: ${named.join(', ')}. Framegate takes scrypt alone; ${HOW}`,
  };
}

interface User {
  readonly name: string;
  readonly kind: string;
  readonly line: string;
}

/** A line is `USER:HASH`, and may have a remark behind another colon. */
function usersIn(text: string): readonly User[] {
  return text.split('\n').flatMap((whole) => {
    const line = whole.trim();
    const [name = '', hash] = line.split(':');
    if (line === '' || line.startsWith('#') || hash === undefined) return [];
    const kind = KINDS.find(([begin]) => begin.test(hash))?.[1] ?? 'a kind that is not known';
    return { name: name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name, kind, line };
  });
}
