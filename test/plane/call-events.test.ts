// Events of calls without sockets: the filters, what is remembered of a kind of call, the rate, slow subscribers, and what is left of those
// that have gone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallTrace } from '../../src/calls/call-trace.ts';
import { type EventQuery, MOST_EVENT_SUBSCRIBERS } from '../../src/calls/event-query.ts';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { ALL, ENDPOINT, Scene, subjectOf } from '../support/event-scene.ts';
import { standIn } from '../support/stand-in.ts';

test('a subscriber is told of start, attempt and end, with the fields of the access log and no metadata', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe();
  scene.run();
  const [start, attempt, end] = subscriber.texts.map((text) => JSON.parse(text));
  const { id } = start;
  assert.match(id, /^[0-9a-f]{32}$/);
  const common = {
    listener: 'l',
    client: '192.0.2.7:80',
    tls: '',
    authority: 'a',
    method: '/a.B/C',
    route: 'r',
    upstream: 'u',
  };
  const { time: startTime, ...startFields } = start;
  assert.ok(Number.isSafeInteger(startTime));
  assert.deepEqual(startFields, { event: 'start', id, ...common, requestId: id });
  const { time: _, ...attemptFields } = attempt;
  assert.deepEqual(attemptFields, {
    event: 'attempt',
    id,
    ...common,
    endpoint: ENDPOINT,
    attempt: 1,
    requestId: id,
  });
  assert.deepEqual(end, {
    event: 'end',
    time: 1_750_000_000_012,
    id,
    ...common,
    endpoint: ENDPOINT,
    grpcStatus: 'OK',
    httpStatus: 200,
    durationMs: 12.346,
    requestBytes: 1,
    responseBytes: 2,
    requestMessages: 3,
    responseMessages: 4,
    attempts: 1,
    endedBy: 'upstream',
    reason: '',
    requestId: id,
  });
});

const EVERY = ['start', 'attempt', 'end'];

test('a filter by identity leaves calls by its name, by name and subject, or by their beginning', () => {
  for (const [wanted, fits] of [
    ['office', ['office', 'office:alice', 'office:al']],
    ['office:alice', ['office:alice']],
    ['office:al*', ['office:alice', 'office:al']],
    ['*', ['office', 'office:alice', 'office:al', 'officer']],
    ['alice', []],
  ] as const) {
    const scene = new Scene();
    const subscriber = scene.subscribe({ identity: wanted });
    for (const identity of ['office', 'office:alice', undefined, 'office:al', 'officer'])
      scene.run(subjectOf(), { identity });
    const seen = subscriber.texts
      .map((text) => JSON.parse(text))
      .map(({ event, identity }) => [event, identity]);
    assert.deepEqual(
      seen,
      fits.flatMap((identity) => EVERY.map((event) => [event, identity])),
      wanted,
    );
  }
});

const FILTERS: readonly (readonly [
  query: Partial<EventQuery>,
  record: Partial<ExchangeRecord>,
  kinds: readonly string[],
])[] = [
  [{ kinds: ['end'] }, {}, ['end']],
  [{ kinds: ['start', 'attempt'] }, {}, ['start', 'attempt']],
  [{ route: 'r' }, {}, EVERY],
  [{ route: 'other' }, {}, []],
  [{ upstream: 'u' }, {}, EVERY],
  [{ upstream: 'other' }, {}, []],
  [{ method: '/a.B/C' }, {}, EVERY],
  [{ method: '/a.B/*' }, {}, EVERY],
  [{ method: '/a.B/' }, {}, []],
  [{ client: '192.0.2.7' }, {}, EVERY],
  [{ client: '192.0.2.7:80' }, {}, EVERY],
  [{ client: '192.0.2.7:81' }, {}, []],
  [{ client: '192.0.2.0/24' }, {}, EVERY],
  [{ client: '203.0.113.9' }, {}, EVERY],
  [{ client: '198.51.100.0/24' }, {}, []],
  [{ endpoint: ENDPOINT }, {}, ['attempt', 'end']],
  [{ endpoint: '192.0.2.51:1' }, {}, []],
  [{ status: 'OK' }, {}, ['end']],
  [{ status: '200' }, {}, ['end']],
  [{ status: 'UNAVAILABLE' }, {}, []],
  [{ minDurationMs: 12 }, {}, ['end']],
  [{ minDurationMs: 13 }, {}, []],
  [{ failed: true }, {}, []],
  [{ failed: true }, { grpcStatus: 'CANCELLED' }, ['end']],
  [{ failed: true }, { grpcStatus: '', httpStatus: 200 }, []],
  [{ failed: true }, { grpcStatus: '', httpStatus: 404 }, ['end']],
  [{ failed: true }, { grpcStatus: '', httpStatus: 0 }, ['end']],
  [{ failed: true }, { grpcStatus: '', httpStatus: 200, reason: 'The client reset the call.' }, ['end']],
];

