import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeenFields } from '../../../src/h2/hpack/seen-fields.ts';

test('a field is new once', () => {
  const seen = new SeenFields();
  assert.equal(seen.see('te', 'trailers'), false);
  assert.equal(seen.see('te', 'trailers'), true);
  assert.equal(seen.see('te', 'trailers'), true);
});

test('name and value are told apart', () => {
  const seen = new SeenFields();
  seen.see('ab', 'c');
  assert.equal(seen.see('a', 'bc'), false);
  assert.equal(seen.see('c', 'ab'), false);
});

test('twenty fields in turn are all remembered', () => {
  const seen = new SeenFields();
  const fields = Array.from({ length: 20 }, (_, number) => `value-${number}`);
  for (const value of fields) seen.see('name', value);
  assert.deepEqual(
    fields.filter((value) => !seen.see('name', value)),
    [],
  );
});

test('a field that keeps coming is not pushed out by single ones', () => {
  const seen = new SeenFields();
  seen.see('te', 'trailers');
  for (let number = 0; number < 5_000; number++) {
    seen.see('x-unique', String(number));
    if (number % 20 === 0) assert.equal(seen.see('te', 'trailers'), true, `after ${number}`);
  }
});
