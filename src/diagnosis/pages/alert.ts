// Finds what docs/alerts.md says of the alerts that a text names.

import { type QuotingText, readPage } from './page.ts';

/** The names of alerts are whole words, such as `FramegateCallsFail`. */
const NAME = /\bFramegate[A-Z]\w+\b/g;

/**
 * @returns the sections of the alerts that the text names
 * @throws if the documentation is not installed beside the program
 */
export function explainAlerts(text: string): readonly QuotingText[] {
  const names = new Set(text.match(NAME));
  if (names.size === 0) return [];
  const [, ...sections] = readPage('alerts').split(/^## /m);
  return sections
    .map((section) => ({ title: /^.*/.exec(section)?.[0] ?? '', text: `# ${section}` }))
    .filter(({ title }) => names.has(title));
}
