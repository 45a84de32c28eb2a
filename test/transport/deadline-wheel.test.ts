// Timers fire once, never early, and at most a tick late, however many there are and whatever their callbacks do.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as fc from 'fast-check';
import { DeadlineWheel, type Timed } from '../../src/transport/deadline-wheel.ts';

const TICK_MS = 20;
const ONE_TURN_MS = 1024 * TICK_MS;

class Timer implements Timed {
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;
  readonly firedAtMs: number[] = [];
  readonly #then: (timer: Timer) => void;
  readonly #clock: Clock;

  constructor(clock: Clock, then: (timer: Timer) => void = () => undefined) {
    this.#clock = clock;
    this.#then = then;
  }

  onTimer(): void {
    this.firedAtMs.push(this.#clock.nowMs);
    this.#then(this);
  }
}

/** A wheel on a clock of its own; its interval is a fake one that the test turns itself. */
class Clock {
  nowMs: number;
  reads = 0;
  readonly wheel: DeadlineWheel;

  constructor(t: TestContext, nowMs = 12_345.6) {
    t.mock.timers.enable({ apis: ['setInterval'] });
    this.nowMs = nowMs;
    this.wheel = new DeadlineWheel(() => {
      this.reads++;
      return this.nowMs;
    });
  }

  /** Lets time pass, a tick at a time. */
  passes(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs = Math.min(endMs, this.nowMs + TICK_MS);
      this.wheel.advance();
    }
  }
}

test('a timer fires once, not before its time and at most a tick after it', (t) => {
  const clock = new Clock(t);
  const timer = new Timer(clock);
  const dueMs = clock.nowMs + 500;
  clock.wheel.set(timer, 500);
  assert.equal(clock.wheel.size, 1);
  clock.passes(3 * ONE_TURN_MS);
  assert.equal(timer.firedAtMs.length, 1);
  assert.ok(timer.firedAtMs[0] >= dueMs && timer.firedAtMs[0] <= dueMs + 2 * TICK_MS);
  assert.equal(clock.wheel.size, 0);
});

test('a timer that is cleared never fires, and may be cleared again', (t) => {
  const clock = new Clock(t);
  const timer = new Timer(clock);
  const other = new Timer(clock);
  clock.wheel.set(timer, 100);
  clock.wheel.set(other, 100);
  clock.wheel.clear(timer);
  clock.wheel.clear(timer);
  assert.equal(clock.wheel.size, 1);
  clock.passes(200);
  assert.deepEqual([timer.firedAtMs.length, other.firedAtMs.length], [0, 1]);
});

test('a timer set again is replaced, later or earlier', (t) => {
  const clock = new Clock(t, 0);
  const later = new Timer(clock);
  const earlier = new Timer(clock);
  clock.wheel.set(later, 100);
  clock.wheel.set(later, 500);
  clock.wheel.set(earlier, 500);
  clock.wheel.set(earlier, 100);
  assert.equal(clock.wheel.size, 2);
  clock.passes(1000);
  assert.deepEqual([later.firedAtMs, earlier.firedAtMs], [[500], [100]]);
});

test('a timer beyond one turn of the wheel waits its rounds', (t) => {
  const clock = new Clock(t, 0);
  const near = new Timer(clock);
  const far = new Timer(clock);
  clock.wheel.set(far, 2 * ONE_TURN_MS + 100);
  clock.wheel.set(near, 100);
  clock.passes(3 * ONE_TURN_MS);
  assert.deepEqual([near.firedAtMs, far.firedAtMs], [[100], [2 * ONE_TURN_MS + 100]]);
});

test('the longest timeout of gRPC can be set and does not fire in this life', (t) => {
  const clock = new Clock(t);
  const timer = new Timer(clock);
  clock.wheel.set(timer, 99_999_999 * 3_600_000);
  clock.passes(ONE_TURN_MS);
  assert.equal(timer.firedAtMs.length, 0);
  clock.nowMs += 50 * 365 * 24 * 3_600_000;
  clock.wheel.advance();
  assert.equal(timer.firedAtMs.length, 0);
});

