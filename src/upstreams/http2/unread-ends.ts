// Streams that our frames have ended, and that the endpoint may still count. A client that cancels a hundred calls returns a
// hundred places at once, and calls that take them may exceed the limit: Node forgets a stream some time after it has read the
// reset, and until then refuses new streams with ENHANCE_YOUR_CALM. See docs/decisions/0033.

import type { Connection } from '../../h2/connection.ts';
import { turnNowMs } from '../../transport/turn-clock.ts';
import { TokenBucket } from '../token-bucket.ts';

/**
 * The budget for questions. Each is a SETTINGS frame, and services close a connection that brings too many: Framegate itself
 * tolerates 20, and 2 more each second.
 */
const QUESTIONS_BURST = 8;
const QUESTIONS_PER_SECOND = 1.5;
/** An endpoint that has not answered after this time is assumed to have read everything. Otherwise its places would be lost forever. */
const LONGEST_ANSWER_MS = 10_000;

export class UnreadEnds {
  readonly #http2: Connection;
  readonly #questions: TokenBucket;
  readonly #contain: (action: () => void) => void;
  /** How many of Connection.endsSent the endpoint has read. */
  #read = 0;
  /** The value of endsSent at the last question. Undefined when the endpoint has answered. */
  #asked: number | undefined = undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** Answers to questions that were given up. They may still come, before any other answer. */
  #lateAnswers = 0;
  /** The value of endsSent before a stream above `#seenBehind` was opened. Undefined when no such stream is awaited. */
  #seen: number | undefined = undefined;
  #seenBehind = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param contain runs a timer's action, so that an error ends this connection only */
  constructor(http2: Connection, contain: (action: () => void) => void) {
    this.#http2 = http2;
    this.#questions = new TokenBucket(QUESTIONS_BURST, QUESTIONS_PER_SECOND, Math.floor(turnNowMs()));
    this.#contain = contain;
  }

  /** The number of streams that are over for us but perhaps not for the endpoint. */
  get count(): number {
    return this.#http2.endsSent - this.#read;
  }

  /**
   * Asks the endpoint when places are scarce.
   * @param active the number of streams that are not over
   * @param most how many the endpoint allows
   */
  resolve(active: number, most: number): void {
    const { count } = this;
    // Not after each end while there is room: a quarter of the places may be in doubt.
    const isScarce = 4 * count >= most || active + count >= most;
    if (count === 0 || !isScarce || this.#asked !== undefined || this.#timer !== undefined) return;
    const nowMs = Math.floor(turnNowMs());
    const missing = 1 - this.#questions.left(nowMs);
    const waitMs = Math.ceil((1000 * missing) / QUESTIONS_PER_SECOND);
    if (missing <= 0) this.#ask(nowMs);
    else this.#timer = setTimeout(() => this.#contain(() => this.#askLate()), waitMs).unref();
  }

  /** Asks for the sake of the answer: whether the endpoint still reads. An answer that is awaited already serves as well. */
  askAnyway(): void {
    if (this.#asked === undefined) this.#ask(Math.floor(turnNowMs()));
  }

  #askLate(): void {
    this.#timer = undefined;
    this.#ask(Math.floor(performance.now()));
  }

  /**
   * Notes that the endpoint responded on a stream. Frames are read in order, so an end that was sent before the stream was opened
   * has been read.
   * @returns whether there may be more room now
   */
  answered(streamId: number): boolean {
    if (this.count === 0) return false;
    if (this.#seen === undefined) {
      this.#seen = this.#http2.endsSent;
      this.#seenBehind = this.#http2.lastStreamId;
      return false;
    }
    if (streamId <= this.#seenBehind) return false;
    this.#read = Math.max(this.#read, this.#seen);
    this.#seen = undefined;
    return true;
  }

  #ask(nowMs: number): void {
    this.#asked = this.#http2.endsSent;
    this.#askedAtMs = nowMs;
    this.#questions.spend(nowMs);
    this.#http2.askToCatchUp();
  }

  /** Notes that the endpoint has answered the oldest question. */
  caughtUp(): void {
    if (this.#lateAnswers > 0) this.#lateAnswers--;
    else this.#conclude();
  }

  #conclude(): void {
    if (this.#asked === undefined) return;
    this.#read = Math.max(this.#read, this.#asked);
    this.#asked = undefined;
  }

  /**
   * Gives up waiting for an overdue answer. Must be called at intervals.
   * @returns whether an answer was given up
   */
  giveUpWaiting(nowMs: number): boolean {
    if (this.#asked === undefined || nowMs - this.#askedAtMs < LONGEST_ANSWER_MS) return false;
    this.#lateAnswers++;
    this.#conclude();
    return true;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
