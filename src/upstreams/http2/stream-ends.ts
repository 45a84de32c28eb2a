// Ends streams of a shared connection whose calls were cancelled: by a reset as long as the endpoint tolerates one more. Beyond
// that, streams run out unread, which means that what still arrives is dropped, and are reset one by one. Endpoints close a
// connection that brings too many resets, and with it the calls of all clients; see docs/decisions/0033.

import { ErrorCode } from '../../h2/error-codes.ts';
import type { Stream } from '../../h2/stream.ts';
import { StreamState } from '../../h2/stream-state.ts';
import { turnNowMs } from '../../transport/turn-clock.ts';
import type { Holding } from '../holding.ts';
import { TokenBucket } from '../token-bucket.ts';
import { AbandonedStream } from './abandoned-stream.ts';

/**
 * These allow at most 190 resets in any 30 s: Netty closes a connection at the 201st, counting both sides. nghttp2 tolerates
 * 1,000, and 33 more each second.
 */
const BURST = 100;
const PER_SECOND = 3;
/**
 * For calls without a response, which the endpoint may not have looked at yet: Rust's h2 tolerates 20 of those at a time. These
 * allow at most as many in any second, after which the endpoint has looked at them.
 */
const UNANSWERED_BURST = 10;
const UNANSWERED_PER_SECOND = 10;
const LOOKED_AT_MS = 1000;
/**
 * Streams that run out, and those that another attempt made useless, are reset only while at least this is left. The rest is for
 * calls that clients cancel now.
 */
const KEPT_FOR_NEW_ONES = 50;
const UNANSWERED_KEPT_FOR_NEW_ONES = 5;
/** A stream that has run out for this long is reset even from the rest. */
const LONGEST_UNREAD_MS = 30_000;
/**
 * How many streams of one connection the endpoint may reject as faulty: Node closes the connection at the 1,001st, Rust's h2 at
 * the 1,024th.
 */
const MOST_FAULTS = 800;

/** The error codes by which an endpoint rejects what was sent to it. Other codes are part of normal operation. */
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
  /** The endpoint rejected a stream of this client as faulty. */
  onFault(holding: Holding | undefined, nowMs: number): void;
  /** The endpoint tolerates little more: another connection should take over. */
  onWorn(reason: string): void;
}

export class StreamEnds {
  readonly #windowBytes: number;
  readonly #events: StreamEndsEvents;
  readonly #resets: TokenBucket;
  readonly #unanswered: TokenBucket;
  readonly #answers: TokenBucket;
  #faults = 0;
  /** The streams that run out, the oldest first. */
  readonly #abandoned = new Set<AbandonedStream>();

  /** @param windowBytes the receive window of a stream */
  constructor(windowBytes: number, nowMs: number, events: StreamEndsEvents) {
    this.#windowBytes = windowBytes;
    this.#events = events;
    this.#resets = new TokenBucket(BURST, PER_SECOND, nowMs);
    this.#unanswered = new TokenBucket(UNANSWERED_BURST, UNANSWERED_PER_SECOND, nowMs);
    this.#answers = new TokenBucket(BURST, PER_SECOND, nowMs);
  }

  /** The number of streams that run out unread. */
  get abandonedCount(): number {
    return this.#abandoned.size;
  }

  /**
   * Ends a stream.
   * @param how the error code for the reset, and whether the stream was lost: no client cancelled it, but another attempt of its call
   * was faster
   * @returns whether the stream is over; if not, `onOver` is called when it is
   */
  end(
    stream: Stream,
    how: { readonly code: number; readonly isLost: boolean },
    holding: Holding | undefined,
    nowMs: number,
  ): boolean {
    const { code, isLost } = how;
    if (isLost ? this.#bearsLost(stream, nowMs) : this.#bearsCancelled(stream, holding, nowMs)) {
      if (!stream.headersReceived) this.#unanswered.spend(nowMs);
      stream.reset(code);
      this.#spend(nowMs);
      return true;
    }
    const times = { nowMs, windowBytes: this.#windowBytes };
    const abandoned = new AbandonedStream(stream, holding, code, times, (over, reset) => {
      const blamed = over.isQuestion ? undefined : holding;
      if (reset !== undefined) this.noteReset(reset.code, reset.isOurs, blamed, Math.floor(turnNowMs()));
      this.#over(over);
    });
    if (!isLost && holding?.account !== undefined) {
      abandoned.isCharged = true;
      holding.account.abandoned++;
    }
    this.#abandoned.add(abandoned);
    return false;
  }

  /**
   * The client's budget is asked last, because asking spends from it: a client without one leaves the connection's budget to others. A
   * client that is alone harms no one, so it may use the whole budget of the connection.
   */
  #bearsCancelled(stream: Stream, holding: Holding | undefined, nowMs: number): boolean {
    const { account } = holding ?? {};
    return (
      this.#bears(stream, nowMs) &&
      (account === undefined || holding?.isAlone === true || account.takeReset(nowMs))
    );
  }

  /** Lost calls are unary and end soon anyway. So they leave the rest to calls that clients cancel, which may last. */
  #bearsLost({ headersReceived }: Stream, nowMs: number): boolean {
    return (
      this.#resets.left(nowMs) >= KEPT_FOR_NEW_ONES &&
      (headersReceived || this.#unanswered.left(nowMs) >= UNANSWERED_KEPT_FOR_NEW_ONES)
    );
  }

  #bears({ headersReceived }: Stream, nowMs: number): boolean {
    return this.#resets.left(nowMs) >= 1 && (headersReceived || this.#unanswered.left(nowMs) >= 1);
  }

  /** Once the budget is used up, later resets come out of the next connection's budget. */
  #spend(nowMs: number): void {
    this.#resets.spend(nowMs);
    if (this.#resets.left(nowMs) < 1)
      this.#events.onWorn('as many of its calls were given up as endpoints bear');
  }

  #over(abandoned: AbandonedStream): void {
    if (!this.#abandoned.delete(abandoned)) return;
    const { holding, isCharged } = abandoned;
    if (isCharged && holding?.account !== undefined) holding.account.abandoned--;
    this.#events.onOver(holding);
  }

  /** Notes that the endpoint reset a stream, or that we did because the endpoint broke a rule on it. */
  noteReset(code: number, isOurs: boolean, holding: Holding | undefined, nowMs: number): void {
    if (isOurs) {
      this.#spend(nowMs);
      return;
    }
    this.#answers.spend(nowMs);
    if (isFault(code)) {
      this.#faults++;
      // With this code Node refuses a call while it still counts calls that others have cancelled. The client did nothing wrong.
      if (code !== ErrorCode.ENHANCE_YOUR_CALM) this.#events.onFault(holding, nowMs);
    }
    if (this.#answers.left(nowMs) < 1 || this.#faults >= MOST_FAULTS) {
      this.#events.onWorn('the endpoint has reset as many calls as endpoints do');
    }
  }

  /**
   * Resets streams that run out, as far as the budget allows. Must be called every second, which may be just after a stream was
   * cancelled.
   */
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

/** Whether resetting this stream would send a frame: the stream was begun and is not over. */
export function isUnderWay({ state }: Stream): boolean {
  return state !== StreamState.CLOSED && state !== StreamState.IDLE;
}
