// Counts the calls that limits of an upstream refuse, for one warning a minute. Each call has its own record.

import { counted } from '../config/counted.ts';
import type { UpstreamLimit } from '../upstreams/upstream-parts.ts';

/** What comes within a second of the first is counted with it. */
const BURST_MS = 1000;
const MINUTE_MS = 60_000;

export interface LimitRefusals {
  readonly upstream: string;
  readonly limit: UpstreamLimit;
  readonly most: number;
  readonly calls: number;
}

interface Count {
  most: number;
  calls: number;
  timer: NodeJS.Timeout;
}

export class RefusalCounts {
  readonly #tell: (refusals: LimitRefusals) => void;
  /** By upstream and limit: as many as the configuration has of both. */
  readonly #counts = new Map<string, Map<UpstreamLimit, Count>>();

  /** @param tell is told at most once in a minute for each limit of an upstream, with all calls since the last time */
  constructor(tell: (refusals: LimitRefusals) => void) {
    this.#tell = tell;
  }

  /** @param most what the limit is now */
  note(upstream: string, limit: UpstreamLimit, most: number): void {
    let limits = this.#counts.get(upstream);
    if (limits === undefined) {
      limits = new Map();
      this.#counts.set(upstream, limits);
    }
    const count = limits.get(limit);
    if (count === undefined)
      limits.set(limit, { most, calls: 1, timer: this.#lookIn(BURST_MS, upstream, limit) });
    else {
      count.most = most;
      count.calls++;
    }
  }

  #lookIn(delayMs: number, upstream: string, limit: UpstreamLimit): NodeJS.Timeout {
    return setTimeout(() => this.#look(upstream, limit), delayMs).unref();
  }

  #look(upstream: string, limit: UpstreamLimit): void {
    const limits = this.#counts.get(upstream);
    const count = limits?.get(limit);
    if (limits === undefined || count === undefined) return;
    clearTimeout(count.timer);
    const { calls, most } = count;
    if (calls === 0) {
      limits.delete(limit);
      if (limits.size === 0) this.#counts.delete(upstream);
      return;
    }
    count.calls = 0;
    count.timer = this.#lookIn(MINUTE_MS, upstream, limit);
    this.#tell({ upstream, limit, most, calls });
  }

  /** Tells what is still being counted. */
  close(): void {
    for (const [upstream, limits] of this.#counts)
      for (const [limit, { timer }] of limits) {
        this.#look(upstream, limit);
        clearTimeout(timer);
        clearTimeout(limits.get(limit)?.timer);
      }
    this.#counts.clear();
  }
}

const WHAT_IS_FULL: Readonly<Record<UpstreamLimit, (most: number) => string>> = {
  streams: (most) => `refused, since it runs ${most} already`,
  pending: (most) => `refused, since ${most} wait for it already`,
  retries: (most) => `not sent again, since ${most} are in a further attempt already`,
};

/** For example: 639 calls to upstream voice were refused, since it runs 4 already (limits.streams). */
export function describeRefusals({ upstream, limit, most, calls }: LimitRefusals): string {
  const verb = calls === 1 ? 'was' : 'were';
  return `${counted(calls, 'call')} to upstream ${upstream} ${verb} ${WHAT_IS_FULL[limit](most)} (limits.${limit})`;
}