for (const [query, record, kinds] of FILTERS)
  test(`${JSON.stringify(query)} leaves of a call ${JSON.stringify(record)}: ${kinds.join(', ')}`, () => {
    const scene = new Scene();
    const subscriber = scene.subscribe(query);
    scene.run(subjectOf(), record);
    assert.deepEqual(subscriber.kinds, kinds);
  });

const NAMED = ['192.0.2.1', '192.0.2.2', '2001:db8:0:1::9'];
const ORDERS = [
  [0, 1, 2, 1],
  [1, 0, 1, 2],
  [2, 1, 1, 0],
] as const;

for (const [wanted, address] of [
  ['192.0.2.1', 0],
  ['192.0.2.1/32', 0],
  ['2001:db8:0:1::9', 2],
  ['2001:db8::/32', 2],
] as const)
  for (const order of ORDERS)
    test(`calls of one kind from a trusted peer are told of by the client of each: ${wanted} of ${order.map((one) => NAMED[one]).join(', ')}`, () => {
      const scene = new Scene();
      const subscriber = scene.subscribe({ client: wanted });
      const kept: unknown[] = [];
      for (const one of order) scene.run(subjectOf({ clientKey: '', clientAddress: NAMED[one], kept }));
      const count = order.filter((one) => one === address).length;
      assert.deepEqual(subscriber.kinds, Array.from({ length: count }, () => EVERY).flat());
    });

test('a filter by client is decided once for all calls of a kind whose peer is not trusted', () => {
  const scene = new Scene();
  scene.subscribe({ client: '198.51.100.7' });
  let asked = 0;
  const subject = {
    ...subjectOf({ namesOtherClients: false }),
    get clientKey(): string {
      asked++;
      return '192.0.2.7';
    },
  };
  for (let calls = 0; calls < 3; calls++) scene.run(subject);
  assert.equal(asked, 1);
});

test('several subscribers get their own events, also of kinds of call that were judged before one came or went', () => {
  const scene = new Scene();
  const kinds = [subjectOf(), subjectOf({ route: 'other' })];
  const runAll = (): void => {
    for (const subject of kinds) scene.run(subject);
  };
  const first = scene.subscribe({ route: 'r', kinds: ['end'] });
  runAll();
  const second = scene.subscribe({ kinds: ['end'] });
  runAll();
  assert.deepEqual([first.kinds.length, second.kinds.length], [2, 2]);
  first.close();
  // The third takes the place of the first.
  const third = scene.subscribe({ route: 'other', kinds: ['end'] });
  runAll();
  assert.deepEqual([first.kinds.length, second.kinds.length, third.kinds.length], [2, 4, 1]);
});

test('the events of a call that is traced have the id of the trace', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe();
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  scene.run(subjectOf(), { trace: standIn<CallTrace>({ traceId }) });
  assert.deepEqual(
    subscriber.texts.map((text) => JSON.parse(text).traceId),
    [traceId, traceId, traceId],
  );
});

test('the end of a call says for how long limits have held it back, if they have', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe({ kinds: ['end'] });
  scene.run(subjectOf(), { requestPacedMs: 8200, responsePacedMs: 3 });
  scene.run(subjectOf(), { responsePacedMs: 3 });
  scene.run();
  assert.deepEqual(
    subscriber.texts.map((text) => {
      const { requestPacedMs, responsePacedMs } = JSON.parse(text);
      return [requestPacedMs, responsePacedMs];
    }),
    [
      [8200, 3],
      [undefined, 3],
      [undefined, undefined],
    ],
  );
});

