// Who has output is flushed once when the reads of this turn are over, in the order of asking.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleFlush } from '../../src/transport/flush-queue.ts';

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test('nothing is flushed before the turn is over, and then everything once and in order', async () => {
  const flushed: string[] = [];
  for (const name of ['a', 'b', 'c']) scheduleFlush({ flush: () => flushed.push(name) });
  assert.deepEqual(flushed, []);
  await Promise.resolve();
  assert.deepEqual(flushed, [], 'a microtask is too soon');
  await turn();
  assert.deepEqual(flushed, ['a', 'b', 'c']);
  await turn();
  assert.deepEqual(flushed, ['a', 'b', 'c']);
});

test('what is queued during a flush has its turn in the next one', async () => {
  const flushed: string[] = [];
  const again = { flush: () => flushed.push('again') };
  scheduleFlush({
    flush: () => {
      flushed.push('first');
      scheduleFlush(again);
    },
  });
  scheduleFlush({ flush: () => flushed.push('second') });
  await turn();
  assert.deepEqual(flushed, ['first', 'second']);
  await turn();
  assert.deepEqual(flushed, ['first', 'second', 'again']);
});

test('one immediate serves all that ask in a turn', async (t) => {
  const setImmediateOfNode = setImmediate;
  let scheduled = 0;
  t.mock.method(globalThis, 'setImmediate', (callback: () => void) => {
    scheduled++;
    return setImmediateOfNode(callback);
  });
  let flushes = 0;
  for (let index = 0; index < 100; index++) scheduleFlush({ flush: () => flushes++ });
  assert.equal(scheduled, 1);
  t.mock.restoreAll();
  await turn();
  assert.equal(flushes, 100);
});
