// Counts what a peer may do too often, and ends the connection with ENHANCE_YOUR_CALM when it does (RFC 9113 section
// 10.5). Every kind has a bucket: so many at once, so many more for each second that passes. There is no clock here:
// whoever owns time calls replenish(). Small DATA frames are never counted: token streams are made of them.

import { ErrorCode } from './error-codes.ts';
import { ConnectionError } from './errors.ts';

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
} as const;

interface Bucket {
  readonly token: string;
  readonly burst: number;
  readonly perSecond: number;
  /** What can be saved up by useful traffic; the burst unless given. */
  readonly most?: number;
}

const BUCKETS: readonly Bucket[] = [
  { token: 'too_many_resets', burst: 200, perSecond: 20 },
  { token: 'too_many_stream_errors', burst: 20, perSecond: 2 },
  { token: 'too_many_pings', burst: 100, perSecond: 10 },
  { token: 'too_many_settings', burst: 20, perSecond: 2 },
  { token: 'too_many_priorities', burst: 1000, perSecond: 100 },
  // A peer may answer each DATA frame of a large batch by an update of the stream and one of the connection.
  { token: 'too_many_window_updates', burst: 1000, perSecond: 100, most: 100_000 },
  { token: 'too_many_empty_frames', burst: 20, perSecond: 2 },
  { token: 'too_many_unknown_frames', burst: 100, perSecond: 10 },
  { token: 'too_many_refused_streams', burst: 100, perSecond: 10 },
  { token: 'too_many_goaways', burst: 20, perSecond: 2 },
  { token: 'too_many_late_frames', burst: 1000, perSecond: 100 },
];

export class FloodGuard {
  /** The time as told with the chunk being read, in whole milliseconds of any clock that does not go back. */
  nowMs = 0;
  /** Made at the first count: an idle connection keeps none. */
  #left: Int32Array | undefined = undefined;

  /** @throws ConnectionError when the bucket is empty */
  count(flood: number): void {
    this.#left ??= Int32Array.from(BUCKETS, (bucket) => bucket.burst);
    if (--this.#left[flood] < 0) {
      const { token } = BUCKETS[flood];
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, token, token.replaceAll('_', ' '));
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

  /** A DATA frame with content, or with the end, was received: it ends a row of empty ones, and may come with a PING. */
  dataReceived(): void {
    if (this.#left === undefined) return;
    this.forgive(Flood.EMPTY_DATA, 20);
    this.forgive(Flood.PINGS, 1);
  }

  /** Gives back what useful traffic has earned. */
  forgive(flood: number, times: number): void {
    if (this.#left === undefined) return;
    const { burst, most = burst } = BUCKETS[flood];
    this.#left[flood] = Math.min(most, this.#left[flood] + times);
  }

  /** To be called now and then with the whole seconds that have passed since the last call. */
  replenish(seconds: number): void {
    const left = this.#left;
    if (left === undefined) return;
    BUCKETS.forEach(({ burst, perSecond }, flood) => {
      if (left[flood] < burst) left[flood] = Math.min(burst, left[flood] + perSecond * seconds);
    });
  }
}
