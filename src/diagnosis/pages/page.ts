// The pages of docs/diagnoses, one for each code, as they are installed beside the program.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { diagnosisCodes } from '../codes.ts';

export interface DiagnosisPage {
  /** Such as `FG1001`. */
  readonly code: string;
  /** Such as `plaintext_on_tls_port`. */
  readonly token: string;
  readonly title: string;
  /** All of the page, in Markdown. */
  readonly text: string;
}

/** @throws if the pages are not installed beside the program */
export function readPages(): readonly DiagnosisPage[] {
  return Array.from(diagnosisCodes, ([token, code]) => {
    const text = read(`docs/diagnoses/${code}.md`);
    return { code, token, title: titleOf(text), text };
  });
}

/**
 * @param code such as `FG2001`
 * @returns what to do about it: Markdown without links
 * @throws if there is no such page, or the pages are not installed beside the program
 */
export function readRemedy(code: string): string {
  const section = read(`docs/diagnoses/${code}.md`).split(/^## Remedy$/m)[1] ?? '';
  const text = section.split(/^## /m)[0].trim();
  const unlinked = text.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1');
  // A paragraph becomes one line. Lists, tables and blocks of code keep theirs.
  return unlinked.includes('```') ? unlinked : unlinked.replace(/(?<=[^\n|])\n(?!\n|\||- |\d+\. )/g, ' ');
}

/** The docs are two folders above src/diagnosis and dist/diagnosis alike; the single executable holds them in itself. */
function read(path: string): string {
  return isSea() ? getAsset(path, 'utf8') : readFileSync(join(import.meta.dirname, '../../..', path), 'utf8');
}

/** @returns the title without the code and the colon in front of it */
function titleOf(text: string): string {
  return /^# \w+: (.*)/.exec(text)?.[1] ?? '';
}
