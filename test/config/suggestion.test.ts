import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { editDistance, suggest } from '../../src/config/suggestion.ts';

const known = ['name', 'match', 'stripPrefix', 'upstream'];

test('the nearest word is suggested', () => {
  assert.equal(suggest('uptream', known), 'upstream');
  assert.equal(suggest('mathc', known), 'match');
});

test('another way of writing the same words is no distance', () => {
  assert.equal(suggest('strip-prefix', known), 'stripPrefix');
  assert.equal(suggest('STRIP_PREFIX', known), 'stripPrefix');
});

test('nothing is suggested for a word that is like none', () => {
  assert.equal(suggest('timeouts', known), undefined);
  assert.equal(suggest('', known), undefined);
  assert.equal(suggest('x'.repeat(10_000), known), undefined);
});

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
