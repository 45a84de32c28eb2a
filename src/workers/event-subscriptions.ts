// The subscriptions of the primary in a worker: events of calls go to the primary in batches, one after the other, so that a primary that is
// busy makes the worker drop events instead of keeping them.

import type { EventSubscription } from '../calls/event-query.ts';
import type { Plane } from '../plane/plane.ts';
import type { NumberedQuery, SendToPrimary } from './messages.ts';

export class EventSubscriptions {
  readonly #plane: Pick<Plane, 'subscribe'>;
  readonly #send: SendToPrimary;
  readonly #open = new Map<number, EventSubscription>();

  constructor(plane: Pick<Plane, 'subscribe'>, send: SendToPrimary) {
    this.#plane = plane;
    this.#send = send;
  }

  add({ subscription, query }: NumberedQuery): void {
    const opened = this.#plane.subscribe(query, ({ events, dropped }, taken) =>
      this.#send({ type: 'events', subscription, events, dropped }, taken),
    );
    // The primary has no more subscribers than a worker can have.
    if (opened !== undefined) this.#open.set(subscription, opened);
  }

  remove(subscription: number): void {
    this.#open.get(subscription)?.close();
    this.#open.delete(subscription);
  }
}
