// The rate limits of a configuration, each with an id that stays the same when its rate changes or other limits come and go.

import { keyPartText, type RateLimitConfig } from '../config/limits-config.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { Allowance } from './quota-table.ts';

export interface RateLimit {
  readonly id: string;
  readonly route: string;
  /** Its position among the `limits` of its route. */
  readonly index: number;
  readonly limit: RateLimitConfig;
  readonly allowance: Allowance;
}

/** The limits that proxies count: this one, or all that share a store. */
export function rateLimitsOf({ name, limits = [] }: RouteConfig): readonly RateLimit[] {
  const seen = new Map<string, number>();
  return limits.flatMap((limit, index) => {
    if (limit.kind !== 'rate') return [];
    const { count, direction, exceed, store } = limit;
    const where = store === undefined ? [] : [`store ${store}`];
    // Of these, streams that began before a reload hold tokens in a way that would stop a stream that is paced.
    const how = count === 'bytes' && exceed === 'end' ? ['whole messages'] : [];
    const what = [name, count, direction, ...limit.by.map(keyPartText), ...how, ...where].join('\n');
    const before = seen.get(what) ?? 0;
    seen.set(what, before + 1);
    return [{ id: `${what}\n${before}`, route: name, index, limit, allowance: allowanceOf(limit) }];
  });
}

/** Timers of the relay are up to two ticks of 20 ms late, and a busy process some more. With a smaller burst, `slow` would let less pass than the rate. */
const LEAST_SLOW_MS = 100;
/** The same with a store, which keeps for a process what comes between two of its questions. */
const LEAST_SLOW_OF_STORE_MS = 250;

function allowanceOf({ rate, burst, exceed, store }: RateLimitConfig): Allowance {
  const perMs = rate.count / rate.periodMs;
  const leastMs = store === undefined ? LEAST_SLOW_MS : LEAST_SLOW_OF_STORE_MS;
  return { perMs, burst: exceed === 'slow' ? Math.max(burst, perMs * leastMs) : burst };
}
