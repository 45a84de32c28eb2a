// The subscribers of the primary. Each worker sends the events of its calls, at the rate of the subscriber at most; here they become one
// stream, with that rate for all workers together.

import {
  type EventQuery,
  type EventSink,
  type EventSubscription,
  MOST_EVENT_SUBSCRIBERS,
} from '../calls/event-query.ts';
import { EventFeed } from '../plane/event-feed.ts';
import type { NumberedQuery, ToWorker } from './messages.ts';
import type { WorkerLoss } from './worker-load.ts';
import type { CallEventsReport } from './worker-process.ts';

export interface WorkerDeath extends WorkerLoss {
  readonly worker: number;
  readonly pid: number;
  readonly how: string;
}

interface EventRelay {
  readonly query: EventQuery;
  readonly feed: EventFeed;
}

export class EventRelays {
  readonly #tellWorkers: (message: ToWorker) => void;
  readonly #relays = new Map<number, EventRelay>();
  #lastSubscription = 0;

  /** @param tellWorkers sends a message to all workers, also to those that drain */
  constructor(tellWorkers: (message: ToWorker) => void) {
    this.#tellWorkers = tellWorkers;
  }

  /** What a new worker begins with. */
  get subscriptions(): readonly NumberedQuery[] {
    return Array.from(this.#relays, ([subscription, { query }]) => ({ subscription, query }));
  }

  /** @returns undefined if there are as many subscribers as there may be */
  subscribe(query: EventQuery, sink: EventSink): EventSubscription | undefined {
    if (this.#relays.size >= MOST_EVENT_SUBSCRIBERS) return undefined;
    const subscription = ++this.#lastSubscription;
    const feed = new EventFeed(query.rate, sink);
    this.#relays.set(subscription, { query, feed });
    this.#tellWorkers({ type: 'subscribe', subscription, query });
    return {
      close: () => {
        if (!this.#relays.delete(subscription)) return;
        feed.close();
        this.#tellWorkers({ type: 'unsubscribe', subscription });
      },
    };
  }

  received({ subscription, events, dropped }: CallEventsReport): void {
    const feed = this.#relays.get(subscription)?.feed;
    if (feed === undefined) return;
    for (const event of events) feed.add(() => event);
    feed.drop(dropped);
  }

  /** All subscribers are told, whatever their filters: calls of theirs may have begun in the worker, and have no end. */
  workerDied(death: WorkerDeath): void {
    const text = JSON.stringify({ event: 'worker_died', time: Date.now(), ...death });
    for (const { feed } of this.#relays.values()) feed.add(() => text);
  }

  /** Passes on what waits. Called when the last worker has ended. */
  flush(): void {
    for (const { feed } of this.#relays.values()) feed.flush();
  }
}
