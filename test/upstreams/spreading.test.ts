// Long streams that are ended so that they spread over the endpoints again. The clock is that of the test.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EndpointCounts } from '../../src/calls/endpoint-counts.ts';
import { type Failure, streamRebalanced } from '../../src/calls/failure.ts';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { EndpointState, StreamsConfig } from '../../src/config/upstream-config.ts';
import { Agenda } from '../../src/upstreams/agenda.ts';
import { RoundRobin } from '../../src/upstreams/balancers/round-robin.ts';
import { ClientShares } from '../../src/upstreams/client-shares.ts';
import type { EndpointEvents } from '../../src/upstreams/endpoint.ts';
import type { Holding } from '../../src/upstreams/holding.ts';
import type { PlaceUser } from '../../src/upstreams/place-user.ts';
import { Rebalancing } from '../../src/upstreams/rebalancing.ts';
import { StreamAges } from '../../src/upstreams/stream-ages.ts';
import { Upstream } from '../../src/upstreams/upstream.ts';
import { Scripted } from '../support/scripted-endpoint.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

const MINUTE_MS = 60_000;

function stateOf(name: string): EndpointState {
  return endpointAt({ kind: 'unix', path: `/${name}`, text: name });
}

class Stream implements PlaceUser {
  readonly movedBytes = 0;
  readonly isWaitingForClient = false;
  readonly method: string;
  readonly endpoint: Scripted;
  readonly holding: Holding;
  readonly sentAtMs: number;
  readonly #onGaveWay: (stream: Stream, token: string) => void;

  constructor(
    endpoint: Scripted,
    holding: Holding,
    method: string,
    nowMs: number,
    onGaveWay: (stream: Stream, token: string) => void,
  ) {
    this.endpoint = endpoint;
    this.holding = holding;
    this.method = method;
    this.sentAtMs = nowMs;
    this.#onGaveWay = onGaveWay;
    endpoint.calls.push(this);
    endpoint.activeCalls++;
  }

  end(): void {
    this.endpoint.calls = this.endpoint.calls.filter((other) => other !== this);
    this.endpoint.activeCalls--;
  }

  giveWay({ token }: Failure): void {
    this.end();
    this.#onGaveWay(this, token);
  }
}

interface Ended {
  readonly atMs: number;
  readonly ageMs: number;
  readonly from: string;
  readonly token: string;
  /** Whether no stream of the endpoint was older. */
  readonly wasOldest: boolean;
}

class Service {
  readonly upstream: Upstream<Scripted>;
  readonly ended: Ended[] = [];
  readonly log: string[] = [];
  nowMs = 1_000_000;
  readonly #t: TestContext;
  readonly #returning: { readonly atMs: number; readonly stream: Stream }[] = [];

  constructor(t: TestContext, names: readonly string[], streams: Partial<StreamsConfig>) {
    this.#t = t;
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    t.mock.method(performance, 'now', () => this.nowMs);
    const config = {
      name: 'voice',
      protocol: 'h2c',
      endpoints: names.map(stateOf),
      connections: { connectTimeoutMs: 1000, max: 100, maxPending: 0 },
      limits: { retries: 0.2 },
      streams: { maxAgeMs: undefined, rebalanceMs: undefined, ...streams },
    } as const;
    this.upstream = new Upstream(
      {
        config,
        stallTimeoutMs: undefined,
        makeBalancer: () => new RoundRobin(),
        makeEndpoint: (state: EndpointState, events: EndpointEvents) => {
          const endpoint = new Scripted(state, events);
          endpoint.places = Number.POSITIVE_INFINITY;
          return endpoint;
        },
      },
      {
        ...NO_UPSTREAM_EVENTS,
        onRebalance: (plan) => this.log.push(`${plan.streams} over ${plan.overMs / 1000} s`),
        onFault: (_layer, error) => assert.fail(String(error)),
      },
    );
    t.after(() => this.upstream.destroy('the test is over'));
  }

  get counts(): readonly number[] {
    return this.upstream.endpoints.map(({ activeCalls }) => activeCalls);
  }

  /** Opens a stream of a client, in the place of one of before or for the first time. */
  open(client: string, method = '/a.Voice/Talk'): Stream {
    const holding = this.upstream.shares.holdingOf(client, undefined, false);
    const endpoint = this.upstream.pickFor(holding, [], { hash: undefined, method });
    assert.ok(endpoint);
    return new Stream(endpoint, holding, method, this.nowMs, (stream, token) => this.#gaveWay(stream, token));
  }

  #gaveWay(stream: Stream, token: string): void {
    const { endpoint, sentAtMs } = stream;
    const wasOldest = endpoint.calls.every((other) => other.sentAtMs >= sentAtMs);
    const from = endpoint.address.text;
    this.ended.push({ atMs: this.nowMs, ageMs: this.nowMs - sentAtMs, from, token, wasOldest });
    // Clients come back after up to two seconds.
    this.#returning.push({ atMs: this.nowMs + ((this.ended.length * 733) % 2000), stream });
  }

