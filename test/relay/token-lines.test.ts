// Calls that wait in lines for tokens: when the tokens are asked for again, and whose turn it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tokens } from '../../src/calls/flow-limits.ts';
import { type TokenLine, TokenLines, type TokenWaiter } from '../../src/relay/token-lines.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';

const TICK_MS = 20;

/** Says for how long to wait, whoever asks. */
class ToldTokens implements Tokens {
  burst = 10;
  waitMs: number;
  /** How many of the next questions are answered by throwing. */
  throwing = 0;
  asked = 0;

  constructor(waitMs: number) {
    this.waitMs = waitMs;
  }

  take(): number {
    this.asked++;
    if (this.throwing > 0) {
      this.throwing--;
      throw new Error('no answer');
    }
    return this.waitMs;
  }
}

class Waiting implements TokenWaiter {
  line: TokenLine | undefined = undefined;
  nextInLine: TokenWaiter | undefined = undefined;
  previousInLine: TokenWaiter | undefined = undefined;
  wanted = 0;
  client: string | undefined = undefined;
  grants = 0;
  readonly faults: unknown[] = [];

  granted(): void {
    this.grants++;
  }

  fault(error: unknown): void {
    this.faults.push(error);
  }
}

class Scene {
  nowMs = 0;
  readonly wheel = new DeadlineWheel(() => this.nowMs);
  readonly lines = new TokenLines(this.wheel);
  readonly tokens: ToldTokens;
  readonly waiters: readonly Waiting[];

  /** @param count how many begin to wait */
  constructor(waitMs: number, count: number) {
    this.tokens = new ToldTokens(waitMs);
    const share = { tokens: this.tokens, key: 'one', client: undefined };
    this.waiters = Array.from({ length: count }, () => {
      const waiter = new Waiting();
      assert.equal(this.lines.take(share, 1, waiter), 0);
      return waiter;
    });
  }

  /** Time passes without the wheel, which is late, and then it turns once. */
  turnsAfter(ms: number): void {
    this.nowMs += ms;
    this.wheel.advance();
  }

  get granted(): number {
    return this.waiters.filter(({ grants }) => grants === 1).length;
  }
}

test('tokens that are said to come in an hour are asked for again after ten seconds, since their source may say something else then', () => {
  const scene = new Scene(3_600_000, 1);
  scene.tokens.waitMs = 0;
  scene.turnsAfter(9900);
  assert.deepEqual([scene.granted, scene.tokens.asked], [0, 1]);
  scene.turnsAfter(100 + TICK_MS);
  assert.deepEqual([scene.granted, scene.lines.size, scene.wheel.size], [1, 0, 0]);
});

test('of very many that wait, a thousand get their tokens in one turn, and the next thousand with the next tick', () => {
  const scene = new Scene(100, 2500);
  scene.tokens.waitMs = 0;
  const counts: number[] = [];
  scene.turnsAfter(100 + TICK_MS);
  for (let tick = 0; tick < 3; tick++) {
    counts.push(scene.granted);
    scene.turnsAfter(TICK_MS);
  }
  assert.deepEqual(counts, [1000, 2000, 2500]);
  assert.deepEqual([scene.lines.size, scene.wheel.size], [0, 0]);
});

test('one for whom tokens cannot be asked leaves the line with the error, and those behind it get theirs', () => {
  const scene = new Scene(100, 3);
  scene.tokens.waitMs = 0;
  scene.tokens.throwing = 1;
  scene.turnsAfter(100 + TICK_MS);
  const [bad, ...others] = scene.waiters;
  assert.deepEqual([bad?.faults.length, bad?.grants, bad?.line], [1, 0, undefined]);
  assert.deepEqual(
    others.map(({ grants, faults }) => [grants, faults.length]),
    [
      [1, 0],
      [1, 0],
    ],
  );
  assert.deepEqual([scene.lines.size, scene.wheel.size], [0, 0]);
});

test('one that wants more is asked for once in a turn, and again when its tokens are said to be there', () => {
  const scene = new Scene(100, 1);
  const [waiter] = scene.waiters;
  const share = { tokens: scene.tokens, key: 'one', client: undefined };
  // As a stream does that has more to send.
  waiter.granted = () => {
    waiter.grants++;
    scene.tokens.waitMs = 100;
    scene.lines.take(share, 1, waiter);
  };
  for (let turn = 1; turn <= 3; turn++) {
    scene.tokens.waitMs = 0;
    scene.turnsAfter(100 + TICK_MS);
    // Once at its beginning, and in each turn for what it gets and for what it has to wait for.
    assert.deepEqual([waiter.grants, scene.tokens.asked], [turn, 1 + 2 * turn]);
  }
  assert.deepEqual([scene.lines.size, scene.wheel.size], [1, 1]);
});

test('one that wants more and leaves at once leaves no line and no timer', () => {
  const scene = new Scene(100, 1);
  const [waiter] = scene.waiters;
  const share = { tokens: scene.tokens, key: 'one', client: undefined };
  waiter.granted = () => {
    scene.tokens.waitMs = 100;
    scene.lines.take(share, 1, waiter);
    waiter.line?.leave(waiter);
  };
  scene.tokens.waitMs = 0;
  scene.turnsAfter(100 + TICK_MS);
  assert.deepEqual([scene.lines.size, scene.wheel.size], [0, 0]);
});
