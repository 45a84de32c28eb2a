// Endpoints and what is known of their health are put to use together: by an update, and by a reload that has changed their upstream.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import { eventually } from '../support/eventually.ts';
import { configOf, proxyConfigText, startProxy } from '../support/proxy-under-test.ts';

const NAMES = ['/a', '/b', '/c', '/d'];
const UNHEALTHY = {
  upstream: 'voice',
  endpoints: NAMES.map((address) => ({
    address,
    reason: { token: 'health_not_serving', sentence: `${address} does not serve.` },
    recoveries: 0,
  })),
};

function settings(streams: number) {
  return { sections: { upstreams: { voice: { endpoints: 'api', limits: { streams } } } } };
}

function updateOf(...names: readonly string[]) {
  const endpoints = names.map((path) => endpointAt({ kind: 'unix', path, text: path }));
  return { upstream: 'voice', version: 1, endpoints };
}

function panics(lines: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  return lines
    .filter(({ msg }) => /endpoints can be used|kept out get no calls again/.test(String(msg)))
    .map(({ usable, endpoints }) => `${String(usable)} of ${String(endpoints)}`);
}

test('endpoints that are named and known to be unhealthy can never be used', async (t: TestContext) => {
  const proxy = await startProxy(t, settings(1000));
  const { plane } = proxy;
  plane.updateHealth(UNHEALTHY);
  plane.updateEndpoints(updateOf('/a', '/b'));
  plane.updateEndpoints(updateOf(...NAMES));
  const known = new Map([['voice', updateOf(...NAMES)]]);
  const change = await plane.prepare(configOf(await proxyConfigText(settings(2000))), 2, () => known);
  change.commit();
  // One line for the first two, none for those that joined, and one for the upstream that was made anew.
  await eventually('the last is told', () => panics(proxy.lines()).at(-1) === '0 of 4');
  assert.deepEqual(panics(proxy.lines()), ['0 of 2', '0 of 4']);
});
