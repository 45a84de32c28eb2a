// Ids for x-request-id: their form, that they differ, and that bytes and text are the same id.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestIds } from '../../src/calls/request-id.ts';

test('an id is 32 hex digits, the same as bytes and as text', () => {
  const ids = new RequestIds();
  const number = ids.next();
  const target = Buffer.alloc(ids.length + 2, '-');
  ids.write(number, target, 1);
  assert.match(target.toString(), /^-[0-9a-f]{32}-$/);
  assert.equal(target.toString('latin1', 1, 33), ids.text(number));
});

test('ids do not repeat, and count up across the digits that are memoised', () => {
  const ids = new RequestIds();
  const count = 140_000;
  const seen = new Set<string>();
  let previous = ids.text(ids.next());
  for (let index = 0; index < count; index += 1) {
    const text = ids.text(ids.next());
    assert.equal(Number.parseInt(text.slice(20), 16), Number.parseInt(previous.slice(20), 16) + 1);
    seen.add(text);
    previous = text;
  }
  assert.equal(seen.size, count);
});

test('an id written late is still the id of its number', () => {
  const ids = new RequestIds();
  const texts = [0, 70_000, 1, 140_000].map((number) => ids.text(number));
  assert.deepEqual(
    [0, 70_000, 1, 140_000].map((number) => ids.text(number)),
    texts,
  );
});

test('two processes share no digits but by chance', () => {
  assert.notEqual(new RequestIds().text(0).slice(0, 20), new RequestIds().text(0).slice(0, 20));
});
