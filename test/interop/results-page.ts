// The results of a whole run as a table in docs/interop.md, between two comments: `npm run interop -- --write`.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SuiteResult } from './result-table.ts';

const begins = '<!-- interop-results: npm run interop -- --write -->';
const ends = '<!-- /interop-results -->';

/** Throws when the page lacks the comments. */
export function writeResults(results: readonly SuiteResult[]): void {
  const file = join(import.meta.dirname, '../../docs/interop.md');
  writeFileSync(file, withResults(readFileSync(file, 'utf8'), results));
}

export function withResults(page: string, results: readonly SuiteResult[]): string {
  const from = page.indexOf(begins);
  const to = page.indexOf(ends);
  if (from === -1 || to < from) throw new Error(`the page lacks ${begins} and ${ends}`);
  return `${page.slice(0, from + begins.length)}\n${resultLines(results).join('\n')}\n${page.slice(to)}`;
}

function resultLines(results: readonly SuiteResult[]): string[] {
  const rows = results.map(({ suite, passed, failed, skipped, remarks = [] }) =>
    [suite, passed, failed, [...skipped, ...remarks].join('; ').replaceAll('|', '\\|')].join(' | '),
  );
  return ['| suite | passed | failed | remarks |', '|---|---|---|---|', ...rows.map((row) => `| ${row} |`)];
}
