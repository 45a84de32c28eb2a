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

/** A wheel on a clock of its own; its alarm is a fake one. */
class Clock {
  nowMs: number;
  readonly wheel: DeadlineWheel;
  readonly #tick: (ms: number) => void;
  #wakes = 0;

  constructor(t: TestContext, nowMs = 12_345.6) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.#tick = (ms) => t.mock.timers.tick(ms);
    this.nowMs = nowMs;
    this.wheel = new DeadlineWheel(() => this.nowMs);
    const { wheel } = this;
    const advance = wheel.advance.bind(wheel);
    t.mock.method(wheel, 'advance', () => {
      this.#wakes++;
      advance();
    });
  }

  /** Lets time pass by the fake alarm alone. @returns how often the wheel woke */
  sleeps(ms: number): number {
    this.#wakes = 0;
    const stepMs = Math.max(1, ms / 1000);
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      const step = Math.min(stepMs, endMs - this.nowMs);
      this.nowMs += step;
      this.#tick(step);
    }
    return this.#wakes;
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

test('the wheel wakes when the next timer is due, and sleeps until then', (t) => {
  const clock = new Clock(t, 0);
  assert.equal(clock.sleeps(10 * ONE_TURN_MS), 0);
  const hour = new Timer(clock);
  clock.wheel.set(hour, 3_600_000);
  assert.equal(clock.sleeps(3_599_000), 0);
  const soon = new Timer(clock);
  clock.wheel.set(soon, 60);
  assert.equal(clock.sleeps(900), 1);
  assert.deepEqual([soon.firedAtMs.length, hour.firedAtMs.length], [1, 0]);
  assert.equal(clock.sleeps(200), 1);
  assert.equal(hour.firedAtMs.length, 1);
  assert.equal(clock.sleeps(10 * ONE_TURN_MS), 0);
});

test('for a timer that was cleared the wheel wakes once at most, and for the next one in time', (t) => {
  const clock = new Clock(t, 0);
  const cleared = new Timer(clock);
  const next = new Timer(clock);
  clock.wheel.set(cleared, 100);
  clock.wheel.set(next, 5000);
  clock.wheel.clear(cleared);
  assert.equal(clock.sleeps(4900), 1);
  assert.equal(clock.sleeps(1000), 1);
  assert.deepEqual([cleared.firedAtMs.length, next.firedAtMs.length], [0, 1]);
});

test('a timer beyond what setTimeout takes is waited for in stages', (t) => {
  const clock = new Clock(t, 0);
  const timer = new Timer(clock);
  clock.wheel.set(timer, 3 * 0x7fff_ffff);
  assert.equal(clock.sleeps(2 * 0x7fff_ffff), 2);
  assert.equal(timer.firedAtMs.length, 0);
  clock.sleeps(0x7fff_ffff + 100);
  assert.equal(timer.firedAtMs.length, 1);
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
  t.mock.timers.enable({ apis: ['setTimeout'] });
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

test('a timer that is set after the turn counts from before, and one that is not wanted by then is never set', (t) => {
  const clock = new Clock(t);
  const [wanted, unwanted] = [new Timer(clock), new Timer(clock)];
  const dueMs = clock.nowMs + 50;
  clock.wheel.setAfterTurn({ lateTimer: () => wanted }, 50);
  clock.wheel.setAfterTurn({ lateTimer: () => undefined }, 50);
  assert.equal(clock.wheel.size, 0);
  clock.passes(TICK_MS);
  assert.equal(clock.wheel.size, 1);
  clock.passes(ONE_TURN_MS);
  assert.deepEqual([wanted.firedAtMs.length, unwanted.firedAtMs.length], [1, 0]);
  assert.ok(wanted.firedAtMs[0] >= dueMs && wanted.firedAtMs[0] <= dueMs + 2 * TICK_MS);
});

test('the turn ends by itself', async (t) => {
  const clock = new Clock(t);
  const timer = new Timer(clock);
  clock.wheel.setAfterTurn({ lateTimer: () => timer }, 50);
  clock.wheel.setAfterTurn({ lateTimer: () => timer }, 50);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(clock.wheel.size, 1, 'one timer, however often it was asked for');
});
