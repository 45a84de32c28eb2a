// The results of a whole run as a table in the README, between two comments: `npm run interop -- --write-readme`.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SuiteResult } from './result-table.ts';

const begins = '<!-- interop-results: npm run interop -- --write-readme -->';
const ends = '<!-- /interop-results -->';

/** Throws when the README lacks the comments. */
export function writeResults(results: readonly SuiteResult[]): void {
  const file = join(import.meta.dirname, '../../README.md');
  writeFileSync(file, withResults(readFileSync(file, 'utf8'), results));
}

export function withResults(readme: string, results: readonly SuiteResult[]): string {
  const from = readme.indexOf(begins);
  const to = readme.indexOf(ends);
  if (from === -1 || to < from) throw new Error(`the README lacks ${begins} and ${ends}`);
  return `${readme.slice(0, from + begins.length)}\n${resultLines(results).join('\n')}\n${readme.slice(to)}`;
}

function resultLines(results: readonly SuiteResult[]): string[] {
  const rows = results.map(({ suite, passed, failed, skipped, remarks = [] }) =>
    [suite, passed, failed, [...skipped, ...remarks].join('; ').replaceAll('|', '\\|')].join(' | '),
  );
  return ['| suite | passed | failed | remarks |', '|---|---|---|---|', ...rows.map((row) => `| ${row} |`)];
}
