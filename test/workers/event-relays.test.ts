// Subscriptions between the primary and its workers, without processes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventBatch, type EventQuery, MOST_EVENT_SUBSCRIBERS } from '../../src/calls/event-query.ts';
import { EventRelays } from '../../src/workers/event-relays.ts';
import { EventSubscriptions } from '../../src/workers/event-subscriptions.ts';
import type { FromWorker, ToWorker } from '../../src/workers/messages.ts';

const QUERY: EventQuery = { kinds: ['end'], rate: 10 };

test('workers are told of each subscriber, and that it has gone', () => {
  const told: ToWorker[] = [];
  const relays = new EventRelays((message) => told.push(message));
  const subscription = relays.subscribe(QUERY, () => undefined);
  assert.deepEqual(told, [{ type: 'subscribe', subscription: 1, query: QUERY }]);
  assert.deepEqual(relays.subscriptions, [{ subscription: 1, query: QUERY }]);
  subscription?.close();
  subscription?.close();
  assert.deepEqual(told.slice(1), [{ type: 'unsubscribe', subscription: 1 }]);
  assert.deepEqual(relays.subscriptions, []);
});

test('all workers together keep to the rate, and what each of them has dropped is added', () => {
  const relays = new EventRelays(() => undefined);
  const batches: EventBatch[] = [];
  relays.subscribe(QUERY, (batch, taken) => {
    batches.push(batch);
    taken();
  });
  const events = Array.from({ length: 10 }, (_, index) => `{"n":${index}}`);
  relays.received({ subscription: 1, events, dropped: 3 });
  relays.received({ subscription: 1, events, dropped: 4 });
  relays.received({ subscription: 2, events, dropped: 0 });
  relays.flush();
  assert.equal(batches.flatMap((batch) => batch.events).length + batches[0].dropped, 27);
  assert.deepEqual(batches[0].events.slice(0, 10), events);
});

test('there are as many subscribers as a worker can have', () => {
  const relays = new EventRelays(() => undefined);
  const all = Array.from({ length: MOST_EVENT_SUBSCRIBERS + 1 }, () =>
    relays.subscribe(QUERY, () => undefined),
  );
  assert.equal(all.filter((one) => one === undefined).length, 1);
  all[0]?.close();
  assert.notEqual(
    relays.subscribe(QUERY, () => undefined),
    undefined,
  );
});

test('a worker sends its events, says when the channel has taken them, and ends what the primary ends', () => {
  const sent: FromWorker[] = [];
  let onSent: (() => void) | undefined;
  let closed = 0;
  let sink: ((batch: EventBatch, taken: () => void) => void) | undefined;
  const subscriptions = new EventSubscriptions(
    {
      subscribe: (_query, given) => {
        sink = given;
        return { close: () => closed++ };
      },
    },
    (message, done) => {
      sent.push(message);
      onSent = done;
    },
  );
  subscriptions.add({ subscription: 5, query: QUERY });
  let taken = 0;
  sink?.({ events: ['{}'], dropped: 2 }, () => taken++);
  assert.deepEqual(sent, [{ type: 'events', subscription: 5, events: ['{}'], dropped: 2 }]);
  assert.equal(taken, 0);
  onSent?.();
  assert.equal(taken, 1);
  subscriptions.remove(6);
  assert.equal(closed, 0);
  subscriptions.remove(5);
  subscriptions.remove(5);
  assert.equal(closed, 1);
});

test('all subscribers are told of a worker that died, whatever their filters', () => {
  const relays = new EventRelays(() => undefined);
  const batches: EventBatch[] = [];
  for (const query of [QUERY, { ...QUERY, route: 'other' }])
    relays.subscribe(query, (batch) => {
      batches.push(batch);
    });
  const death = { worker: 2, pid: 7, how: 'signal SIGKILL', connections: 3, calls: 5 };
  relays.workerDied(death);
  relays.flush();
  const told = batches.flatMap(({ events }) => events.map((event) => JSON.parse(event)));
  assert.equal(told.length, 2);
  for (const { time, ...event } of told) {
    assert.equal(typeof time, 'number');
    assert.deepEqual(event, { event: 'worker_died', ...death });
  }
});
