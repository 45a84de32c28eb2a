// Stamps: the time of a turn in few bits, and how long ago it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginTurn, endTurn, msSince, turnStamp } from '../../src/transport/turn-clock.ts';

const DAY_MS = 86_400_000;

test('within a turn the stamp is that of the beginning of the turn', () => {
  const nowMs = beginTurn();
  const until = performance.now() + 3;
  while (performance.now() < until);
  assert.equal(msSince(turnStamp(), nowMs), 0);
  endTurn();
  assert.ok(msSince(turnStamp(), performance.now() + 7) >= 6);
});

test('the time since a stamp is right after weeks, whatever bits are lost', () => {
  for (const days of [0, 20, 24.9, 40, 49.8, 120]) {
    const atMs = days * DAY_MS + 5;
    for (const ms of [0, 1, 999, DAY_MS, 48 * DAY_MS])
      assert.equal(msSince(atMs | 0, atMs + ms), ms, `${days}`);
  }
});

test('a stamp that is a little younger than the time it is compared with is no age', () => {
  assert.equal(msSince(1005, 1000), 0);
});
