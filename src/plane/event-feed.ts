// The events on their way to one subscriber: so many per second, so many at once, and never more in memory than a small queue. What does
// not fit is counted, and the subscriber is told the count. Adding an event never waits.

import type { EventBatch, EventSink } from '../calls/event-query.ts';
import { TokenBucket } from '../upstreams/token-bucket.ts';

/** Events are passed on together, so that a thousand of them are no thousand writes or messages. */
const FLUSH_EVERY_MS = 50;
/** So much does not wait for the time to be over. */
const FLUSH_AT_CHARACTERS = 64 * 1024;
/** What may wait for a subscriber that has not taken the batch before. */
const MOST_WAITING_CHARACTERS = 256 * 1024;

export interface FeedPace {
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** How long events may wait for others. */
  readonly flushEveryMs: number;
}

export const USUAL_PACE: FeedPace = { now: () => performance.now(), flushEveryMs: FLUSH_EVERY_MS };

export class EventFeed {
  readonly #sink: EventSink;
  readonly #pace: FeedPace;
  readonly #bucket: TokenBucket;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  #dropped = 0;
  /** The sink has not taken the last batch yet. */
  #isUnderWay = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param rate the most events per second; as many may come at once */
  constructor(rate: number, sink: EventSink, pace: FeedPace = USUAL_PACE) {
    this.#sink = sink;
    this.#pace = pace;
    this.#bucket = new TokenBucket(rate, rate, pace.now());
  }

  /** Takes an event, or counts it as dropped. @param render makes its text, which must be bounded; called only if there is room for it */
  add(render: () => string): void {
    if (this.#isClosed) return;
    if (this.#waitingCharacters >= MOST_WAITING_CHARACTERS || !this.#bucket.take(this.#pace.now())) {
      this.drop(1);
      return;
    }
    const text = render();
    this.#waiting.push(text);
    this.#waitingCharacters += text.length;
    if (this.#waitingCharacters >= FLUSH_AT_CHARACTERS && !this.#isUnderWay) this.flush();
    else this.#schedule();
  }

  /** Counts events that somebody before this feed has dropped. */
  drop(count: number): void {
    if (this.#isClosed || count === 0) return;
    this.#dropped += count;
    this.#schedule();
  }

  /** Passes on everything that waits, without waiting for the sink. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isClosed || (this.#waiting.length === 0 && this.#dropped === 0)) return;
    const batch: EventBatch = { events: this.#waiting, dropped: this.#dropped };
    this.#waiting = [];
    this.#waitingCharacters = 0;
    this.#dropped = 0;
    this.#isUnderWay = true;
    this.#sink(batch, () => {
      this.#isUnderWay = false;
      if (this.#waiting.length > 0 || this.#dropped > 0) this.#schedule();
    });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  #schedule(): void {
    if (this.#isUnderWay || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.flush(), this.#pace.flushEveryMs).unref();
  }
}
