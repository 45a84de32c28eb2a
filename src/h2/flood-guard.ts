// Limits how often a peer may do what costs it little, and ends the connection with ENHANCE_YOUR_CALM beyond that (RFC 9113
// section 10.5). Every kind has a token bucket; unless its row says otherwise, a tenth of the bucket is refilled each second.
// There is no clock here: the caller passes the time to replenish(). Small DATA frames are never counted, since streams of LLM
// tokens consist of them.

import { ErrorCode } from './error-codes.ts';
import { ConnectionError } from './errors.ts';
import type { FloodLimits } from './flood-limits.ts';

/** The kinds, each with its index in BUCKETS. */
export const Flood = {
  /** RST_STREAM from the peer on a stream it has just opened and that had no response (CVE-2023-44487). */
  PREMATURE_RESETS: 0,
  /** Streams we had to reset because the peer broke a rule (CVE-2025-8671). */
  STREAM_ERRORS: 1,
  /** Includes acknowledgements of PINGs that were never sent. */
  PINGS: 2,
  /** Includes acknowledgements of SETTINGS that were never sent. */
  SETTINGS: 3,
  PRIORITIES: 4,
  /** A stream that is opened earns two of these. A sent DATA frame earns ten, and one each of PINGS and SETTINGS. */
  WINDOW_UPDATES: 5,
  /** DATA frames in a row that are empty and do not end the stream (CVE-2019-9518). */
  EMPTY_DATA: 6,
  /** Frames of unknown types. */
  UNKNOWN_FRAMES: 7,
  /** Streams opened above SETTINGS_MAX_CONCURRENT_STREAMS. */
  REFUSED_STREAMS: 8,
  GOAWAYS: 9,
  /** RST_STREAM and HEADERS on streams that are over, in excess of those that may have been in flight when the stream ended. */
  LATE_FRAMES: 10,
  /** As PREMATURE_RESETS, but the client's own deadline for the stream has passed. */
  DEADLINE_RESETS: 11,
} as const;

interface Bucket {
  readonly token: string;
  readonly limit: keyof FloodLimits;
  /** How full useful traffic can make the bucket, as a multiple of the limit. */
  readonly savings: number;
  /** The initial level of the bucket, as a multiple of the limit. The default is 1. */
  readonly times?: number;
  /** The fraction of the initial level that is refilled each second. The default is REFILL. */
  readonly refill?: number;
}

const BUCKETS: readonly Bucket[] = [
  { token: 'too_many_resets', limit: 'resets', savings: 1 },
  { token: 'too_many_stream_errors', limit: 'streamErrors', savings: 1 },
  { token: 'too_many_pings', limit: 'pings', savings: 1 },
  { token: 'too_many_settings', limit: 'settings', savings: 1 },
  { token: 'too_many_priorities', limit: 'priorities', savings: 1 },
  // A peer may answer each DATA frame of a large batch with a WINDOW_UPDATE for the stream and another for the connection.
  { token: 'too_many_window_updates', limit: 'windowUpdates', savings: 100 },
  { token: 'too_many_empty_frames', limit: 'emptyData', savings: 1 },
  { token: 'too_many_unknown_frames', limit: 'unknownFrames', savings: 1 },
  { token: 'too_many_refused_streams', limit: 'refusedStreams', savings: 1 },
  { token: 'too_many_goaways', limit: 'goAways', savings: 1 },
  { token: 'too_many_late_frames', limit: 'lateFrames', savings: 1 },
  // By default 6,400 per second: this is what a client reaches that resets each of 128 streams after 20 ms. Resets of older
  // streams are not counted at all.
  { token: 'too_many_resets', limit: 'resets', savings: 32, times: 32, refill: 1 },
];
/** The fraction of a bucket's initial level that is refilled each second. */
const REFILL = 0.1;

/** The levels of the buckets, in the order of BUCKETS. */
interface Budgets {
  readonly burst: Int32Array;
  readonly most: Int32Array;
}

/** Shared by all connections with the same configuration. */
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
  /** The time of the chunk that is being read, in whole milliseconds of a monotonic clock. */
  nowMs = 0;
  readonly #budgets: Budgets;
  /** The current levels. Allocated at the first count, so an idle connection has none. */
  #left: Int32Array | undefined = undefined;

  constructor(limits: FloodLimits) {
    this.#budgets = budgetsOf(limits);
  }

  /** @throws ConnectionError when the bucket is empty */
  count(flood: number): void {
    // Int32Array.from would be slower: it uses an iterator.
    this.#left ??= this.#budgets.burst.slice();
    if (--this.#left[flood] < 0) {
      const { token, limit } = BUCKETS[flood];
      const message = `${token.replaceAll('_', ' ')}, more than limits.floods.${limit} allows`;
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, token, message);
    }
  }

  /**
   * A sent DATA frame earns the frames that peers send in response. grpc-go and gRPC's C core estimate the bandwidth with one
   * PING per round trip while they receive data, and adjust their windows by SETTINGS.
   */
  dataSent(): void {
    if (this.#left === undefined) return;
    this.forgive(Flood.WINDOW_UPDATES, 10);
    this.forgive(Flood.PINGS, 1);
    this.forgive(Flood.SETTINGS, 1);
  }

  /**
   * A stream has been opened, by either side. gRPC's C core widens the window of the stream and that of the connection for each unary
   * call, also where the answer then comes without DATA.
   */
  streamOpened(): void {
    this.forgive(Flood.WINDOW_UPDATES, 2);
  }

  /** The service has answered a call, which earns the client one more cancellation. */
  callAnswered(): void {
    this.forgive(Flood.PREMATURE_RESETS, 1);
  }

  /** A DATA frame that has content or ends its stream ends a series of empty frames, and may be followed by a PING. */
  dataReceived(): void {
    if (this.#left === undefined) return;
    this.#left[Flood.EMPTY_DATA] = this.#budgets.burst[Flood.EMPTY_DATA];
    this.forgive(Flood.PINGS, 1);
  }

  /** Adds what useful traffic has earned, up to the bucket's limit. */
  forgive(flood: number, times: number): void {
    if (this.#left === undefined) return;
    this.#left[flood] = Math.min(this.#budgets.most[flood], this.#left[flood] + times);
  }

  /** Refills the buckets. Must be called at intervals with the whole seconds since the last call. */
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