test('after a long pause of the process everything due fires at once', (t) => {
  const clock = new Clock(t);
  const timers = [0, 1, 20, 19_999, ONE_TURN_MS, 5 * ONE_TURN_MS].map((delayMs) => {
    const timer = new Timer(clock);
    clock.wheel.set(timer, delayMs);
    return timer;
  });
  clock.nowMs += 100 * ONE_TURN_MS;
  clock.wheel.advance();
  for (const timer of timers) assert.equal(timer.firedAtMs.length, 1);
});

test('a timer may be set again from within its own callback', (t) => {
  const clock = new Clock(t, 0);
  const timer: Timer = new Timer(clock, () => {
    if (timer.firedAtMs.length < 3) clock.wheel.set(timer, 0);
  });
  clock.wheel.set(timer, 40);
  clock.wheel.set(new Timer(clock), ONE_TURN_MS);
  clock.passes(1000);
  assert.deepEqual(timer.firedAtMs, [40, 60, 80]);
});

test('a callback may clear or move another timer that is due at the same time', (t) => {
  const clock = new Clock(t, 0);
  const cleared = new Timer(clock);
  const moved = new Timer(clock);
  const first = new Timer(clock, () => {
    clock.wheel.clear(cleared);
    clock.wheel.set(moved, 200);
  });
  for (const timer of [cleared, moved, first]) clock.wheel.set(timer, 100);
  clock.passes(1000);
  assert.deepEqual([first.firedAtMs, cleared.firedAtMs, moved.firedAtMs], [[100], [], [300]]);
});

test('the interval runs only while a timer is set', (t) => {
  const clock = new Clock(t, 0);
  const readsOf = (turn: () => void): number => {
    const before = clock.reads;
    turn();
    return clock.reads - before;
  };
  assert.equal(
    readsOf(() => t.mock.timers.tick(1000)),
    0,
  );
  for (let round = 0; round < 2; round++) {
    const timer = new Timer(clock);
    clock.wheel.set(timer, 60);
    assert.equal(
      readsOf(() => t.mock.timers.tick(40)),
      2,
    );
    clock.nowMs += 60;
    t.mock.timers.tick(TICK_MS);
    assert.equal(timer.firedAtMs.length, 1);
    assert.equal(
      readsOf(() => t.mock.timers.tick(1000)),
      0,
    );
  }
});

test('a timer set after the wheel stood still is not early', (t) => {
  const clock = new Clock(t, 0);
  const first = new Timer(clock);
  clock.wheel.set(first, 20);
  clock.passes(20);
  clock.nowMs += 10 * ONE_TURN_MS + 7;
  const second = new Timer(clock);
  const dueMs = clock.nowMs + 30;
  clock.wheel.set(second, 30);
  clock.passes(200);
  assert.equal(second.firedAtMs.length, 1);
  assert.ok(second.firedAtMs[0] >= dueMs);
});

test('of many timers each fires once and in its tick, unless it was cleared', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const plan = fc.array(fc.record({ delayMs: fc.nat(60_000), isCleared: fc.boolean() }), { maxLength: 200 });
  fc.assert(
    fc.property(plan, fc.nat(1_000_000), (timers, startMs) => {
      let nowMs = startMs;
      const wheel = new DeadlineWheel(() => nowMs);
      const fired: number[][] = timers.map(() => []);
      const set = timers.map(({ delayMs }, index) => {
        const timed: Timed = {
          timerNext: undefined,
          timerPrevious: undefined,
          timerDueTick: 0,
          onTimer: () => fired[index].push(nowMs - startMs),
        };
        wheel.set(timed, delayMs);
        return timed;
      });
      timers.forEach(({ isCleared }, index) => {
        if (isCleared) wheel.clear(set[index]);
      });
      for (; nowMs <= startMs + 60_100; nowMs += TICK_MS) wheel.advance();
      timers.forEach(({ delayMs, isCleared }, index) => {
        if (isCleared) {
          assert.deepEqual(fired[index], []);
        } else {
          assert.equal(fired[index].length, 1);
          assert.ok(fired[index][0] >= delayMs && fired[index][0] <= delayMs + 2 * TICK_MS);
        }
      });
      assert.equal(wheel.size, 0);
    }),
    { numRuns: 20 },
  );
});
