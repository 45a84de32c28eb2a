// The events of messages: follows the messages of calls that a subscriber wants them of, and keeps their first bytes within a bound for the
// whole process. A call is looked at when it begins; the messages of a call that nobody wanted then have no events. There is no list of all calls
// that are followed: a map with an entry for each call was twice as expensive as all else here.

import type { ExchangeSubject } from '../calls/exchange-record.ts';
import type { MessageWatches, WatchedExchange } from '../calls/observers.ts';
import { MessageWatch, type MessageWatcher } from '../grpc/message-watch.ts';
import { TokenBucket } from '../upstreams/token-bucket.ts';
import type { EventFeed } from './event-feed.ts';
import type { EventFilter } from './event-filter.ts';
import type { EventText } from './event-text.ts';

/** What all unfinished messages of the process may keep of their first bytes. */
const MOST_KEPT_BYTES = 8 * 1024 * 1024;
/** How much content of messages one subscriber gets from a process, so that the work for it is bounded. As much may come at once. */
const CONTENT_BYTES_PER_SECOND = 4 * 1024 * 1024;

export interface Subscriber {
  readonly filter: EventFilter;
  readonly feed: EventFeed;
  /** What the subscriber may still get of the content of messages. */
  readonly content: TokenBucket;
}

export interface MessageEventsParts {
  readonly text: EventText;
  readonly now: () => number;
  /** Counts changes of the subscribers. */
  readonly round: () => number;
  /** @returns the subscribers that want messages of the calls with this subject. The answer is valid for the round. */
  readonly wantedBy: (subject: ExchangeSubject) => readonly Subscriber[];
  readonly onFault: (error: unknown) => void;
}

export function contentBucket(nowMs: number): TokenBucket {
  return new TokenBucket(CONTENT_BYTES_PER_SECOND, CONTENT_BYTES_PER_SECOND, nowMs);
}

export class MessageEvents {
  readonly #parts: MessageEventsParts;
  /** The calls that keep bytes of unfinished messages, by their number. */
  readonly #keeping = new Map<number, WatchedCall>();
  #keptBytes = 0;

  constructor(parts: MessageEventsParts) {
    this.#parts = parts;
  }

  /** How many bytes of unfinished messages are kept. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** @returns undefined if nobody wants the messages of this call */
  watch(exchange: WatchedExchange): MessageWatches | undefined {
    if (this.#parts.wantedBy(exchange.subject).length === 0) return undefined;
    return new WatchedCall(exchange, this);
  }

  /** The call with this number is over. */
  finished(number: number): void {
    if (this.#keeping.size > 0) this.#keeping.get(number)?.close();
  }

  /** Nobody wants messages any more. */
  close(): void {
    for (const call of this.#keeping.values()) call.close();
  }

  get round(): number {
    return this.#parts.round();
  }

  wantedBy({ subject }: WatchedExchange): readonly Subscriber[] {
    return this.#parts.wantedBy(subject);
  }

  take(call: WatchedCall, bytes: number): boolean {
    if (this.#keptBytes + bytes > MOST_KEPT_BYTES) return false;
    this.#keptBytes += bytes;
    this.#keeping.set(call.number, call);
    return true;
  }

  give(call: WatchedCall, bytes: number): void {
    this.#keptBytes -= bytes;
    if (call.keptBytes === 0) this.#keeping.delete(call.number);
  }

  tell(exchange: WatchedExchange, watch: MessageWatch, subscribers: readonly Subscriber[]): void {
    try {
      const { text, now } = this.#parts;
      const endpoint = exchange.endpointAtWork;
      for (const { filter, feed, content } of subscribers) {
        if (!filter.fitsEndpoint(endpoint) || !filter.fitsIdentity(exchange.identity)) continue;
        feed.add(() => {
          const bytes = Math.min(filter.messageBytes, watch.end - watch.start);
          const shownBytes = bytes <= content.left(now()) ? bytes : 0;
          if (shownBytes > 0) content.spend(now(), shownBytes);
          return text.message(exchange, watch, filter, shownBytes);
        });
      }
    } catch (error) {
      this.#parts.onFault(error);
    }
  }
}

class WatchedCall implements MessageWatcher, MessageWatches {
  readonly request = new MessageWatch('request', this);
  readonly response = new MessageWatch('response', this);
  /** How many bytes of its unfinished messages are kept. */
  keptBytes = 0;
  readonly #exchange: WatchedExchange;
  readonly #events: MessageEvents;
  #subscribers: readonly Subscriber[] = [];
  /** The round in which these subscribers are those that want the messages. */
  #round = -1;

  constructor(exchange: WatchedExchange, events: MessageEvents) {
    this.#exchange = exchange;
    this.#events = events;
  }

  get number(): number {
    return this.#exchange.number;
  }

  get wantedBytes(): number {
    return this.#wantedBy().reduce((most, { filter }) => Math.max(most, filter.messageBytes), 0);
  }

  take(bytes: number): boolean {
    if (!this.#events.take(this, bytes)) return false;
    this.keptBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.keptBytes -= bytes;
    this.#events.give(this, bytes);
  }

  onMessage(watch: MessageWatch): void {
    this.#events.tell(this.#exchange, watch, this.#wantedBy());
  }

  #wantedBy(): readonly Subscriber[] {
    const { round } = this.#events;
    if (round !== this.#round) {
      this.#round = round;
      this.#subscribers = this.#events.wantedBy(this.#exchange);
    }
    return this.#subscribers;
  }

  close(): void {
    this.request.close();
    this.response.close();
  }
}
