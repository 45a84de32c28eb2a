// Who has output is flushed once when the reads of this turn are over, in the order of asking.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Flushable, scheduleFlush } from '../../src/transport/flush-queue.ts';

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function target(flush: () => void): Flushable {
  return {
    flush,
    fail: (fault) => {
      throw fault;
    },
  };
}

test('nothing is flushed before the turn is over, and then everything once and in order', async () => {
  const flushed: string[] = [];
  for (const name of ['a', 'b', 'c']) scheduleFlush(target(() => flushed.push(name)));
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
  const again = target(() => flushed.push('again'));
  scheduleFlush(
    target(() => {
      flushed.push('first');
      scheduleFlush(again);
    }),
  );
  scheduleFlush(target(() => flushed.push('second')));
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
  for (let index = 0; index < 100; index++) scheduleFlush(target(() => flushes++));
  assert.equal(scheduled, 1);
  t.mock.restoreAll();
  await turn();
  assert.equal(flushes, 100);
});

test('a flush that throws fails itself, and those behind it are flushed all the same', async () => {
  const fault = new Error('a fault of ours');
  const told: unknown[] = [];
  scheduleFlush({
    flush: () => {
      throw fault;
    },
    fail: (what) => told.push(what),
  });
  scheduleFlush(target(() => told.push('flushed')));
  await turn();
  assert.deepEqual(told, [fault, 'flushed']);
});
