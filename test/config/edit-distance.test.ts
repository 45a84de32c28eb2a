import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { editDistance } from '../../src/config/edit-distance.ts';

test('each letter added, removed, changed or swapped counts once', () => {
  assert.equal(editDistance('', ''), 0);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('path', 'path'), 0);
  assert.equal(editDistance('paths', 'path'), 1);
  assert.equal(editDistance('pat', 'path'), 1);
  assert.equal(editDistance('math', 'path'), 1);
  assert.equal(editDistance('paht', 'path'), 1);
  assert.equal(editDistance('kitten', 'sitting'), 3);
});

test('distance is symmetric, and 0 for equal words only', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.equal(editDistance(a, b) === 0, a === b);
      assert.ok(editDistance(a, b) <= Math.max(a.length, b.length));
    }),
  );
});
