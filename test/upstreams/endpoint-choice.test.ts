// Which endpoint of an upstream a call gets, whatever these speak, and what becomes of endpoints that come and go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { EndpointState } from '../../src/config/upstream-config.ts';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import type { Balancer } from '../../src/upstreams/balancers/balancer.ts';
import { RingHash } from '../../src/upstreams/balancers/ring-hash.ts';
import { RoundRobin } from '../../src/upstreams/balancers/round-robin.ts';
import type { EndpointEvents } from '../../src/upstreams/endpoint.ts';
import type { Holding } from '../../src/upstreams/holding.ts';
import { Upstream } from '../../src/upstreams/upstream.ts';
import type { UpstreamSettings } from '../../src/upstreams/upstream-parts.ts';
import type { CallTraits, Waiter } from '../../src/upstreams/waiter.ts';
import { FewestCalls } from '../support/fewest-calls.ts';
import { Scripted } from '../support/scripted-endpoint.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

function endpointOf(name: string): EndpointState {
  return endpointAt({ kind: 'unix', path: `/${name}`, text: name });
}

function makeEndpoint(state: EndpointState, events: EndpointEvents): Scripted {
  return new Scripted(state, events);
}

class Group {
  readonly upstream: Upstream<Scripted>;

  constructor(
    names: readonly string[],
    maxPending = 2,
    makeBalancer: () => Balancer<Scripted> = () => new RoundRobin(),
    settings: Partial<UpstreamSettings> = {},
  ) {
    const config = {
      name: 'web',
      protocol: 'http1',
      endpoints: names.map(endpointOf),
      connections: { connectTimeoutMs: 1000, max: 100, maxPending },
      limits: { retries: 0.2 },
      ...settings,
    } as const;
    this.upstream = new Upstream(
      { config, stallTimeoutMs: 30_000, makeBalancer, makeEndpoint },
      NO_UPSTREAM_EVENTS,
    );
  }

  named(name: string): Scripted {
    const found = this.upstream.allEndpoints.find(({ address }) => address.text === name);
    assert.ok(found);
    return found;
  }

  get names(): string {
    return this.upstream.endpoints.map(({ address }) => address.text).join();
  }

  use(...names: string[]): void {
    this.upstream.use(names.map(endpointOf));
  }

  call(...tried: string[]): Call {
    const holding = this.upstream.shares.holdingOf('192.0.2.1', undefined, false);
    const call = new Call(
      holding,
      tried.map((name) => this.named(name)),
    );
    const endpoint = this.upstream.pickFor(holding, call.tried);
    if (endpoint === undefined) this.upstream.wait(call);
    else call.onEndpoint(endpoint);
    return call;
  }
}

class Call implements Waiter<Scripted> {
  readonly traits: CallTraits;
  readonly holding: Holding;
  tried: readonly Scripted[];
  told = '';

  constructor(holding: Holding, tried: readonly Scripted[], hash?: number) {
    this.holding = holding;
    this.tried = tried;
    this.traits = { hash, method: '/a.B/C' };
  }

  onEndpoint(endpoint: Scripted): void {
    assert.equal(this.told, '', 'told twice');
    this.told = endpoint.address.text;
    endpoint.activeCalls++;
  }

  forgetTried(): void {
    this.tried = [];
  }

  onUnavailable({ token }: Diagnosis): void {
    assert.equal(this.told, '', 'told twice');
    this.told = token;
  }
}

/** Its place is counted. */
class CountedCall extends Call {
  override onEndpoint(endpoint: Scripted): void {
    this.holding.take();
    super.onEndpoint(endpoint);
  }
}

test('one that failed is passed over while another is left, and taken when none is', () => {
  const group = new Group(['a', 'b']);
  group.named('a').fails = true;
  assert.deepEqual([group.call().told, group.call().told], ['b', 'b']);
  assert.equal(group.call('b').told, 'a');
  group.named('b').fails = true;
  assert.equal(group.call().told, 'a');
});

test('one that has to be connected first is never taken as the last resort', () => {
  const group = new Group(['a']);
  Object.assign(group.named('a'), { fails: true, canBeLastResort: false });
  assert.equal(group.call().told, '');
});

