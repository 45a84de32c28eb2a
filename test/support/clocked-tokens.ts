// Tokens that come at a rate, by the clock of a test.

import { failure } from '../../src/calls/failure.ts';
import type { AnnouncedTokens, DirectionLimits, FlowRateLimit, Tokens } from '../../src/calls/flow-limits.ts';
import { FlowGate } from '../../src/relay/flow-gate.ts';
import type { StreamRelay } from '../../src/relay/stream-relay.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import type { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';

export class ClockedTokens implements Tokens {
  readonly #perMs: number;
  burst: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();
  /** How often it was asked. */
  asked = 0;

  constructor(perSecond: number, burst: number, now: () => number) {
    this.#perMs = perSecond / 1000;
    this.burst = burst;
    this.#now = now;
  }

  take(key: string, count: number): number {
    this.asked++;
    const bucket = this.#settled(key);
    if (count > this.burst) return Number.POSITIVE_INFINITY;
    // The clock has fractions that numbers cannot have.
    if (bucket.tokens < count - 1e-9) return (count - bucket.tokens) / this.#perMs;
    bucket.tokens -= count;
    return 0;
  }

  #settled(key: string): Bucket {
    const nowMs = this.#now();
    const bucket = this.#buckets.get(key) ?? { tokens: this.burst, announced: 0, atMs: nowMs };
    this.#buckets.set(key, bucket);
    const refilled = bucket.tokens + (nowMs - bucket.atMs) * this.#perMs;
    bucket.tokens = Math.min(this.burst - bucket.announced, refilled);
    bucket.atMs = nowMs;
    return bucket;
  }

  announce(key: string, count: number): AnnouncedTokens {
    let missing = count;
    let isHeld = true;
    const less = (came: number): Bucket => {
      const bucket = this.#settled(key);
      if (isHeld) bucket.announced -= came;
      missing -= came;
      return bucket;
    };
    this.#settled(key).announced += count;
    return {
      came: less,
      owed: (isOwed) => {
        if (isOwed !== isHeld) this.#settled(key).announced += isOwed ? missing : -missing;
        isHeld = isOwed;
      },
      end: () => {
        const given = missing;
        if (isHeld) less(given).tokens += given;
      },
    };
  }
}

interface Bucket {
  tokens: number;
  /** Taken for bytes that have not come. */
  announced: number;
  atMs: number;
}

export const UNLIMITED: DirectionLimits = { rates: [], messageSize: undefined, bodySize: undefined };

export function paced(tokens: Tokens, given: Partial<FlowRateLimit> = {}): FlowRateLimit {
  return {
    counts: 'messages',
    tokens,
    key: 'one',
    client: undefined,
    sliceBytes: 4,
    text: 'a limit',
    exceeded: undefined,
    ...given,
  };
}

/** Lets nothing pass in this direction. `release` lets all pass that waits. */
export function holds(
  relay: StreamRelay,
  wheel: DeadlineWheel,
  resume = () => relay.resume(),
): { release(): void } {
  let waitMs = 5000;
  const rate = paced(
    { burst: 1e9, take: () => waitMs },
    { counts: 'bytes', text: 'a limit', sliceBytes: 1_000_000 },
  );
  const gate = new FlowGate({ ...UNLIMITED, rates: [rate] }, true, new TokenLines(wheel), {
    resume,
    exceeded: () => undefined,
    fault: (error) => {
      throw error;
    },
  });
  relay.limit(gate);
  return {
    release: () => {
      waitMs = 0;
    },
  };
}

/** A limit that ends the call. Its failure says for how long the tokens are missing, and how many were wanted. */
export function ending(tokens: Tokens, given: Partial<FlowRateLimit> = {}): FlowRateLimit {
  return paced(tokens, {
    exceeded: (waitMs, wanted) => ({
      ...failure('memory_pressure', `${wanted} wanted, ${Math.round(waitMs)} ms`),
      retryAfterMs: Math.ceil(waitMs),
    }),
    ...given,
  });
}
