// The files of auth_basic_user_file: which of their users Framegate can ask for their passwords, and which of them have to be hashed again.
// No hash of them is ever shown.

import { isWholeList, parsePasswords } from '../config/credential-lists.ts';
import { HASH_AGAIN, kindOfHash } from '../config/password-hashes.ts';

export interface PasswordFile {
  /** The name of the file that Framegate is to read. */
  readonly file: string;
  /** What a person has to do before it can be used; undefined if it is as it should be. */
  readonly toDo: string | undefined;
}

const MOST_NAMED = 20;
const LONGEST_NAME = 64;

/**
 * @param path the file of nginx
 * @param text undefined if it could not be read
 */
export function passwordFileOf(path: string, text: string | undefined): PasswordFile {
  const file = `${path}.scrypt`;
  if (text === undefined)
    return {
      file,
      toDo: `its users have to be hashed again, into ${file}: Framegate takes scrypt alone; ${HASH_AGAIN}`,
    };
  if (isWholeList(parsePasswords(text))) return { file: path, toDo: undefined };
  const users = usersIn(text);
  const unusable = users.filter(({ line }) => !isWholeList(parsePasswords(line)));
  const usable = users.length - unusable.length;
  const named = unusable.slice(0, MOST_NAMED).map(({ name, kind }) => `${name} (${kind})`);
  if (unusable.length > MOST_NAMED) named.push(`and ${unusable.length - MOST_NAMED} more`);
  const copied = usable === 0 ? '' : `copy the lines with scrypt to ${file}, and `;
  return {
    file,
    toDo:
      unusable.length === 0
        ? `${file} has to list its users, with hashes by scrypt`
        : `${copied}hash these users again, into ${file}: ${named.join(', ')}. Framegate takes scrypt alone; ${HASH_AGAIN}`,
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
    const kind = kindOfHash(hash) ?? 'a kind that is not known';
    return { name: name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name, kind, line };
  });
}
