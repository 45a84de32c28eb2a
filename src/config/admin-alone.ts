// Reads `admin` of a file that cannot be used as a whole. Commands that ask a running proxy are wanted most just after a bad edit, and need
// nothing else of the file.

import type { Config } from './config.ts';
import { mapOf } from './raw-value.ts';
import { resolveAdmin } from './resolve-config.ts';
import { validateAdmin } from './schema.ts';
import { readYaml } from './yaml-document.ts';

/** @returns undefined if it is not certain what the file says about it */
export function readAdminAlone(text: string, file: string): Pick<Config, 'admin'> | undefined {
  const whole = readYaml(text);
  const root = whole.faults.length > 0 ? rootOfBlock(text) : whole.value;
  if (typeof root !== 'object' || root === null || Array.isArray(root)) return undefined;
  const admin = validateAdmin(mapOf(root).get('admin'));
  return admin === undefined ? undefined : { admin: resolveAdmin(admin, file) };
}

/** Where the YAML has faults, the lines of the key `admin` are read without the others. A file without the word has the default. */
function rootOfBlock(text: string): unknown {
  const lines = text.split(/\r?\n/);
  const starts = lines.flatMap((line, index) => (/^admin:(?:\s|$)/.test(line) ? [index] : []));
  const [start] = starts;
  // Without such a line the key may be written in another way.
  if (start === undefined)
    return lines.some((line) => /\badmin\b/.test(withoutComment(line))) ? undefined : {};
  if (starts.length > 1) return undefined;
  const length = lines.slice(start + 1).findIndex((line) => /^[^\s#]/.test(line));
  const end = length === -1 ? lines.length : start + 1 + length;
  const { value, faults } = readYaml(lines.slice(start, end).join('\n'));
  return faults.length > 0 ? undefined : value;
}

function withoutComment(line: string): string {
  return line.replace(/(?:^|\s)#.*$/, '');
}
