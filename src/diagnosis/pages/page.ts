// What `framegate explain` finds: the pages of docs/diagnoses, one for each code, and the sections of docs/errors-of-others.md, as
// they are installed beside the program.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { diagnosisCodes } from '../codes.ts';

/** A text that explains something, and quotes how it looks. */
export interface QuotingText {
  readonly title: string;
  /** All of it, in Markdown. */
  readonly text: string;
}

export interface DiagnosisPage extends QuotingText {
  /** Such as `FG1001`. */
  readonly code: string;
  /** Such as `plaintext_on_tls_port`. */
  readonly token: string;
}

/** The pages beside those of the diagnoses, by what they explain. The single executable contains them. */
export const EXPLAINING_PAGES = {
  errorsOfOthers: 'docs/errors-of-others.md',
  messages: 'docs/operating.md',
  reasons: 'docs/access-log.md',
  alerts: 'docs/alerts.md',
} as const;

/** @throws if the pages are not installed beside the program */
export function readPages(): readonly DiagnosisPage[] {
  return Array.from(diagnosisCodes, ([token, code]) => {
    const text = readInstalled(`docs/diagnoses/${code}.md`);
    return { code, token, title: titleOf(text), text };
  });
}

/**
 * @param code such as `FG2001`
 * @returns what to do about it: Markdown without links
 * @throws if there is no such page, or the pages are not installed beside the program
 */
export function readRemedy(code: string): string {
  const section = readInstalled(`docs/diagnoses/${code}.md`).split(/^## Remedy$/m)[1] ?? '';
  const text = section.split(/^## /m)[0].trim();
  const unlinked = text.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1');
  // A paragraph becomes one line. Lists, tables and blocks of code keep theirs.
  return unlinked.includes('```')
    ? unlinked
    : unlinked.replace(/(?<=[^\n|])\n(?! *(?:\n|\||- |\d+\. )) */g, ' ');
}

/**
 * The sections about errors of libraries and services.
 * @throws if they are not installed beside the program
 */
export function readSections(): readonly QuotingText[] {
  const [, ...sections] = readPage('errorsOfOthers').split(/^## /m);
  return sections.map((section) => ({ title: /^.*/.exec(section)?.[0] ?? '', text: `# ${section}` }));
}

/**
 * @returns the page; its links begin at the folder of the diagnoses, as those of all that is shown
 * @throws if it is not installed beside the program
 */
export function readPage(name: keyof typeof EXPLAINING_PAGES): string {
  const path = EXPLAINING_PAGES[name];
  // A part of the page is shown by itself, so a link to another part names the page.
  const withPage = readInstalled(path).replaceAll('](#', `](${basename(path)}#`);
  return withPage.replaceAll(/\]\((?![a-z]+:)(?:(diagnoses\/)|)/g, (_, folder?: string) =>
    folder === undefined ? '](../' : '](',
  );
}

/** @returns the section of a page with this heading, from the heading's own words on; '' if there is none */
export function sectionOf(page: string, title: string): string {
  return page.split(/^## /m).find((section) => section.startsWith(`${title}\n`)) ?? '';
}

/** The docs are two folders above src/diagnosis and dist/diagnosis alike; the single executable holds them in itself. */
function readInstalled(path: string): string {
  return isSea() ? getAsset(path, 'utf8') : readFileSync(join(import.meta.dirname, '../../..', path), 'utf8');
}

/** @returns the title without the code and the colon in front of it */
function titleOf(text: string): string {
  return /^# \w+: (.*)/.exec(text)?.[1] ?? '';
}
