import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configChanges } from '../../src/config/config-changes.ts';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { EndpointState } from '../../src/config/upstream-config.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

test('names what was added, changed and removed, and the sections that differ', async () => {
  const before = configOf(await proxyConfigText({}));
  const [first, second] = before.listeners;
  const now = {
    ...before,
    listeners: [
      { ...first, mismatch: 'close' as const },
      { ...second, name: 'other' },
    ],
    limits: { ...before.limits, headerFields: 64 },
    log: { ...before.log },
  };
  assert.deepEqual(configChanges(before, now), {
    listeners: { added: ['other'], changed: ['tls'], removed: ['clear'] },
    routes: { added: [], changed: [], removed: [] },
    upstreams: { added: [], changed: [], removed: [] },
    sections: ['limits'],
  });
});

test('limits of the whole proxy are limits too', async () => {
  const before = configOf(await proxyConfigText({}));
  const now = { ...before, capacity: { ...before.capacity, connections: 5 } };
  assert.deepEqual(configChanges(before, now).sections, ['limits']);
});

function at(port: number): EndpointState {
  return endpointAt({ kind: 'tcp', host: '10.0.0.1', port, text: `10.0.0.1:${port}` });
}

test('the addresses that an upstream has more and less are named, the first of them', async () => {
  const before = configOf(await proxyConfigText({}));
  const [first, ...others] = before.upstreams;
  const withPorts = (...ports: readonly number[]) => ({
    ...before,
    upstreams: [{ ...first, endpoints: ports.map(at) }, ...others],
  });
  assert.deepEqual(configChanges(withPorts(1, 2), withPorts(2, 3)).endpoints, [
    { upstream: first.name, added: ['10.0.0.1:3'], removed: ['10.0.0.1:1'] },
  ]);
  const many = configChanges(withPorts(), withPorts(1, 2, 3, 4, 5, 6, 7)).endpoints;
  assert.deepEqual(
    many?.[0].added,
    [1, 2, 3, 4, 5].map((port) => `10.0.0.1:${port}`),
  );
  assert.equal(many[0].more, 2);
  const weighed = { ...before, upstreams: [{ ...first, endpoints: [{ ...at(1), weight: 5 }] }, ...others] };
  assert.equal(configChanges(withPorts(1), weighed).endpoints, undefined, 'a weight is no address');
});
