// What the gauges and the report say of endpoints that fail while nobody asks for them: what the next call would find out.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { ProxySnapshot } from '../../src/plane/build-snapshot.ts';
import { UpstreamGauges } from '../../src/plane/upstream-gauges.ts';
import { reportUpstreams } from '../../src/plane/upstream-report.ts';
import type { CallEndpoint, CallTarget } from '../../src/relay/snapshot.ts';
import { http2Upstream } from '../../src/upstreams/http2/http2-upstream.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { LOCAL_SETTINGS } from '../support/local-settings.ts';
import { standIn } from '../support/stand-in.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

async function startVoice(t: TestContext, count: number): Promise<CallTarget> {
  const ports = [];
  for (let index = 0; index < count; index++) ports.push(await freePort());
  const config = {
    name: 'voice',
    protocol: 'h2c',
    endpoints: ports.map((port) =>
      endpointAt({ kind: 'tcp', host: '127.0.0.1', port, text: `127.0.0.1:${port}` }),
    ),
    balance: 'round-robin',
    connections: { connectTimeoutMs: 60_000, max: 1, maxPending: 100 },
    limits: { retries: 0.2 },
  } as const;
  const upstream: CallTarget = http2Upstream(config, LOCAL_SETTINGS, NO_UPSTREAM_EVENTS);
  t.after(() => upstream.destroy('the test is over'));
  return upstream;
}

function builtOf(upstream: CallTarget): ProxySnapshot['built'] {
  return new Map([['voice', { upstream, origin: '', tls: undefined, outliers: undefined }]]);
}

function numbersOf(upstream: CallTarget, metric: string): readonly number[] {
  const families = new UpstreamGauges().families(
    standIn<ProxySnapshot>({ built: builtOf(upstream), config: standIn<Config>({ upstreams: [] }) }),
  );
  return [...families].flatMap(({ name, values }) => (name === metric ? [...values] : []));
}

/** @returns what the call was told */
async function callInVain(upstream: CallTarget): Promise<string> {
  let told = '';
  upstream.wait({
    holding: upstream.shares.holdingOf('192.0.2.1', undefined, false),
    tried: [],
    traits: { hash: undefined, method: '/a.B/C' },
    onEndpoint: (endpoint: CallEndpoint) => assert.fail(`given ${endpoint.address.text}`),
    forgetTried() {},
    onUnavailable({ token }) {
      told = token;
    },
  });
  return eventually('the call is refused', () => (told === '' ? undefined : told));
}

test('endpoints that nobody listens at are neither used nor healthy, however long nobody calls', async (t) => {
  const upstream = await startVoice(t, 2);
  assert.deepEqual(numbersOf(upstream, 'framegate_endpoint_healthy'), [1, 1], 'nothing is known yet');
  assert.equal(await callInVain(upstream), 'upstream_connection_refused');
  await eventually('the pause is over, so that the next call tries them', () =>
    upstream.endpoints.every(({ triedAgainInMs }) => triedAgainInMs === 0),
  );
  assert.deepEqual(numbersOf(upstream, 'framegate_endpoint_healthy'), [0, 0]);
  assert.deepEqual(numbersOf(upstream, 'framegate_upstream_healthy_endpoints'), [0]);
  assert.deepEqual(numbersOf(upstream, 'framegate_upstream_panic'), [0], 'there is nobody else to use');
  const [{ endpoints }] = reportUpstreams(builtOf(upstream));
  assert.deepEqual(
    endpoints.map(({ usedBy, reasons }) => [usedBy, ...reasons.map(({ by, againInMs }) => [by, againInMs])]),
    [
      [0, ['connecting', 0]],
      [0, ['connecting', 0]],
    ],
  );
});

test('an endpoint that owes an answer is not healthy, and a panic has a gauge', async (t) => {
  const upstream = await startVoice(t, 3);
  const [one, other] = upstream.endpoints;
  const doubt = t.mock.getter(one, 'isInDoubt', () => true);
  assert.deepEqual(numbersOf(upstream, 'framegate_endpoint_healthy'), [0, 1, 1]);
  doubt.mock.restore();
  for (const endpoint of [one, other])
    endpoint.exclude('health', { token: 'health_not_serving', sentence: 'It does not serve.' });
  assert.deepEqual(numbersOf(upstream, 'framegate_endpoint_healthy'), [0, 0, 1]);
  assert.deepEqual(numbersOf(upstream, 'framegate_upstream_healthy_endpoints'), [1]);
  assert.deepEqual(numbersOf(upstream, 'framegate_upstream_panic'), [1]);
  one.readmit('health');
  assert.deepEqual(numbersOf(upstream, 'framegate_upstream_panic'), [0]);
});
