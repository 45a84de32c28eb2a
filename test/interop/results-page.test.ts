// The table of results in docs/interop.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withResults } from './results-page.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/interop.md'), 'utf8');
const RESULT = { suite: 'a to b', passed: 3, failed: 1, skipped: ['no tool'], remarks: ['one | two'] };

function outside(text: string): string {
  return text.replace(/<!-- interop-results[\s\S]*interop-results -->/, '');
}

test('the table stands between its comments, and nothing else changes', () => {
  const written = withResults(PAGE, [RESULT]);
  assert.match(
    written,
    /--write -->\n\| suite \|.*\n\|---.*\n\| a to b \| 3 \| 1 \| no tool; one \\\| two \|\n<!-- \/interop/,
  );
  assert.equal(withResults(written, [RESULT]), written);
  assert.equal(outside(written), outside(PAGE));
});

test('a page without the comments is refused', () => {
  assert.throws(() => withResults('no table', [RESULT]), /the page lacks/);
});