test('one that is only busy is worth a wait, and gets those first that wait the longest', () => {
  const group = new Group(['a', 'b']);
  group.named('a').fails = true;
  Object.assign(group.named('b'), { places: 1, activeCalls: 1 });
  const [first, second] = [group.call(), group.call()];
  assert.deepEqual([first.told, group.upstream.pendingCount], ['', 2]);
  assert.equal(group.call().told, 'upstream_queue_full');
  group.named('b').end();
  assert.deepEqual([first.told, second.told, group.upstream.pendingCount], ['b', '', 1]);
  group.upstream.stopWaiting(second);
  assert.equal(group.upstream.pendingCount, 0);
});

test('who has tried an endpoint in vain does not get it again, and keeps nobody else from it', () => {
  const group = new Group(['a', 'b']);
  Object.assign(group.named('a'), { places: 1, activeCalls: 1 });
  Object.assign(group.named('b'), { places: 1, activeCalls: 1 });
  const [tried, other] = [group.call('a'), group.call()];
  group.named('a').end();
  assert.deepEqual([tried.told, other.told], ['', 'a']);
  group.named('b').end();
  assert.equal(tried.told, 'b');
});

test('who has met an unreachable endpoint gets one that was reached last time, before any that failed', () => {
  const group = new Group(['a', 'b', 'c', 'd']);
  for (const name of ['a', 'b', 'c']) group.named(name).failed();
  assert.equal(group.call().told, 'a', 'a first attempt finds out whether an endpoint is back');
  assert.equal(group.call('a').told, 'd');
  assert.equal(group.call('a', 'd').told, 'b');
});

test('those that can take no call are asked to connect while others take the calls', () => {
  const group = new Group(['a', 'b']);
  group.named('a').places = 0;
  assert.equal(group.call().told, 'b');
  assert.deepEqual([group.named('a').log, group.named('b').log], [['asked to connect'], []]);
});

test('a balancer as the recipe adds one decides who gets a call', () => {
  const group = new Group(['a', 'b', 'c'], 2, () => new FewestCalls<Scripted>());
  group.named('a').activeCalls = 2;
  group.named('b').activeCalls = 1;
  assert.deepEqual(
    Array.from({ length: 6 }, () => group.call().told),
    ['c', 'b', 'c', 'a', 'b', 'c'],
  );
});

test('endpoints that stay in the configuration are the same objects, in the order of the new one', () => {
  const group = new Group(['a', 'b', 'c']);
  const [a, b, c] = [group.named('a'), group.named('b'), group.named('c')];
  group.use('c', 'd', 'a');
  assert.equal(group.names, 'c,d,a');
  assert.deepEqual([group.named('a'), group.named('c')], [a, c]);
  assert.deepEqual([a.log, b.log, c.log, group.named('d').log], [[], ['counted elsewhere', 'left'], [], []]);
});

test('an endpoint that is removed keeps its calls, gets no other, and is forgotten with the last of them', () => {
  const group = new Group(['a', 'b']);
  const a = group.named('a');
  assert.equal(group.call().told, 'a');
  group.use('b');
  assert.deepEqual([group.call().told, group.call().told], ['b', 'b']);
  assert.deepEqual(
    group.upstream.allEndpoints.map(({ address }) => address.text),
    ['b', 'a'],
  );
  a.end();
  assert.deepEqual(
    group.upstream.allEndpoints.map(({ address }) => address.text),
    ['b'],
  );
});

test('one that comes back before its calls have ended is the one that it was', () => {
  const group = new Group(['a', 'b']);
  const a = group.named('a');
  assert.equal(group.call().told, 'a');
  group.use('b');
  group.use('a', 'b');
  assert.equal(group.named('a'), a);
  assert.deepEqual(a.log, ['counted elsewhere', 'left', 'came back', 'counted elsewhere']);
  assert.equal(group.upstream.allEndpoints.length, 2);
});

test('one that comes back after its calls have ended is a new one', () => {
  const group = new Group(['a', 'b']);
  const a = group.named('a');
  assert.equal(group.call().told, 'a');
  group.use('b');
  a.end();
  group.use('a', 'b');
  assert.notEqual(group.named('a'), a);
});

