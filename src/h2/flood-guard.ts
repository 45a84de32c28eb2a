// Counts what a peer may do too often, and ends the connection with ENHANCE_YOUR_CALM when it does (RFC 9113 section
// 10.5). Every kind has a bucket: so many at once, a tenth of it more for each second that passes. There is no clock
// here: whoever owns time calls replenish(). Small DATA frames are never counted: token streams are made of them.

import { ErrorCode } from './error-codes.ts';
import { ConnectionError } from './errors.ts';
import type { FloodLimits } from './flood-limits.ts';

/** The order of BUCKETS. */
export const Flood = {
  /** RST_STREAM from the peer on a stream it opened a moment ago and that had no response (CVE-2023-44487). */
  PREMATURE_RESETS: 0,
  /** Streams we had to reset because the peer broke a rule (CVE-2025-8671). */
  STREAM_ERRORS: 1,
  /** And acknowledgements of PINGs that nobody sent. */
  PINGS: 2,
  SETTINGS: 3,
  PRIORITIES: 4,
  /** Beyond ten for each DATA frame we sent; PINGS and SETTINGS beyond one. */
  WINDOW_UPDATES: 5,
  /** DATA frames in a row that carry nothing and end nothing (CVE-2019-9518). */
  EMPTY_DATA: 6,
  /** Frames of types nobody here knows. */
  UNKNOWN_FRAMES: 7,
  /** Streams opened above SETTINGS_MAX_CONCURRENT_STREAMS. */
  REFUSED_STREAMS: 8,
  GOAWAYS: 9,
  /** RST_STREAM and HEADERS on streams that are over, beyond what may have crossed their end. */
  LATE_FRAMES: 10,
  /** RST_STREAM as PREMATURE_RESETS counts it, on a stream whose own deadline has passed. */
  DEADLINE_RESETS: 11,
} as const;

interface Bucket {
  readonly token: string;
  readonly limit: keyof FloodLimits;
  /** So many times the limit can be saved up by useful traffic. */
  readonly savings: number;
  /** How many times the limit is free at once; 1 unless given. */
  readonly times?: number;
  /** What of that comes back each second; REFILL unless given. */
  readonly refill?: number;
}

const BUCKETS: readonly Bucket[] = [
  { token: 'too_many_resets', limit: 'resets', savings: 1 },
  { token: 'too_many_stream_errors', limit: 'streamErrors', savings: 1 },
  { token: 'too_many_pings', limit: 'pings', savings: 1 },
  { token: 'too_many_settings', limit: 'settings', savings: 1 },
  { token: 'too_many_priorities', limit: 'priorities', savings: 1 },
  // A peer may answer each DATA frame of a large batch by an update of the stream and one of the connection.
  { token: 'too_many_window_updates', limit: 'windowUpdates', savings: 100 },
  { token: 'too_many_empty_frames', limit: 'emptyData', savings: 1 },
  { token: 'too_many_unknown_frames', limit: 'unknownFrames', savings: 1 },
  { token: 'too_many_refused_streams', limit: 'refusedStreams', savings: 1 },
  { token: 'too_many_goaways', limit: 'goAways', savings: 1 },
  { token: 'too_many_late_frames', limit: 'lateFrames', savings: 1 },
  // By default 6,400 each second: a client that holds each of 128 streams for 20 ms resets as many, and those are not counted.
  { token: 'too_many_resets', limit: 'resets', savings: 32, times: 32, refill: 1 },
];
/** Of what a bucket holds, for each second. */
const REFILL = 0.1;

/** The limits in the order of BUCKETS. */
interface Budgets {
  readonly burst: Int32Array;
  readonly most: Int32Array;
}

/** All connections of a configuration have the same. */
const BUDGETS = new WeakMap<FloodLimits, Budgets>();

function budgetsOf(limits: FloodLimits): Budgets {
  const known = BUDGETS.get(limits);
  if (known !== undefined) return known;
  const budgets = {
    burst: Int32Array.from(BUCKETS, ({ limit, times = 1 }) => limits[limit] * times),
    most: Int32Array.from(BUCKETS, ({ limit, savings }) => limits[limit] * savings),
  };
  BUDGETS.set(limits, budgets);
  return budgets;
}

export class FloodGuard {
  /** The time as told with the chunk being read, in whole milliseconds of any clock that does not go back. */
  nowMs = 0;
  readonly #budgets: Budgets;
  /** Made at the first count: an idle connection keeps none. */
  #left: Int32Array | undefined = undefined;

  constructor(limits: FloodLimits) {
    this.#budgets = budgetsOf(limits);
  }

  /** @throws ConnectionError when the bucket is empty */
  count(flood: number): void {
    // Not by Int32Array.from, which walks through an iterator.
    this.#left ??= this.#budgets.burst.slice();
    if (--this.#left[flood] < 0) {
      const { token, limit } = BUCKETS[flood];
      const message = `${token.replaceAll('_', ' ')}, more than limits.floods.${limit} allows`;
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, token, message);
    }
  }

  /**
   * A DATA frame was sent: it earns the answers that peers give to it. grpc-go and gRPC's C core measure their bandwidth
   * by a PING for data they receive, one a round trip, and adjust their windows by SETTINGS.
   */
  dataSent(): void {
    if (this.#left === undefined) return;
    this.forgive(Flood.WINDOW_UPDATES, 10);
    this.forgive(Flood.PINGS, 1);
    this.forgive(Flood.SETTINGS, 1);
  }

  /** A service has answered a call: clients that are served may cancel one call more. */
  callAnswered(): void {
    this.forgive(Flood.PREMATURE_RESETS, 1);
  }

  /** A DATA frame with content, or with the end, was received: it ends a row of empty ones, and may come with a PING. */
  dataReceived(): void {
    if (this.#left === undefined) return;
    this.#left[Flood.EMPTY_DATA] = this.#budgets.burst[Flood.EMPTY_DATA];
    this.forgive(Flood.PINGS, 1);
  }

  /** Gives back what useful traffic has earned. */
  forgive(flood: number, times: number): void {
    if (this.#left === undefined) return;
    this.#left[flood] = Math.min(this.#budgets.most[flood], this.#left[flood] + times);
  }

  /** To be called now and then with the whole seconds that have passed since the last call. */
  replenish(seconds: number): void {
    const left = this.#left;
    if (left === undefined) return;
    this.#budgets.burst.forEach((burst, flood) => {
      const { refill = REFILL } = BUCKETS[flood];
      if (left[flood] < burst)
        left[flood] = Math.min(burst, left[flood] + Math.ceil(burst * refill * seconds));
    });
  }
}
