// A wait that ends with what is waited for, or with all waits.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { EndableWait } from '../../src/cli/endable-wait.ts';
import { eventually } from '../support/eventually.ts';

test('a wait resolves with what is waited for, and rejects with it', async () => {
  const waits = new EndableWait();
  const done = Promise.withResolvers<void>();
  let isOver = false;
  const wait = async (): Promise<void> => {
    await waits.until(done.promise);
    isOver = true;
  };
  const waited = wait();
  await Promise.resolve();
  assert.equal(isOver, false);
  done.resolve();
  await waited;
  assert.ok(isOver);
  await assert.rejects(waits.until(Promise.reject(new Error('failed'))), /failed/);
});

test('the end ends the wait that goes on and all after it, and what they waited for may still fail', async () => {
  const waits = new EndableWait();
  const late = Promise.withResolvers<void>();
  const waited = waits.until(late.promise);
  waits.end();
  waits.end();
  await waited;
  await waits.until(new Promise(() => undefined));
  await waits.until(Promise.reject(new Error('not waited for')));
  late.reject(new Error('too late'));
  await late.promise.catch(() => undefined);
});

test('nothing is kept of a wait that is over', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const waits = new EndableWait();
  const over: WeakRef<Promise<void>>[] = [];
  for (let count = 0; count < 100; count++) {
    const wait = waits.until(Promise.resolve());
    over.push(new WeakRef(wait));
    await wait;
  }
  await eventually('all of them are gone', () => {
    collect();
    // The last one may still be on the stack.
    return over.filter((wait) => wait.deref() !== undefined).length <= 1;
  });
  waits.end();
});
