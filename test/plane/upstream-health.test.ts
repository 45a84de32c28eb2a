// What health checks have found, applied to the endpoints of a process: all of one update together.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { EndpointState } from '../../src/config/upstream-config.ts';
import { UpstreamHealth } from '../../src/plane/upstream-health.ts';
import type { CallEndpoint, CallTarget } from '../../src/relay/snapshot.ts';
import { Availability } from '../../src/upstreams/availability.ts';
import { RoundRobin } from '../../src/upstreams/balancers/round-robin.ts';
import { ClientShares } from '../../src/upstreams/client-shares.ts';
import { Http1Endpoint } from '../../src/upstreams/http1/http1-endpoint.ts';
import { Upstream } from '../../src/upstreams/upstream.ts';
import type { UpstreamEvents } from '../../src/upstreams/upstream-parts.ts';
import type { Waiter } from '../../src/upstreams/waiter.ts';
import { LIMITS } from '../support/local-settings.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

const REASON = { token: 'health_not_serving', sentence: 'It does not serve.' };

function nameOf(index: number): string {
  return `/service-${index}`;
}

function states(count: number): readonly EndpointState[] {
  return Array.from({ length: count }, (_one, index) =>
    endpointAt({ kind: 'unix', path: nameOf(index), text: nameOf(index) }),
  );
}

/** Endpoints that take calls at once, without a connection. */
function startUpstream(t: TestContext, count: number, events: Partial<UpstreamEvents> = {}): CallTarget {
  const config = {
    name: 'web',
    protocol: 'http1',
    endpoints: states(count),
    connections: { connectTimeoutMs: 1000, max: 100, maxPending: 10 },
    limits: { retries: 0.2 },
  } as const;
  const options = {
    tls: undefined,
    connectTimeoutMs: 1000,
    maxConnections: 1,
    limits: LIMITS,
    windowBytes: 1,
  };
  const upstream: CallTarget = new Upstream<CallEndpoint>(
    {
      config,
      stallTimeoutMs: undefined,
      makeBalancer: () => new RoundRobin<CallEndpoint>(),
      makeEndpoint: (state, endpointEvents) => new Http1Endpoint(state, options, endpointEvents),
    },
    { ...NO_UPSTREAM_EVENTS, ...events },
  );
  t.after(() => upstream.destroy('the test is over'));
  return upstream;
}

function unhealthy(...indexes: readonly number[]) {
  return {
    upstream: 'web',
    endpoints: indexes.map((index) => ({ address: nameOf(index), reason: REASON, recoveries: 0 })),
  };
}

function callOf({ shares }: CallTarget): Waiter<CallEndpoint> & { told: string } {
  return {
    told: '',
    holding: shares.holdingOf('192.0.2.1', undefined, false),
    tried: [],
    traits: { hash: undefined, method: '/a.B/C' },
    onEndpoint(endpoint) {
      this.told = endpoint.address.text;
    },
    forgetTried() {},
    onUnavailable({ token }) {
      this.told = token;
    },
  };
}

test('the health of thousands of endpoints is judged once, and not once for each', (t) => {
  const upstream = startUpstream(t, 2000);
  const health = new UpstreamHealth();
  const judge = t.mock.method(Availability.prototype, 'judge');
  const recount = t.mock.method(ClientShares.prototype, 'recount');
  const judged: number[] = [];
  const all = Array.from({ length: 2000 }, (_one, index) => index);
  for (const indexes of [all.slice(1000), all, []]) {
    health.note(unhealthy(...indexes));
    health.applyTo('web', { upstream });
    judged.push(judge.mock.callCount(), recount.mock.callCount());
    assert.equal(upstream.endpoints.filter(({ isExcluded }) => isExcluded).length, indexes.length);
  }
  assert.deepEqual(judged, [1, 1, 2, 2, 3, 3]);
  health.applyTo('web', { upstream });
  assert.equal(judge.mock.callCount(), 3, 'nothing has changed');
});

test('how many endpoints are left is told when all are known, and not on the way there', (t) => {
  const panics: string[] = [];
  const onPanic: UpstreamEvents['onPanic'] = ({ usable, total }) => panics.push(`${usable} of ${total}`);
  const upstream = startUpstream(t, 4, { onPanic });
  const health = new UpstreamHealth();
  health.note(unhealthy(0, 1, 2, 3));
  health.applyTo('web', { upstream });
  assert.deepEqual(panics, ['0 of 4']);
});

test('a call that waits is not sent to an endpoint that joins and is known to be unhealthy', (t) => {
  const upstream = startUpstream(t, 3);
  const health = new UpstreamHealth();
  const waiting = callOf(upstream);
  // All places are taken.
  for (const endpoint of upstream.endpoints) t.mock.getter(endpoint, 'isPickable', () => false);
  upstream.wait(waiting);
  health.note(unhealthy(3));
  upstream.atOnce(() => {
    upstream.use(states(4));
    health.applyTo('web', { upstream });
  });
  assert.equal(waiting.told, '');
  health.note(unhealthy());
  health.applyTo('web', { upstream });
  assert.equal(waiting.told, nameOf(3));
});
