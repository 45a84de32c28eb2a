import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suggest } from '../../src/config/suggestion.ts';

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
