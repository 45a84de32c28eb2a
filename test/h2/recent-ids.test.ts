// The ring of identifiers of a moment ago: it grows up to its limit, and forgets the oldest first after that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentIds } from '../../src/h2/recent-ids.ts';

function added(count: number, largestCapacity: number): RecentIds {
  const recent = new RecentIds(largestCapacity);
  for (let id = 1; id <= count; id++) recent.add(id);
  return recent;
}

test('nothing is known at first', () => {
  assert.equal(new RecentIds(64).has(1), false);
});

test('at its limit the oldest are forgotten first', () => {
  const recent = added(65, 64);
  assert.equal(recent.has(1), false);
  for (let id = 2; id <= 65; id++) assert.equal(recent.has(id), true);
});

test('growing forgets nothing until the limit is reached', () => {
  const recent = added(4096, 4096);
  for (let id = 1; id <= 4096; id++) assert.equal(recent.has(id), true, `identifier ${id}`);
  recent.add(4097);
  assert.equal(recent.has(1), false);
  assert.equal(recent.has(2), true);
});
