// Streams that a frame of ours has ended, and that the endpoint may still count. Who cancels a hundred calls gives back a hundred
// places at once, and calls that take them may be ones too many: Node forgets a stream some time after it has read the reset, and
// turns what comes with it away by ENHANCE_YOUR_CALM. See docs/decisions/0033.

import type { Connection } from '../../h2/connection.ts';
import { turnNowMs } from '../../transport/turn-clock.ts';
import { TokenBucket } from '../token-bucket.ts';

/**
 * Each question is a SETTINGS frame, and services end a connection that brings too many: Framegate itself bears 20, and 2 more each
 * second.
 */
const QUESTIONS_BURST = 8;
const QUESTIONS_PER_SECOND = 1.5;
/** An endpoint that does not answer in this time is taken to have read everything, or its places would be lost for ever. */
const LONGEST_ANSWER_MS = 10_000;

export class UnreadEnds {
  readonly #http2: Connection;
  readonly #questions: TokenBucket;
  readonly #contain: (action: () => void) => void;
  /** Of Connection.endsSent those that the endpoint has read. */
  #read = 0;
  /** What it had been sent when it was asked last; undefined when it has answered. */
  #asked: number | undefined = undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** To questions that were done without. They may still come, and before any other. */
  #lateAnswers = 0;
  /** What it had been sent before it was sent a stream above `#seenBehind`; undefined when no such stream is awaited. */
  #seen: number | undefined = undefined;
  #seenBehind = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param contain runs what a timer does: what that throws ends this connection only */
  constructor(http2: Connection, contain: (action: () => void) => void) {
    this.#http2 = http2;
    this.#questions = new TokenBucket(QUESTIONS_BURST, QUESTIONS_PER_SECOND, Math.floor(turnNowMs()));
    this.#contain = contain;
  }

  /** Streams that are over for us and perhaps not for the endpoint. */
  get count(): number {
    return this.#http2.endsSent - this.#read;
  }

  /** Asks the endpoint where places are scarce. @param active streams that are not over, of the `most` that it allows */
  resolve(active: number, most: number): void {
    const { count } = this;
    // Not one by one while there is room: a quarter of the places may be in doubt.
    const isScarce = 4 * count >= most || active + count >= most;
    if (count === 0 || !isScarce || this.#asked !== undefined || this.#timer !== undefined) return;
    const nowMs = Math.floor(turnNowMs());
    const missing = 1 - this.#questions.left(nowMs);
    const waitMs = Math.ceil((1000 * missing) / QUESTIONS_PER_SECOND);
    if (missing <= 0) this.#ask(nowMs);
    else this.#timer = setTimeout(() => this.#contain(() => this.#askLate()), waitMs).unref();
  }

  #askLate(): void {
    this.#timer = undefined;
    this.#ask(Math.floor(performance.now()));
  }

  /**
   * The endpoint has answered a stream. Frames are read in order: where the stream was opened behind an end, that was read.
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

  /** The endpoint has answered the oldest question. */
  caughtUp(): void {
    if (this.#lateAnswers > 0) this.#lateAnswers--;
    else this.#conclude();
  }

  #conclude(): void {
    if (this.#asked === undefined) return;
    this.#read = Math.max(this.#read, this.#asked);
    this.#asked = undefined;
  }

  /** To be called now and then. @returns whether an answer was overdue for so long that it is done without */
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
