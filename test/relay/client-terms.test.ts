// How far the ages of connections lie apart.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageFactor } from '../../src/relay/client-terms.ts';

test('an age is 10 % more or less, so that connections made together do not end together', () => {
  const rounded = [0, 0.5, 1].map((random) => Math.round(ageFactor(() => random) * 1000) / 1000);
  assert.deepEqual(rounded, [0.9, 1, 1.1]);
  assert.ok(new Set(Array.from({ length: 20 }, () => ageFactor())).size > 1);
});
