// From where the doctor connects to ports of this machine, so that a proxy tells its runs from clients.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Address } from '../../src/config/address.ts';
import { dial, PROBE_HOST, probeHostFor } from '../../src/doctor/dial.ts';
import { freePort } from '../support/free-port.ts';

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

/** @returns whether the port of ::1 could be had */
async function listensAt(t: TestContext, port: number): Promise<boolean> {
  const server = createServer((socket) => socket.end());
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.on('error', () => resolve(false));
  server.listen({ host: '::1', port }, () => resolve(true));
  t.after(() => server.close());
  return await promise;
}

test('a name is dialled at its other addresses where the one of the probe is refused', async (t) => {
  if (!(await listensAt(t, 0))) return t.skip('no IPv6 here');
  // Nobody listens there at 127.0.0.1, and the system gives it to nobody.
  let port = await freePort();
  while (!(await listensAt(t, port))) port = await freePort();
  // It leads to 127.0.0.1, and then to ::1, where nothing in /etc/hosts says otherwise.
  const dialled = await dial(addressOf('probe.localhost', port), undefined, 5000, PROBE_HOST);
  assert.ok('socket' in dialled, JSON.stringify(dialled));
  t.after(() => dialled.socket.destroy());
  assert.equal(dialled.socket.remoteAddress, '::1');
});
