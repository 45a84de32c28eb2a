// How late the event loop is, over the last ten seconds. Node measures it outside of JavaScript; this turns it into numbers
// and notices when the loop stood still. Everything the process does waits as long.

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Node's histogram counts the time between two ticks of a timer, the usual pause included. */
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

/** What is used of Node's histogram; values in nanoseconds. */
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
  /** The longest of this window so far. */
  #longestMs = 0;
  #last: EventLoopDelayReport = NONE;

  /** @param onStandstill told when the loop stood still for over a second, and longer than before in the same ten */
  constructor(onStandstill: (durationMs: number) => void, histogram: DelayHistogram, nowMs: number) {
    this.#onStandstill = onStandstill;
    this.#histogram = histogram;
    this.#windowBeganMs = nowMs;
  }

  /** Of the last whole window; before that of what there is. */
  get report(): EventLoopDelayReport {
    return this.#last === NONE ? this.#measure() : this.#last;
  }

  /** About once a second. */
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

/** To be enabled, and disabled in the end; it does not keep the process alive. */
export function makeDelayHistogram(): ReturnType<typeof monitorEventLoopDelay> {
  return monitorEventLoopDelay({ resolution: RESOLUTION_MS });
}

function delayOf(nanoseconds: number): number {
  const lateMs = nanoseconds / NANOSECONDS_PER_MILLISECOND - RESOLUTION_MS;
  return Math.max(0, Math.round(lateMs * 100) / 100);
}
