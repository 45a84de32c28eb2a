// The tokens of one stream: a burst at once, and then as many as the rate brings, to the millisecond.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamTokens } from '../../src/limits/stream-tokens.ts';

function tokensAt(perSecond: number, burst: number): { tokens: StreamTokens; clock: { nowMs: number } } {
  const clock = { nowMs: 1000 };
  return { tokens: new StreamTokens({ perMs: perSecond / 1000, burst }, () => clock.nowMs), clock };
}

test('a burst is there at once, and the next token when the rate has brought it', () => {
  const { tokens, clock } = tokensAt(10, 3);
  assert.deepEqual([tokens.take('', 2), tokens.take('', 1), tokens.take('', 1)], [0, 0, 100]);
  clock.nowMs += 99;
  assert.equal(tokens.take('', 1), 1);
  clock.nowMs += 1;
  assert.equal(tokens.take('', 1), 0);
});

test('a pause brings no more than the burst', () => {
  const { tokens, clock } = tokensAt(10, 3);
  tokens.take('', 3);
  clock.nowMs += 3_600_000;
  assert.deepEqual([tokens.take('', 3), tokens.take('', 1)], [0, 100]);
});

test('refused tokens are not taken, and more than the burst are never there', () => {
  const { tokens } = tokensAt(10, 3);
  assert.equal(tokens.take('', 4), Number.POSITIVE_INFINITY);
  assert.equal(tokens.take('', 3), 0);
});

test('a clock that goes back brings nothing', () => {
  const { tokens, clock } = tokensAt(10, 1);
  tokens.take('', 1);
  clock.nowMs -= 500;
  assert.equal(tokens.take('', 1), 100);
});

test('who takes each token as soon as it is there gets exactly the rate', () => {
  const { tokens, clock } = tokensAt(60, 6);
  const endMs = clock.nowMs + 60_000;
  let taken = 0;
  while (clock.nowMs < endMs) {
    const waitMs = tokens.take('', 1);
    if (waitMs === 0) taken++;
    else clock.nowMs += waitMs;
  }
  assert.ok(taken >= 3605 && taken <= 3606, String(taken));
});

test('what goes back between the moment at which tokens are taken and that at which they are announced is used up again', () => {
  const { tokens, clock } = tokensAt(1000, 1000);
  assert.equal(tokens.take('', 900), 0);
  clock.nowMs += 3;
  const announced = tokens.announce('', 900);
  assert.equal(tokens.take('', 101), 1);
  clock.nowMs += 60_000;
  assert.equal(tokens.take('', 101), 1);
  announced.end();
  assert.deepEqual([tokens.take('', 1000), tokens.take('', 1)], [0, 1]);
});

test('a message that ends gives back nothing of what another one holds', () => {
  const { tokens, clock } = tokensAt(1000, 1000);
  const [first] = [400, 500].map((count) => {
    assert.equal(tokens.take('', count), 0);
    return tokens.announce('', count);
  });
  clock.nowMs += 60_000;
  first.end();
  assert.deepEqual([tokens.take('', 501), tokens.take('', 500)], [1, 0]);
});
