// Times as nginx writes them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from '../../src/nginx-import/nginx-values.ts';

test('times have units, of which the last may be left out', () => {
  assert.deepEqual(
    ['60', '60s', '1h30m', '1h 30m', '1m 30', '500ms', '1d'].map(parseTime),
    [60_000, 60_000, 5_400_000, 5_400_000, 90_000, 500, 86_400_000],
  );
  assert.deepEqual(['', ' ', '1x', 'h', '1 2', '-1s', '1.5s'].map(parseTime), Array.from({ length: 7 }));
});

test('a long row of digits is rejected at once', () => {
  assert.equal(parseTime(`${'1'.repeat(200_000)}x`), undefined);
  assert.equal(parseTime(`${'1s'.repeat(100_000)}x`), undefined);
});
