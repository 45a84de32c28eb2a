// How streams of a shared connection end before they are over: by a reset, as long as the endpoint bears one more. Beyond
// that they run out unread, and are reset one by one. Endpoints end a connection that brings too many resets, and the
// calls of all clients on it; see docs/decisions/0033.

import { ErrorCode } from '../../h2/error-codes.ts';
import type { Stream } from '../../h2/stream.ts';
import { StreamState } from '../../h2/stream-state.ts';
import { turnNowMs } from '../../transport/turn-clock.ts';
import type { Holding } from '../holding.ts';
import { TokenBucket } from '../token-bucket.ts';
import { AbandonedStream } from './abandoned-stream.ts';

/** At most 190 in any 30 s: Netty ends a connection with the 201st, of either side's. nghttp2 bears 1,000, and 33 more each second. */
const BURST = 100;
const PER_SECOND = 3;
/**
 * Of calls without a response, which the endpoint may not have looked at yet: Rust's h2 bears 20 of those at a time. That is what is
 * sent in any second at most; after a second it has looked at them.
 */
const UNANSWERED_BURST = 10;
const UNANSWERED_PER_SECOND = 10;
const LOOKED_AT_MS = 1000;
/** Streams that run out are reset from what is above this: the rest is for calls that are given up now. */
const KEPT_FOR_NEW_ONES = 50;
const UNANSWERED_KEPT_FOR_NEW_ONES = 5;
/** One that has run out for so long is reset from all that is left. */
const LONGEST_UNREAD_MS = 30_000;
/** Streams in which the endpoint found fault, in the life of a connection: Node ends it with the 1,001st, Rust's h2 with the 1,024th. */
const MOST_FAULTS = 800;

/** What an endpoint sends where it finds fault with what was sent to it; others are part of an ordinary life. */
const FAULT_CODES: ReadonlySet<number> = new Set([
  ErrorCode.PROTOCOL_ERROR,
  ErrorCode.FLOW_CONTROL_ERROR,
  ErrorCode.STREAM_CLOSED,
  ErrorCode.FRAME_SIZE_ERROR,
  ErrorCode.COMPRESSION_ERROR,
  ErrorCode.ENHANCE_YOUR_CALM,
]);

export function isFault(code: number): boolean {
  return FAULT_CODES.has(code);
}

export interface StreamEndsEvents {
  /** A stream that ran out is over. */
  onOver(holding: Holding | undefined): void;
  /** The endpoint has found fault with a stream of this client. */
  onFault(holding: Holding | undefined, nowMs: number): void;
  /** The endpoint bears little more: another connection should take over. */
  onWorn(reason: string): void;
}

export class StreamEnds {
  readonly #windowBytes: number;
  readonly #events: StreamEndsEvents;
  readonly #resets: TokenBucket;
  readonly #unanswered: TokenBucket;
  readonly #answers: TokenBucket;
  #faults = 0;
  /** The oldest first. */
  readonly #abandoned = new Set<AbandonedStream>();

  /** @param windowBytes that the endpoint may send on a stream at a time */
  constructor(windowBytes: number, nowMs: number, events: StreamEndsEvents) {
    this.#windowBytes = windowBytes;
    this.#events = events;
    this.#resets = new TokenBucket(BURST, PER_SECOND, nowMs);
    this.#unanswered = new TokenBucket(UNANSWERED_BURST, UNANSWERED_PER_SECOND, nowMs);
    this.#answers = new TokenBucket(BURST, PER_SECOND, nowMs);
  }

  /** Streams that run out unread. */
  get abandonedCount(): number {
    return this.#abandoned.size;
  }

  /** @returns whether the stream is over; if not, `onOver` tells when it is */
  end(stream: Stream, code: number, holding: Holding | undefined, nowMs: number): boolean {
    const { account } = holding ?? {};
    // The client's share is asked last, as asking takes of it: a client without one leaves the connection's budgets to others.
    // Who is alone harms nobody: the connection's budget is all of it.
    if (
      this.#bears(stream, nowMs) &&
      (account === undefined || holding?.isAlone === true || account.takeReset(nowMs))
    ) {
      if (!stream.headersReceived) this.#unanswered.spend(nowMs);
      stream.reset(code);
      this.#spend(nowMs);
      return true;
    }
    if (account !== undefined) account.abandoned++;
    const times = { nowMs, windowBytes: this.#windowBytes };
    const abandoned = new AbandonedStream(stream, holding, code, times, (over, reset) => {
      if (reset !== undefined) this.noteReset(reset.code, reset.isOurs, holding, Math.floor(turnNowMs()));
      this.#over(over);
    });
    this.#abandoned.add(abandoned);
    return false;
  }

  #bears({ headersReceived }: Stream, nowMs: number): boolean {
    return this.#resets.left(nowMs) >= 1 && (headersReceived || this.#unanswered.left(nowMs) >= 1);
  }

  /** Whatever comes after this is reset from the next connection's budget. */
  #spend(nowMs: number): void {
    this.#resets.spend(nowMs);
    if (this.#resets.left(nowMs) < 1)
      this.#events.onWorn('as many of its calls were given up as endpoints bear');
  }

  #over(abandoned: AbandonedStream): void {
    if (!this.#abandoned.delete(abandoned)) return;
    const { holding } = abandoned;
    if (holding?.account !== undefined) holding.account.abandoned--;
    this.#events.onOver(holding);
  }

  /** A stream was reset by the endpoint, or by us because the endpoint broke a rule on it. */
  noteReset(code: number, isOurs: boolean, holding: Holding | undefined, nowMs: number): void {
    if (isOurs) {
      this.#spend(nowMs);
      return;
    }
    this.#answers.spend(nowMs);
    if (isFault(code)) {
      this.#faults++;
      // By this code Node turns a call away while it still counts calls that others have given up: its client did nothing.
      if (code !== ErrorCode.ENHANCE_YOUR_CALM) this.#events.onFault(holding, nowMs);
    }
    if (this.#answers.left(nowMs) < 1 || this.#faults >= MOST_FAULTS) {
      this.#events.onWorn('the endpoint has reset as many calls as endpoints do');
    }
  }

  /** To be called every second, which may be a moment after a stream was given up. */
  resetAbandoned(nowMs: number): void {
    for (const abandoned of this.#abandoned) {
      const ageMs = nowMs - abandoned.sinceMs;
      const isOld = ageMs >= LONGEST_UNREAD_MS;
      if (this.#resets.left(nowMs) < (isOld ? 1 : KEPT_FOR_NEW_ONES)) return;
      if (!abandoned.stream.headersReceived) {
        const least = isOld ? 1 : UNANSWERED_KEPT_FOR_NEW_ONES;
        if (ageMs < LOOKED_AT_MS || this.#unanswered.left(nowMs) < least) continue;
        this.#unanswered.spend(nowMs);
      }
      abandoned.stream.reset(abandoned.code);
      this.#resets.spend(nowMs);
      this.#over(abandoned);
    }
  }
}

/** Whether a reset of this stream would leave: it was begun, and is not over. */
export function isUnderWay({ state }: Stream): boolean {
  return state !== StreamState.CLOSED && state !== StreamState.IDLE;
}
