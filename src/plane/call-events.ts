// Tells subscribers of the calls of this process as they happen. Without subscribers there is no observer, and nothing of this runs. With
// them, what a filter says is remembered with the kind of call, so that a filter that leaves nothing costs a call one comparison.

import {
  type EventKind,
  type EventQuery,
  type EventSink,
  type EventSubscription,
  MOST_EVENT_SUBSCRIBERS,
} from '../calls/event-query.ts';
import type { ExchangeRecord, ExchangeSubject } from '../calls/exchange-record.ts';
import {
  type ExchangeObserver,
  ObserverSlot,
  type StartedAttempt,
  type StartedExchange,
  type WatchedExchange,
} from '../calls/observers.ts';
import type { RequestIds } from '../calls/request-id.ts';
import { EventFeed, type FeedPace, USUAL_PACE } from './event-feed.ts';
import { EventFilter } from './event-filter.ts';
import { EventText } from './event-text.ts';
import { contentBucket, MessageEvents, type Subscriber } from './message-events.ts';

/** Which subscribers calls of a kind are for. It holds no subscriber: kinds of call outlive them. */
class Verdict {
  /** The set of subscribers that was asked. */
  round = 0;
  /** One bit for the place of each subscriber. */
  places = 0;
}

const NOBODY: readonly Subscriber[] = [];
const VERDICT = new ObserverSlot<Verdict>((value): value is Verdict => value instanceof Verdict);

export interface CallEventsParts {
  readonly requestIds: RequestIds;
  /** The number of this process among the workers. */
  readonly worker?: number | undefined;
  readonly pace?: FeedPace;
  /** There is another observer, or none: `observer` says. */
  readonly onChange: () => void;
  /** Receives what is thrown while an event of a message is made, which must not reach its call. Must not throw. */
  readonly onFault: (error: unknown) => void;
}

export class CallEvents {
  /** What calls are to be observed with. Undefined while nobody has subscribed. */
  observer: ExchangeObserver | undefined = undefined;
  readonly #parts: CallEventsParts;
  readonly #text: EventText;
  readonly #pace: FeedPace;
  readonly #messages: MessageEvents;
  /** By place. */
  readonly #subscribers: (Subscriber | undefined)[] = [];
  /** Counts changes of the subscribers. A verdict of an earlier round is made again. */
  #round = 0;

  constructor(parts: CallEventsParts) {
    this.#parts = parts;
    this.#text = new EventText(parts.requestIds, parts.worker);
    this.#pace = parts.pace ?? USUAL_PACE;
    this.#messages = new MessageEvents({
      text: this.#text,
      now: this.#pace.now,
      round: () => this.#round,
      wantedBy: (subject) => this.#wantingMessages(subject),
      onFault: parts.onFault,
    });
  }

  /** @returns undefined if there are as many subscribers as there may be */
  subscribe(query: EventQuery, sink: EventSink): EventSubscription | undefined {
    const free = this.#subscribers.indexOf(undefined);
    const place = free === -1 ? this.#subscribers.length : free;
    if (place >= MOST_EVENT_SUBSCRIBERS) return undefined;
    const feed = new EventFeed(query.rate, sink, this.#pace);
    const content = contentBucket(this.#pace.now());
    this.#subscribers[place] = { filter: new EventFilter(query), feed, content };
    this.#changed();
    return {
      close: () => {
        if (this.#subscribers[place]?.feed !== feed) return;
        feed.close();
        this.#subscribers[place] = undefined;
        this.#changed();
      },
    };
  }

  /** Passes on what waits. Called when the last call is over. */
  flush(): void {
    for (const subscriber of this.#subscribers) subscriber?.feed.flush();
  }

  #changed(): void {
    this.#round++;
    this.observer = this.#makeObserver();
    if (this.observer?.watchMessages === undefined) this.#messages.close();
    this.#parts.onChange();
  }

  /** An observer without the methods that no subscriber needs, since an event that no observer needs costs nothing. */
  #makeObserver(): ExchangeObserver | undefined {
    const isWanted = (kind: EventKind): boolean =>
      this.#subscribers.some((subscriber) => subscriber?.filter.wants(kind));
    if (this.#subscribers.every((subscriber) => subscriber === undefined)) return undefined;
    const readsHeaders = this.#subscribers.some((subscriber) => subscriber?.filter.readsHeaders === true);
    return {
      ...(readsHeaders && { readsHeaders }),
      ...(isWanted('start') && { onStart: (exchange: StartedExchange) => this.#started(exchange) }),
      ...(isWanted('attempt') && { onAttempt: (attempt: StartedAttempt) => this.#attempted(attempt) }),
      ...(isWanted('end') && { onFinish: (record: ExchangeRecord) => this.#finished(record) }),
      ...(isWanted('message') && {
        watchMessages: (exchange: WatchedExchange) => this.#messages.watch(exchange),
        onFinish: (record: ExchangeRecord) => this.#finished(record),
      }),
    };
  }

  #started(exchange: StartedExchange): void {
    for (const { filter, feed } of this.#wanting('start', exchange.subject))
      if (filter.fitsIdentity(exchange.identity)) feed.add(() => this.#text.start(exchange, filter));
  }

  #attempted(attempt: StartedAttempt): void {
    const { exchange, endpoint } = attempt;
    for (const { filter, feed } of this.#wanting('attempt', exchange.subject))
      if (filter.fitsEndpoint(endpoint) && filter.fitsIdentity(exchange.identity))
        feed.add(() => this.#text.attempt(attempt, filter));
  }

  #finished(record: ExchangeRecord): void {
    this.#messages.finished(record.number);
    for (const { filter, feed } of this.#wanting('end', record.subject))
      if (filter.fitsEnd(record)) feed.add(() => this.#text.end(record, filter));
  }

  #wantingMessages(subject: ExchangeSubject): readonly Subscriber[] {
    return this.#wanting('message', subject);
  }

  /** @returns the subscribers that want events of this kind, as far as the header section of the call decides */
  #wanting(kind: EventKind, subject: ExchangeSubject): readonly Subscriber[] {
    const places = this.#placesFor(subject);
    if (places === 0) return NOBODY;
    let wanting: Subscriber[] | undefined;
    for (let place = 0; place < this.#subscribers.length; place++) {
      const subscriber = (places & (1 << place)) === 0 ? undefined : this.#subscribers[place];
      if (subscriber === undefined || !subscriber.filter.wants(kind)) continue;
      if (!subscriber.filter.fitsCall(subject)) continue;
      wanting ??= [];
      wanting.push(subscriber);
    }
    return wanting ?? NOBODY;
  }

  #placesFor(subject: ExchangeSubject): number {
    const verdict = VERDICT.of(subject);
    return verdict?.round === this.#round ? verdict.places : this.#judge(subject, verdict);
  }

  #judge(subject: ExchangeSubject, earlier: Verdict | undefined): number {
    const verdict = earlier ?? new Verdict();
    verdict.round = this.#round;
    verdict.places = 0;
    for (const [place, subscriber] of this.#subscribers.entries())
      if (subscriber?.filter.fitsSubject(subject) === true) verdict.places |= 1 << place;
    if (earlier === undefined) VERDICT.keep(subject, verdict);
    return verdict.places;
  }
}
