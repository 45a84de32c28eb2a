// What is told of an upstream whose endpoints are all lost, and of its return.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import { RoundRobin } from '../../src/upstreams/balancers/round-robin.ts';
import { Upstream } from '../../src/upstreams/upstream.ts';
import { Scripted } from '../support/scripted-endpoint.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

const DOWN = { token: 'upstream_refused', sentence: 'Down.' };
const UNHEALTHY = { token: 'health_not_serving', sentence: 'It does not serve.' };

class Group {
  readonly upstream: Upstream<Scripted>;
  readonly log: string[] = [];
  /** All calls that were refused because there is no endpoint. */
  refused = 0;

  constructor(t: TestContext, names: readonly string[], panicShare = 0.5) {
    const config = {
      name: 'voice',
      protocol: 'http1',
      endpoints: names.map((name) => endpointAt({ kind: 'unix', path: `/${name}`, text: name })),
      connections: { connectTimeoutMs: 1000, max: 1, maxPending: 9 },
      limits: { retries: 0.2 },
      panicShare,
    } as const;
    this.upstream = new Upstream(
      {
        config,
        stallTimeoutMs: undefined,
        makeBalancer: () => new RoundRobin<Scripted>(),
        makeEndpoint: (state, events) => new Scripted(state, events),
      },
      {
        ...NO_UPSTREAM_EVENTS,
        onOutage: (news) =>
          this.log.push(
            news.state === 'out' ? `out: ${news.why.sentence}` : `${news.state}, ${news.refused} refused`,
          ),
        onNoEndpoint: (calls) => {
          this.refused += calls;
        },
      },
    );
    t.after(() => this.upstream.destroy('the test is over'));
  }

  fail(...indexes: readonly number[]): void {
    for (const index of indexes) {
      const endpoint = this.upstream.endpoints[index];
      endpoint.failed();
      endpoint.fails = true;
      endpoint.events.onConnectFailed(endpoint, DOWN);
    }
  }

  reach(index: number): void {
    const endpoint = this.upstream.endpoints[index];
    endpoint.reached();
    endpoint.fails = false;
    endpoint.events.onReach(endpoint);
  }

  wait(): void {
    this.upstream.wait({
      holding: this.upstream.shares.holdingOf('192.0.2.1', undefined, false),
      tried: [],
      traits: { hash: undefined, method: '/a.B/C' },
      onEndpoint() {},
      forgetTried() {},
      onUnavailable() {},
    });
  }
}

test('that the last endpoint is lost is told once, and that one is back with the calls refused meanwhile', (t) => {
  const group = new Group(t, ['a', 'b']);
  group.fail(0);
  assert.deepEqual(group.log, []);
  group.fail(1);
  group.fail(0, 1);
  assert.deepEqual(group.log.splice(0), ['out: Down.']);
  t.mock.method(Scripted.prototype, 'seekCapacity', () => false);
  for (let count = 0; count < 3; count++) group.wait();
  group.reach(1);
  group.reach(0);
  assert.deepEqual(group.log.splice(0), ['back, 3 refused']);
  group.fail(0, 1);
  group.reach(0);
  assert.deepEqual(group.log, ['out: Down.', 'back, 0 refused'], 'counted anew');
});

test('the reason is that of most endpoints', (t) => {
  const group = new Group(t, ['a', 'b', 'c']);
  group.upstream.endpoints[0].exclude('health', UNHEALTHY);
  group.fail(0, 1, 2);
  assert.deepEqual(group.log, ['out: Down.']);
});

test('endpoints that are all kept out are no outage in a panic, and one where panic is off', (t) => {
  for (const [panicShare, told] of [
    [0.5, []],
    [0, ['out: It does not serve.', 'back, 0 refused']],
  ] as const) {
    const group = new Group(t, ['a', 'b'], panicShare);
    for (const endpoint of group.upstream.endpoints) endpoint.exclude('health', UNHEALTHY);
    group.upstream.endpoints[0].readmit('health');
    assert.deepEqual(group.log, told);
  }
});

test('in a panic it is an outage if those that are kept out cannot be reached either', (t) => {
  const group = new Group(t, ['a', 'b']);
  group.upstream.endpoints[0].exclude('health', UNHEALTHY);
  group.fail(1);
  assert.deepEqual(group.log, []);
  group.fail(0);
  assert.deepEqual(group.log, ['out: Down.']);
});

test('other endpoints end it, and an upstream without any has none that it could lose', (t) => {
  const group = new Group(t, ['a']);
  group.fail(0);
  group.upstream.use([endpointAt({ kind: 'unix', path: '/b', text: 'b' })]);
  assert.deepEqual(group.log.splice(0), ['out: Down.', 'back, 0 refused']);
  group.upstream.use([]);
  assert.deepEqual(group.log, []);
});

test('an upstream that is out and then has no endpoints at all is not said to be back', (t) => {
  const group = new Group(t, ['a']);
  group.fail(0);
  group.upstream.use([]);
  assert.deepEqual(group.log, ['out: Down.', 'gone, 0 refused']);
});

test('an upstream that is not used any more says so if it is out, and nothing after that', (t) => {
  const group = new Group(t, ['a']);
  group.fail(0);
  group.upstream.close();
  group.reach(0);
  group.fail(0);
  assert.deepEqual(group.log, ['out: Down.', 'gone, 0 refused']);
});

test('calls that no endpoint can take are counted, also where the upstream has none, until it is not used any more', (t) => {
  const group = new Group(t, ['a']);
  t.mock.method(Scripted.prototype, 'seekCapacity', () => false);
  group.wait();
  group.fail(0);
  assert.equal(group.refused, 1, 'a call that waited');
  group.wait();
  group.upstream.use([]);
  group.wait();
  assert.equal(group.refused, 3);
  group.upstream.close();
  group.wait();
  assert.equal(group.refused, 3);
});