  /** Lets the time pass, in steps of which each may be busy. */
  pass(durationMs: number, eachStep: () => void = () => undefined): void {
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs; ) {
      this.nowMs += 100;
      this.#t.mock.timers.tick(100);
      for (const { stream } of this.#returning.splice(0).filter((one) => !this.#waits(one)))
        this.open(stream.holding.key, stream.method);
      eachStep();
    }
  }

  #waits(one: { readonly atMs: number; readonly stream: Stream }): boolean {
    if (one.atMs <= this.nowMs) return false;
    this.#returning.push(one);
    return true;
  }
}

function openMany(service: Service, count: number): void {
  for (let number = 0; number < count; number++) {
    service.open(`192.0.2.${number % 200}`);
    if (number % 10 === 9) service.pass(100);
  }
}

test('900 streams on two servers, a third joins: each has a third after the time, and each stream had its turn', (t) => {
  const service = new Service(t, ['a', 'b'], { rebalanceMs: 10 * MINUTE_MS });
  openMany(service, 900);
  service.pass(MINUTE_MS);
  assert.deepEqual([service.counts, service.ended.length], [[450, 450], 0]);
  const joinedAtMs = service.nowMs;
  service.upstream.use(['a', 'b', 'c'].map(stateOf));
  assert.deepEqual(service.log, ['300 over 600 s']);
  service.pass(10 * MINUTE_MS + 5000);
  const { ended, counts } = service;
  t.diagnostic(`ended ${ended.length} of 900; streams of the three servers: ${counts.join(', ')}`);
  assert.equal(ended.length, 300);
  for (const count of counts) assert.ok(count >= 270 && count <= 330, counts.join());
  for (const { token, wasOldest } of ended) assert.deepEqual([token, wasOldest], ['stream_rebalanced', true]);
  // Each endpoint ends one in each 150th of the time.
  for (const from of ['a', 'b']) {
    const turns = ended.filter((one) => one.from === from).map(({ atMs }) => atMs - joinedAtMs);
    assert.equal(turns.length, 150);
    for (const [turn, atMs] of turns.entries())
      assert.ok(atMs >= turn * 4000 - 100 && atMs <= (turn + 1) * 4000 + 200, `${turn}: ${atMs}`);
  }
  service.pass(20 * MINUTE_MS);
  assert.equal(service.ended.length, 300, 'and nothing more');
});

test('without rebalance no stream is ended', (t) => {
  const service = new Service(t, ['a', 'b'], {});
  openMany(service, 900);
  service.upstream.use(['a', 'b', 'c'].map(stateOf));
  service.pass(30 * MINUTE_MS);
  assert.deepEqual([service.counts, service.ended.length, service.log], [[450, 450, 0], 0, []]);
});

test('short calls of the same clients do not take the places of streams that come back', (t) => {
  const service = new Service(t, ['a', 'b'], { rebalanceMs: MINUTE_MS });
  openMany(service, 90);
  service.pass(MINUTE_MS);
  service.upstream.use(['a', 'b', 'c'].map(stateOf));
  const places = new Set<string>();
  service.pass(MINUTE_MS + 5000, () => {
    const short = service.open('192.0.2.3', '/a.Voice/List');
    places.add(short.endpoint.address.text);
    short.end();
  });
  assert.deepEqual([service.counts, service.ended.length], [[30, 30, 30], 30]);
  assert.deepEqual([...places].toSorted(), ['a', 'b', 'c']);
});

test('an endpoint that is back gets streams as one that joins does, and one that is gone again gets none', (t) => {
  const service = new Service(t, ['a', 'b'], { rebalanceMs: MINUTE_MS });
  const [a, b] = service.upstream.endpoints;
  b.exclude('health', { token: 'test', sentence: 'Not serving.' });
  openMany(service, 100);
  service.pass(10_000);
  assert.deepEqual(service.counts, [100, 0]);
  b.readmit('health');
  service.pass(MINUTE_MS / 2);
  const { activeCalls } = b;
  assert.ok(activeCalls > 20 && activeCalls < 30, String(activeCalls));
  b.exclude('health', { token: 'test', sentence: 'Not serving.' });
  const before = service.ended.length;
  service.pass(5 * MINUTE_MS);
  assert.equal(service.ended.length, before, 'there is nowhere for them to go');
  assert.equal(a.activeCalls + b.activeCalls, 100);
});

