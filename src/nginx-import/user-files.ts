// Reads the files of auth_basic_user_file that are on this machine, so that the report can say which users have to be hashed again.

import { resolve } from 'node:path';
import { readBytes } from './bounded-file.ts';
import { allDirectives, type Directive } from './directive.ts';

/** A site has few of them. Of more the report says that they could not be read. */
const MOST_FILES = 100;

/**
 * @param folder where nginx takes relative names from
 * @returns the texts by the names in the directives, without those that cannot be read, or that a variable names
 */
export function readUserFiles(directives: readonly Directive[], folder: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const tried = new Set<string>();
  for (const { name, words } of allDirectives(directives)) {
    const [file = ''] = words;
    if (name !== 'auth_basic_user_file' || file === '' || file.includes('$') || tried.has(file)) continue;
    if (tried.size === MOST_FILES) break;
    tried.add(file);
    const bytes = readBytes(resolve(folder, file));
    if (typeof bytes !== 'string') texts.set(file, bytes.toString('utf8'));
  }
  return texts;
}
