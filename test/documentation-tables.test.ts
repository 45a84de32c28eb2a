// No row is twice in a table of the documentation. When two changes of a row meet, both may be left, and one of them is not true any more.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectAt } from '../scripts/site/staged-site.ts';

const { files, read } = projectAt(join(import.meta.dirname, '..'));
/** Two rows for the same thing begin alike, and say different things behind that. */
const ALIKE_CHARACTERS = 45;

/** @returns the beginning of a row: its first cell with a text, and as much of the next one */
function beginOf(row: string): string {
  const [first = '', second = ''] = row
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim())
    .filter((cell) => cell !== '');
  return `${first} | ${second.slice(0, ALIKE_CHARACTERS)}`;
}

/** @returns the beginnings of rows that follow one of the same table that begins alike */
function repeatedIn(page: string): readonly string[] {
  let known = new Set<string>();
  let isCode = false;
  return page.split('\n').filter((line) => {
    if (line.startsWith('```')) isCode = !isCode;
    if (isCode || !line.startsWith('|')) {
      known = new Set();
      return false;
    }
    const begin = beginOf(line);
    const isRepeated = known.has(begin);
    known.add(begin);
    return isRepeated;
  });
}

test('rows that say different things of the same are found, and only within a table', () => {
  const table = [
    '| what | limit |',
    '|---|---|',
    '| sizes | a message that announces more than the limit: a |',
  ];
  const other = '| sizes | a message that announces more than the limit: b |';
  assert.deepEqual(repeatedIn([...table, other].join('\n')), [other]);
  assert.deepEqual(repeatedIn([...table, '', other].join('\n')), []);
  assert.deepEqual(repeatedIn([...table, '| sizes | a message of another kind |'].join('\n')), []);
  assert.deepEqual(repeatedIn(['```', ...table, other, '```'].join('\n')), []);
});

test('no two rows of a table of the documentation begin alike', () => {
  const pages = files.filter((file) => file.endsWith('.md') && !file.startsWith('test/golden/'));
  assert.ok(pages.length > 50, 'the pages were found');
  const repeated = pages.flatMap((file) =>
    repeatedIn(read(file)).map((row) => `${file}: ${row.slice(0, 200)}`),
  );
  assert.deepEqual(repeated, []);
});
