// The version of Framegate, from package.json.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';

let known: string | undefined;

export function packageVersion(): string {
  known ??= read();
  return known;
}

/** package.json is two folders above this file in src/, in dist/ and in the installed package alike. */
function read(): string {
  const text = isSea()
    ? getAsset('package.json', 'utf8')
    : readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
  const contents: unknown = JSON.parse(text);
  const hasVersion = typeof contents === 'object' && contents !== null && 'version' in contents;
  return hasVersion ? String(contents.version) : 'unknown';
}
