// Events of calls without sockets: calls that are told to the observer, and subscribers that keep what they get.

import assert from 'node:assert/strict';
import { type EventBatch, type EventQuery } from '../../src/calls/event-query.ts';
import type { ExchangeRecord, ExchangeSubject } from '../../src/calls/exchange-record.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { CallEvents } from '../../src/plane/call-events.ts';

export const ALL: EventQuery = { kinds: ['start', 'attempt', 'end'], rate: 1000 };
export const ENDPOINT = '192.0.2.50:1';

export function subjectOf(changes: Partial<ExchangeSubject> = {}): ExchangeSubject {
  return {
    listener: 'l',
    client: '192.0.2.7:80',
    clientKey: '203.0.113.9',
    clientAddress: '203.0.113.9',
    namesOtherClients: true,
    tls: '',
    authority: 'a',
    method: '/a.B/C',
    route: 'r',
    upstream: 'u',
    kept: [],
    ...changes,
  };
}

export function recordOf(subject: ExchangeSubject, changes: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return {
    subject,
    number: 1,
    endpoint: ENDPOINT,
    grpcStatus: 'OK',
    httpStatus: 200,
    startedAtEpochMs: 1_750_000_000_000,
    durationMs: 12.3456,
    requestBytes: 1,
    responseBytes: 2,
    requestMessages: 3,
    responseMessages: 4,
    attempts: 1,
    endedBy: 'upstream',
    reason: '',
    requestId: 1,
    ...changes,
  };
}

export class Scene {
  nowMs = 0;
  changes = 0;
  readonly events: CallEvents;

  constructor() {
    this.events = new CallEvents({
      requestIds: new RequestIds(),
      pace: { now: () => this.nowMs, flushEveryMs: 1 },
      onChange: () => this.changes++,
      onFault: (error) => assert.fail(String(error)),
    });
  }

  subscribe(query: Partial<EventQuery> = {}): Subscriber {
    return new Subscriber(this.events, { ...ALL, ...query });
  }

  /** A whole call. */
  run(subject = subjectOf(), record: Partial<ExchangeRecord> = {}): void {
    const { trace, identity } = record;
    const exchange = { subject, number: 1, requestId: 1, traffic: recordOf(subject), trace, identity };
    this.events.observer?.onStart?.(exchange);
    this.events.observer?.onAttempt?.({ exchange, endpoint: record.endpoint ?? ENDPOINT, number: 1 });
    this.events.observer?.onFinish?.(recordOf(subject, record));
  }
}

export class Subscriber {
  readonly batches: EventBatch[] = [];
  readonly close: () => void;
  readonly #events: CallEvents;
  /** Whether it says that it can take the next batch. */
  isReading = true;
  #taken: (() => void) | undefined = undefined;

  constructor(events: CallEvents, query: EventQuery) {
    this.#events = events;
    const subscription = events.subscribe(query, (batch, taken) => {
      this.batches.push(batch);
      if (this.isReading) taken();
      else this.#taken = taken;
    });
    assert.ok(subscription !== undefined);
    this.close = () => subscription.close();
  }

  read(): void {
    this.#taken?.();
  }

  get texts(): readonly string[] {
    this.#events.flush();
    return this.batches.flatMap(({ events }) => events);
  }

  get kinds(): readonly unknown[] {
    return this.texts.map((text) => JSON.parse(text)['event']);
  }

  get dropped(): number {
    this.#events.flush();
    return this.batches.reduce((sum, { dropped }) => sum + dropped, 0);
  }
}
