// A call that is looked at again at a certain time of the system's clock, while timers run by another clock.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Failure } from '../../src/calls/failure.ts';
import { Review } from '../../src/relay/review.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { CLOSED } from '../support/refusing-policy.ts';

const START_MS = 1_800_000_000_000;

class Scene {
  /** How far the two clocks have come. */
  epochMs = 0;
  monotonicMs = 0;
  reviews = 0;
  drops = 0;
  verdict: Failure | undefined = CLOSED;
  readonly ended: string[] = [];
  readonly faults: unknown[] = [];
  readonly wheel = new DeadlineWheel(() => this.monotonicMs);

  constructor(t: TestContext) {
    t.mock.method(Date, 'now', () => START_MS + this.epochMs);
  }

  review(inMs: number, timeoutMs?: number): Review {
    const call = {
      subject: { timeoutMs },
      durationMs: 0,
      abort: ({ token }: Failure) => void this.ended.push(token),
      fault: (error: unknown) => void this.faults.push(error),
    };
    return new Review(call, this.wheel, {
      atEpochMs: START_MS + this.epochMs + inMs,
      review: () => {
        this.reviews++;
        return this.verdict;
      },
      dropped: () => void this.drops++,
    });
  }

  passes(ms: number, ofSystemMs = ms): void {
    this.epochMs += ofSystemMs;
    // Timers are visited in steps that are shorter than one revolution of the wheel.
    for (let left = ms; left > 0; left -= 1000) {
      this.monotonicMs += Math.min(left, 1000);
      this.wheel.advance();
    }
  }
}

test('a call ends at the time of its review, and not before', (t) => {
  const scene = new Scene(t);
  scene.review(90_000);
  scene.passes(89_000);
  assert.equal(scene.reviews, 0);
  scene.passes(1100);
  assert.deepEqual(scene.ended, [CLOSED.token]);
  assert.equal(scene.wheel.size, 0);
});

test('a clock that is set forward is noticed within a minute, and one that is set back ends no call too early', (t) => {
  const scene = new Scene(t);
  scene.review(3_600_000);
  scene.passes(60_100, 3_700_000);
  assert.equal(scene.reviews, 1);
  const back = new Scene(t);
  back.review(30_000);
  back.passes(30_100, 0);
  assert.equal(back.reviews, 0);
  back.passes(30_100);
  assert.equal(back.reviews, 1);
});

test('a call goes on if the review says so, and a closed review is not held', (t) => {
  const scene = new Scene(t);
  scene.verdict = undefined;
  scene.review(1000);
  scene.passes(1100);
  assert.deepEqual([scene.reviews, scene.ended], [1, []]);
  const closed = scene.review(1000);
  assert.equal(scene.drops, 0);
  closed.close();
  closed.close();
  assert.equal(scene.drops, 1, 'its policy is told once');
  scene.passes(2000);
  assert.equal(scene.reviews, 1);
});

test('a review that was made is not dropped', (t) => {
  const scene = new Scene(t);
  scene.verdict = undefined;
  const review = scene.review(1000);
  scene.passes(1100);
  review.close();
  assert.deepEqual([scene.reviews, scene.drops], [1, 0]);
  const unneeded = scene.review(10_000, 5000);
  unneeded.close();
  assert.equal(scene.drops, 1, 'also without a timer');
});

test('a call whose own deadline comes first needs no timer', (t) => {
  const scene = new Scene(t);
  scene.review(10_000, 5000);
  assert.equal(scene.wheel.size, 0);
  scene.review(10_000, 50_000);
  assert.equal(scene.wheel.size, 1);
});
