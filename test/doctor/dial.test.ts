// From where the doctor connects to ports of this machine, so that a proxy tells its runs from clients.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { Address } from '../../src/config/address.ts';
import { dial, PROBE_HOST, probeHostFor } from '../../src/doctor/dial.ts';

function addressOf(host: string, port = 1): Address {
  return { kind: 'tcp', host, port, text: `${host}:${port}` };
}

test('ports of this machine are looked at from an address of their own, also by a name that leads here', (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux has all of 127.0.0.0/8');
  for (const host of ['127.0.0.1', '127.1.2.3', 'a.localhost', 'LOCALHOST'])
    assert.equal(probeHostFor(addressOf(host)), PROBE_HOST, host);
  for (const host of ['192.0.2.1', '::1', 'nginx.example.com', '127.example.com'])
    assert.equal(probeHostFor(addressOf(host)), undefined, host);
  assert.equal(probeHostFor({ kind: 'unix', path: '/a', text: 'unix:/a' }), undefined);
});

test('a name is dialled at its other addresses where the one of the probe is refused', async (t) => {
  const server = createServer((socket) => socket.end());
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.on('error', () => resolve(false));
  server.listen({ host: '::1', port: 0 }, () => resolve(true));
  if (!(await promise)) return t.skip('no IPv6 here');
  t.after(() => server.close());
  const bound = server.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  // It leads to 127.0.0.1, and then to ::1, where nothing in /etc/hosts says otherwise.
  const dialled = await dial(addressOf('probe.localhost', bound.port), undefined, 5000, PROBE_HOST);
  assert.ok('socket' in dialled, JSON.stringify(dialled));
  t.after(() => dialled.socket.destroy());
  assert.equal(dialled.socket.remoteAddress, '::1');
});