test('streams of an endpoint that is ejected are left alone, and count in no share', (t) => {
  const service = new Service(t, ['a', 'b', 'c'], { rebalanceMs: MINUTE_MS });
  openMany(service, 90);
  service.pass(MINUTE_MS);
  const [a, , c] = service.upstream.endpoints;
  const streamsOfA = [...a.calls];
  c.exclude('outliers', { token: 'test', sentence: 'Ejected.' });
  service.upstream.use(['a', 'b', 'c', 'd'].map(stateOf));
  // 60 streams at three endpoints that get calls.
  assert.deepEqual(service.log, ['20 over 60 s']);
  service.pass(MINUTE_MS / 2);
  a.exclude('outliers', { token: 'test', sentence: 'Ejected.' });
  const leftOfA = a.activeCalls;
  service.pass(5 * MINUTE_MS);
  assert.equal(a.activeCalls, leftOfA, 'nor when it is ejected later');
  assert.ok(streamsOfA.length === 30 && leftOfA < 30);
  assert.equal(c.activeCalls, 30);
});

test('calls that are young are left alone, since they end by themselves', (t) => {
  const service = new Service(t, ['a', 'b'], { rebalanceMs: MINUTE_MS });
  for (let number = 0; number < 100; number++) service.open('192.0.2.1');
  service.upstream.use(['a', 'b', 'c'].map(stateOf));
  assert.deepEqual(service.log, []);
});

test('streams above the age end, each at a moment of its own, 10 % more or less', (t) => {
  const service = new Service(t, ['a', 'b'], { maxAgeMs: 10 * MINUTE_MS });
  for (let number = 0; number < 100; number++) service.open('192.0.2.1');
  service.pass(9 * MINUTE_MS - 200);
  assert.equal(service.ended.length, 0);
  service.pass(2 * MINUTE_MS + 400);
  const { ended } = service;
  assert.equal(ended.length, 100);
  for (const { token, ageMs } of ended) {
    assert.equal(token, 'stream_too_old');
    assert.ok(ageMs >= 9 * MINUTE_MS - 200 && ageMs <= 11 * MINUTE_MS + 200, String(ageMs));
  }
  assert.ok(new Set(ended.map(({ atMs }) => atMs)).size > 50, 'not all at once');
  service.pass(30 * MINUTE_MS);
  assert.ok(ended.length >= 300, 'those that came back had their age as well');
});

test('a plan without anything to move forgets what the one before expected', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const agenda = new Agenda((error) => assert.fail(String(error)));
  const events = {
    ...NO_UPSTREAM_EVENTS,
    onCapacity: () => undefined,
    onReach: () => undefined,
    countsOf: () => new EndpointCounts(),
  };
  const [a, b] = ['a', 'b'].map((name) => new Scripted(stateOf(name), events));
  const rebalancing = new Rebalancing<Scripted>({
    overMs: MINUTE_MS,
    agenda,
    endpoints: () => [a, b],
    shareOf: () => 0.5,
    end: (call) => call.giveWay(streamRebalanced('voice')),
    onPlan: () => undefined,
    random: () => 0,
  });
  const holding = new ClientShares<never>(0, () => Number.POSITIVE_INFINITY, 0.2).holdingOf(
    '',
    undefined,
    true,
  );
  const streams = Array.from(
    { length: 10 },
    () => new Stream(a, holding, '/a.Voice/Talk', 1, () => undefined),
  );
  rebalancing.plan(MINUTE_MS, []);
  agenda.run(2 * MINUTE_MS);
  assert.deepEqual([a.activeCalls, rebalancing.isExpecting], [5, true]);
  for (const stream of streams.filter((one) => a.calls.includes(one))) stream.end();
  rebalancing.plan(2 * MINUTE_MS, []);
  agenda.run(3 * MINUTE_MS - 1);
  assert.equal(rebalancing.isExpecting, true, 'clients may still come back');
  agenda.run(5 * MINUTE_MS);
  assert.equal(rebalancing.isExpecting, false);
});

test('the ages of streams are looked at until the last has ended, and then no more', (t) => {
  const [endpoint] = new Service(t, ['a'], {}).upstream.endpoints;
  const agenda = new Agenda((error) => assert.fail(String(error)));
  const add = t.mock.method(agenda, 'add');
  let calls: readonly PlaceUser[] = [];
  const parts = { maxAgeMs: MINUTE_MS, agenda, calls: () => calls, end: () => undefined, random: () => 0 };
  const ages = new StreamAges(parts);
  ages.begin(0);
  agenda.run(MINUTE_MS / 2);
  const looks = add.mock.callCount();
  assert.ok(looks > 1, 'without streams, but more may come');
  const holding = new ClientShares<never>(0, () => Number.POSITIVE_INFINITY, 0.2).holdingOf(
    '',
    undefined,
    true,
  );
  calls = [new Stream(endpoint, holding, '/a.Voice/Talk', MINUTE_MS, () => undefined)];
  ages.finish();
  agenda.run(MINUTE_MS);
  assert.ok(add.mock.callCount() > looks, 'one still runs');
  calls = [];
  agenda.run(2 * MINUTE_MS);
  const last = add.mock.callCount();
  agenda.run(10 * MINUTE_MS);
  assert.equal(add.mock.callCount(), last);
});
