import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReconnectPauses } from '../../src/stores/reconnect-pauses.ts';

test('pauses grow up to two seconds, also where each connection can be used for a moment', () => {
  for (const isReady of [true, false]) {
    const pauses = new ReconnectPauses(
      () => 0,
      () => 1,
    );
    const found = Array.from({ length: 8 }, () => {
      if (isReady) pauses.noteReady();
      return pauses.next();
    });
    assert.deepEqual(found, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
  }
});

test('the first pause after a connection that has lasted is short', () => {
  let nowMs = 0;
  const pauses = new ReconnectPauses(
    () => nowMs,
    () => 1,
  );
  for (let round = 0; round < 8; round++) pauses.next();
  pauses.noteReady();
  nowMs += 9999;
  assert.equal(pauses.next(), 2000);
  nowMs += 100_000;
  assert.equal(pauses.next(), 2000, 'there was no connection since');
  pauses.noteReady();
  nowMs += 10_000;
  assert.equal(pauses.next(), 50);
  assert.equal(pauses.next(), 100);
});

test('proxies wait for between half of the pause and all of it', () => {
  const least = new ReconnectPauses(
    () => 0,
    () => 0,
  );
  assert.deepEqual([least.next(), least.next()], [25, 50]);
});