test('an address that is given twice is one endpoint', () => {
  const group = new Group(['a', 'a', 'b']);
  assert.equal(group.names, 'a,b');
});

test('who waits gets an endpoint that is added', () => {
  const group = new Group(['a']);
  Object.assign(group.named('a'), { places: 0 });
  const waiting = group.call();
  assert.equal(waiting.told, '');
  group.use('a', 'b');
  assert.equal(waiting.told, 'b');
});

test('who has tried all endpoints that are left may try them again', () => {
  const group = new Group(['a', 'b']);
  Object.assign(group.named('b'), { places: 0 });
  const waiting = group.call('a');
  assert.equal(waiting.told, '');
  group.use('a');
  assert.equal(waiting.told, 'a');
});

test('the end of an upstream is the end of those that have left it, too', () => {
  const group = new Group(['a', 'b']);
  const [a, b] = [group.named('a'), group.named('b')];
  assert.equal(group.call().told, 'a');
  group.use('b');
  group.upstream.destroy('stopped');
  assert.deepEqual([a.log, b.log], [['counted elsewhere', 'left', 'destroyed'], ['destroyed']]);
});

test('one that is excluded gets no calls until it is readmitted, and those that wait get it then', () => {
  const group = new Group(['a', 'b']);
  const reason = { token: 'test', sentence: 'Not serving.' };
  group.named('a').exclude('health', reason);
  group.named('a').exclude('outliers', reason);
  assert.deepEqual([group.call().told, group.call().told], ['b', 'b']);
  Object.assign(group.named('b'), { places: 2 });
  const waiting = group.call();
  assert.equal(waiting.told, '');
  group.named('a').readmit('health');
  assert.equal(waiting.told, '', 'the other exclusion still holds');
  group.named('a').readmit('outliers');
  assert.equal(waiting.told, 'a');
});

test('when all are excluded, all get calls', () => {
  const group = new Group(['a', 'b']);
  for (const name of ['a', 'b'])
    group.named(name).exclude('health', { token: 'test', sentence: 'Not serving.' });
  assert.deepEqual([group.call().told, group.call().told], ['a', 'b']);
  // Half of four can be used, which is enough (panic: 50%).
  group.use('a', 'b', 'c', 'd');
  assert.deepEqual([group.call().told, group.call().told, group.call().told], ['c', 'd', 'c']);
});

test('calls that wait are told when the last endpoint is excluded, where that causes no panic', () => {
  const group = new Group(['a', 'b'], 2, undefined, { panicShare: 0 });
  for (const name of ['a', 'b']) Object.assign(group.named(name), { places: 1, activeCalls: 1 });
  const waiting = group.call();
  const reason = { token: 'test', sentence: 'Not serving.' };
  group.named('a').exclude('health', reason);
  assert.equal(waiting.told, '');
  group.named('b').exclude('health', reason);
  assert.deepEqual([waiting.told, group.upstream.pendingCount], ['test', 0]);
});

test('an endpoint that answers again gets the calls back from those of a higher number', () => {
  const group = new Group([]);
  group.upstream.use([endpointOf('a'), { ...endpointOf('b'), priority: 1 }]);
  const a = group.named('a');
  a.failed();
  a.fails = true;
  a.events.onReach(a);
  assert.deepEqual([group.call().told, group.call().told], ['b', 'b']);
  a.fails = false;
  a.reached();
  a.events.onReach(a);
  assert.deepEqual([group.call().told, group.call().told], ['a', 'a']);
});

function withStandby(maxPending = 2): Group {
  const group = new Group([], maxPending);
  group.upstream.use([...['a', 'b', 'c', 'd'].map(endpointOf), { ...endpointOf('x'), priority: 1 }]);
  return group;
}

test('while calls wait, one endpoint that fails has none of a higher number asked to connect', () => {
  const group = withStandby();
  for (const name of ['a', 'b', 'c', 'd']) Object.assign(group.named(name), { places: 0 });
  const waiting = group.call();
  const a = group.named('a');
  a.failed();
  a.events.onConnectFailed(a, { token: 'test', sentence: 'Down.' });
  assert.deepEqual([waiting.told, group.named('x').log], ['', []]);
  const b = group.named('b');
  b.failed();
  b.events.onConnectFailed(b, { token: 'test', sentence: 'Down.' });
  assert.equal(waiting.told, 'x', 'two of four take 70 % of the calls');
});

