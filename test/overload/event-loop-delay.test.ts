// How late the event loop is, from a histogram as Node fills it: nanoseconds, with the timer's own 20 ms in each.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DelayHistogram, EventLoopDelay } from '../../src/overload/event-loop-delay.ts';

const TICK_MS = 20;

class Recorded implements DelayHistogram {
  #ticksMs: number[] = [];

  late(...delaysMs: readonly number[]): void {
    this.#ticksMs.push(...delaysMs.map((delayMs) => TICK_MS + delayMs));
    this.#ticksMs.sort((a, b) => a - b);
  }

  get count(): number {
    return this.#ticksMs.length;
  }

  /** Node has a number here even where nothing was recorded. */
  get max(): number {
    return (this.#ticksMs.at(-1) ?? 0) * 1e6;
  }

  percentile(percentile: number): number {
    const index = Math.ceil((percentile / 100) * this.#ticksMs.length) - 1;
    return (this.#ticksMs[Math.max(0, index)] ?? 0) * 1e6;
  }

  reset(): void {
    this.#ticksMs = [];
  }
}

class Watched {
  readonly histogram = new Recorded();
  readonly standstills: number[] = [];
  readonly delay = new EventLoopDelay((durationMs) => this.standstills.push(durationMs), this.histogram, 0);
  nowMs = 0;

  looks(times: number, ...delaysMs: readonly number[]): void {
    for (let time = 0; time < times; time++) {
      this.histogram.late(...delaysMs);
      this.nowMs += 1000;
      this.delay.look(this.nowMs);
    }
  }
}

test('before the first ten seconds are over, the report is of what there is', () => {
  const watched = new Watched();
  assert.deepEqual(watched.delay.report, { p50Ms: 0, p99Ms: 0, maxMs: 0 });
  watched.looks(1, 0.5, 0.5, 3);
  assert.deepEqual(watched.delay.report, { p50Ms: 0.5, p99Ms: 3, maxMs: 3 });
});

test('then it is of the last whole ten seconds, however often it is read', () => {
  const watched = new Watched();
  watched.looks(9, 1);
  watched.looks(1, 7);
  watched.looks(3, 500);
  assert.deepEqual(watched.delay.report, { p50Ms: 1, p99Ms: 7, maxMs: 7 });
  assert.deepEqual(watched.delay.report, { p50Ms: 1, p99Ms: 7, maxMs: 7 });
  watched.looks(7, 2);
  assert.equal(watched.delay.report.maxMs, 500);
});

test('a timer that fires early is not late', () => {
  const watched = new Watched();
  watched.looks(1, -0.5);
  assert.equal(watched.delay.report.maxMs, 0);
});

test('a loop that stood still for over a second is told of once', () => {
  const watched = new Watched();
  watched.looks(2, 1);
  watched.looks(1, 1500);
  watched.looks(4, 1);
  assert.deepEqual(watched.standstills, [1500]);
});

test('a longer standstill, and one in the next ten seconds, are told of again', () => {
  const watched = new Watched();
  watched.looks(1, 1500);
  watched.looks(1, 1200);
  watched.looks(1, 4000);
  watched.looks(7, 1);
  watched.looks(1, 1100);
  assert.deepEqual(watched.standstills, [1500, 4000, 1100]);
});

test('a loop that is late by less is not worth a line', () => {
  const watched = new Watched();
  watched.looks(30, 999);
  assert.deepEqual(watched.standstills, []);
});