test('without subscribers there is no observer, and none with methods that nobody needs', () => {
  const scene = new Scene();
  assert.equal(scene.events.observer, undefined);
  const ends = scene.subscribe({ failed: true });
  assert.deepEqual(Object.keys(scene.events.observer ?? {}), ['onFinish']);
  const all = scene.subscribe();
  assert.deepEqual(Object.keys(scene.events.observer ?? {}), ['onStart', 'onAttempt', 'onFinish']);
  all.close();
  all.close();
  assert.deepEqual(Object.keys(scene.events.observer ?? {}), ['onFinish']);
  ends.close();
  assert.equal(scene.events.observer, undefined);
  assert.equal(scene.changes, 4);
});

test('a kind of call that outlives its subscriber holds nothing of it', () => {
  const scene = new Scene();
  const subject = subjectOf();
  const subscriber = scene.subscribe();
  scene.run(subject);
  subscriber.close();
  for (const kept of subject.kept)
    for (const value of Object.values(kept ?? {})) assert.equal(typeof value, 'number');
});

test('there are eight subscribers at most, and a place that becomes free can be taken', () => {
  const scene = new Scene();
  const subscribers = Array.from({ length: MOST_EVENT_SUBSCRIBERS }, () =>
    scene.subscribe({ kinds: ['end'] }),
  );
  assert.equal(
    scene.events.subscribe(ALL, () => undefined),
    undefined,
  );
  subscribers[3].close();
  scene.subscribe();
  scene.run();
  assert.equal(subscribers[7].kinds.length, 1);
});

test('of 10,000 events in a second the rate is sent, and the rest is counted', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe({ kinds: ['end'], rate: 1000 });
  const subject = subjectOf();
  for (let call = 0; call < 10_000; call++) {
    scene.nowMs = call / 10;
    scene.run(subject);
  }
  const sent = subscriber.texts.length;
  // What may come at once, and what came to it within the second.
  assert.ok(sent >= 1990 && sent <= 2000, `${sent} were sent`);
  assert.equal(sent + subscriber.dropped, 10_000);
});

test('what waits for a slow subscriber is bounded, and what is dropped is counted', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe({ kinds: ['end'], rate: 10_000 });
  subscriber.isReading = false;
  const subject = subjectOf({ method: `/${'m'.repeat(390)}` });
  for (let call = 0; call < 5000; call++) scene.run(subject);
  const [first] = subscriber.batches;
  assert.equal(subscriber.batches.length, 1, 'the second batch waits');
  scene.events.flush();
  const waited = subscriber.batches[1].events.reduce((sum, text) => sum + text.length, 0);
  assert.ok(waited > 200 * 1024 && waited < 260 * 1024, `${waited} characters waited`);
  assert.equal(first.events.length + subscriber.batches[1].events.length + subscriber.dropped, 5000);
});

test('a subscriber that reads again gets what has waited', async () => {
  const scene = new Scene();
  const subscriber = scene.subscribe({ kinds: ['end'] });
  subscriber.isReading = false;
  scene.run();
  scene.events.flush();
  scene.run();
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = setInterval(() => {
    if (subscriber.batches.length < 2) return;
    clearInterval(look);
    resolve();
  }, 1);
  subscriber.read();
  await promise;
  assert.equal(subscriber.batches[1].events.length, 1);
});

test('texts of clients are bounded, and nothing in them is an order to a terminal', () => {
  const scene = new Scene();
  const subscriber = scene.subscribe();
  const evil = `/\u001b[2J\u202e"\\\n${'\u00e9'.repeat(5000)}`;
  scene.run(subjectOf({ method: evil, authority: evil }), {
    reason: evil,
    grpcStatus: evil,
    requestId: evil,
  });
  for (const text of subscriber.texts) {
    assert.ok(Buffer.byteLength(text) < 2500, `${Buffer.byteLength(text)} bytes`);
    assert.doesNotMatch(text, /[\p{Cc}\u202e]/u);
    assert.ok(JSON.parse(text).method.startsWith('/\u001b[2J'));
  }
});