test('a further attempt goes to a higher number only where no endpoint of the lower one can be used', () => {
  const group = withStandby();
  assert.equal(group.call('a', 'b', 'c').told, 'd');
  Object.assign(group.named('d'), { places: 1 });
  const waiting = group.call('a', 'b', 'c');
  assert.equal(waiting.told, '', 'd is only busy');
  assert.deepEqual(group.named('x').log, []);
  group.named('d').end();
  assert.equal(waiting.told, 'd');
});

test('a call that has tried all and waits tries again what was reached meanwhile', () => {
  const group = new Group([]);
  group.upstream.use([endpointOf('a'), { ...endpointOf('x'), priority: 1 }]);
  const [a, x] = [group.named('a'), group.named('x')];
  a.failed();
  a.events.onReach(a);
  Object.assign(x, { places: 0 });
  const waiting = group.call('a');
  assert.equal(waiting.told, '');
  a.reached();
  a.events.onReach(a);
  assert.equal(waiting.told, 'a');
});

test('what limits.streams allows is shared among clients, as places of endpoints are', () => {
  const group = new Group(['a'], 4, undefined, { limits: { streams: 16, retries: 0.2 } });
  const [busy, other] = ['192.0.2.1', '192.0.2.2'].map((key) =>
    group.upstream.shares.holdingOf(key, undefined, false),
  );
  const begin = (holding: Holding): boolean => {
    const isGiven = group.upstream.pickFor(holding, []) !== undefined;
    if (isGiven) holding.take();
    return isGiven;
  };
  for (let call = 0; call < 16; call++) assert.ok(begin(busy), 'a client that is alone may have all');
  const refused = new Call(busy, []);
  group.upstream.wait(refused);
  assert.equal(refused.told, 'upstream_streams_full');
  for (let call = 0; call < 16; call++) busy.give();
  assert.ok(begin(other));
  for (let call = 0; call < 13; call++) assert.ok(begin(busy));
  // An eighth is left.
  assert.ok(!begin(busy));
  const [first, second] = [new CountedCall(busy, []), new CountedCall(busy, [])];
  for (const call of [first, second]) group.upstream.wait(call);
  assert.deepEqual([first.told, second.told], ['', ''], 'it waits for an end of its own');
  assert.ok(begin(other) && begin(other));
  other.give();
  other.give();
  busy.give();
  group.named('a').events.onCapacity();
  assert.deepEqual([first.told, second.told], ['a', ''], 'the first that came');
});

test('endpoints that get no calls have no places to give', () => {
  const group = new Group([]);
  group.upstream.use([endpointOf('a'), { ...endpointOf('b'), priority: 1 }]);
  Object.assign(group.named('a'), { places: 8 });
  Object.assign(group.named('b'), { places: Number.POSITIVE_INFINITY });
  group.named('a').events.onReach(group.named('a'));
  const holdings = ['192.0.2.1', '192.0.2.2'].map((key) =>
    group.upstream.shares.holdingOf(key, undefined, false),
  );
  for (const holding of holdings) holding.take();
  for (let taken = 0; taken < 5; taken++) holdings[0].take();
  assert.equal(group.upstream.shares.isGettingScarce, true);
});

test('a call that waits for its endpoint of a ring gets it, though another endpoint is still awaited', () => {
  const group = new Group(['a', 'b'], 2, () => new RingHash(), { hash: { by: 'client' } });
  const holding = group.upstream.shares.holdingOf('192.0.2.1', undefined, false);
  const hash = Array.from({ length: 64 }, (_, step) => step * 0x3ff_ffff).find(
    (one) => group.upstream.pickFor(holding, [], { hash: one, method: '' })?.address.text === 'a',
  );
  Object.assign(group.named('b'), { fails: true, isAwaited: true });
  Object.assign(group.named('a'), { places: 1, activeCalls: 1 });
  for (let round = 0; round < 20; round++) {
    const waiting = new Call(holding, [], hash);
    group.upstream.wait(waiting);
    assert.equal(waiting.told, '');
    group.named('a').end();
    assert.equal(waiting.told, 'a');
  }
});
