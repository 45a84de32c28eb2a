import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';

test('fields keep their order, and the first of a name is found', () => {
  const list = HeaderList.of([':path', '/'], ['cookie', 'a=1'], ['cookie', 'b=2']);
  assert.deepEqual(list.names, [':path', 'cookie', 'cookie']);
  assert.equal(list.get('cookie'), 'a=1');
  assert.equal(list.get('host'), undefined);
  assert.equal(list.length, 3);
});

test('the size counts 32 bytes per field beside name and value', () => {
  assert.equal(HeaderList.of([':path', '/'], ['te', '']).sizeBytes, 5 + 1 + 32 + 2 + 32);
});

test('a field is never indexed only when that is said', () => {
  const list = new HeaderList();
  list.add('a', '1');
  list.add('b', '2', true);
  assert.deepEqual(list.neverIndexed, [false, true]);
});
