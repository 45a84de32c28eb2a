// Measures how late the event loop runs, over windows of ten seconds. Node records the delay outside of JavaScript; this class
// turns it into numbers and notices when the loop has stopped. Everything in the process waits for that long.

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The interval of Node's timer. Node's histogram records the time between two ticks, so this interval must be subtracted. */
const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;
const STANDSTILL_MS = 1000;
const NANOSECONDS_PER_MILLISECOND = 1e6;

export interface EventLoopDelayReport {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const NONE: EventLoopDelayReport = { p50Ms: 0, p99Ms: 0, maxMs: 0 };

/** The used part of Node's histogram. Values are in nanoseconds. */
export interface DelayHistogram {
  readonly count: number;
  readonly max: number;
  percentile(percentile: number): number;
  reset(): void;
}

export class EventLoopDelay {
  readonly #histogram: DelayHistogram;
  readonly #onStandstill: (durationMs: number) => void;
  #windowBeganMs: number;
  /** The longest delay of this window so far. */
  #longestMs = 0;
  #last: EventLoopDelayReport = NONE;

  /** @param onStandstill called when the loop was late by a second or more, and by more than before in the same window */
  constructor(onStandstill: (durationMs: number) => void, histogram: DelayHistogram, nowMs: number) {
    this.#onStandstill = onStandstill;
    this.#histogram = histogram;
    this.#windowBeganMs = nowMs;
  }

  /** The report of the last complete window. Before the first is complete, the report of what has been measured. */
  get report(): EventLoopDelayReport {
    return this.#last === NONE ? this.#measure() : this.#last;
  }

  /** Checks for a standstill and ends the window when it is over. Call it about once a second. */
  look(nowMs: number): void {
    const longestMs = delayOf(this.#histogram.max);
    if (this.#histogram.count > 0 && longestMs > this.#longestMs) {
      this.#longestMs = longestMs;
      if (longestMs >= STANDSTILL_MS) this.#onStandstill(longestMs);
    }
    if (nowMs - this.#windowBeganMs < WINDOW_MS) return;
    this.#last = this.#measure();
    this.#histogram.reset();
    this.#longestMs = 0;
    this.#windowBeganMs = nowMs;
  }

  #measure(): EventLoopDelayReport {
    const histogram = this.#histogram;
    if (histogram.count === 0) return NONE;
    return {
      p50Ms: delayOf(histogram.percentile(50)),
      p99Ms: delayOf(histogram.percentile(99)),
      maxMs: delayOf(histogram.max),
    };
  }
}

/** The caller must enable the histogram, and disable it at the end. It does not keep the process alive. */
export function makeDelayHistogram(): ReturnType<typeof monitorEventLoopDelay> {
  return monitorEventLoopDelay({ resolution: RESOLUTION_MS });
}

function delayOf(nanoseconds: number): number {
  const lateMs = nanoseconds / NANOSECONDS_PER_MILLISECOND - RESOLUTION_MS;
  return Math.max(0, Math.round(lateMs * 100) / 100);
}
