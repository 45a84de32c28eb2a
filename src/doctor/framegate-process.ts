// Recognises a Framegate process by its command line, and which configuration it runs with: its admin server may be off, and an admin server
// that answers may belong to another configuration.

import { readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { PortHolder } from './port-holder.ts';

/** The program is among the first words: node, its flags, then the file. */
const MOST_WORDS_BEFORE = 8;
const DEFAULT_FILE = 'config.yaml';

/** @returns the file of the configuration of a Framegate, as its command line names it, or undefined if it is another program */
export function framegateFileOf({ words, folder }: Pick<PortHolder, 'words' | 'folder'>): string | undefined {
  if (!['node', 'framegate'].includes(basename(words[0] ?? ''))) return undefined;
  const at = words.slice(0, MOST_WORDS_BEFORE).findIndex((word) => isProgram(word, folder));
  return at === -1 ? undefined : configOption(words.slice(at + 1));
}

function isProgram(word: string, folder: string): boolean {
  const name = basename(word);
  if (name === 'framegate') return true;
  if (name !== 'main.js' && name !== 'main.ts') return false;
  try {
    const root = dirname(dirname(realpathSync(resolve(folder, word))));
    const parsed: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === 'framegate';
  } catch {
    return false;
  }
}

function configOption(words: readonly string[]): string {
  for (const [index, word] of words.entries()) {
    if (word === '-c' || word === '--config') return words[index + 1] ?? DEFAULT_FILE;
    const joined = /^(?:--config=|-c)(.+)$/.exec(word);
    if (joined !== null) return joined[1];
  }
  return words.find((word) => word !== 'serve' && !word.startsWith('-')) ?? DEFAULT_FILE;
}
