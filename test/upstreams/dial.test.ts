// An endpoint that is a name with addresses of both families, the first of which is dead: the other one is tried after a moment (Happy
// Eyeballs, RFC 8305), whatever is spoken.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { Address } from '../../src/config/address.ts';
import { names } from '../../src/names/name-lookup.ts';
import { tcpDialer } from '../../src/upstreams/dial.ts';
import { connectEndpoint } from '../../src/upstreams/http1/endpoint-socket.ts';
import { tlsDialer } from '../../src/upstreams/tls-dialer.ts';
import { UpstreamTls } from '../../src/upstreams/upstream-tls.ts';
import { testCertificate } from '../support/certificates.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { startSilentAddress } from '../support/silent-address.ts';

const DEAD_HOST = '127.0.0.5';
/** Far more than the first address is given before the other one is tried. */
const TIMEOUT_MS = 10_000;

async function listen(t: TestContext, server: Server): Promise<number> {
  server.on('error', () => undefined);
  server.listen(0, '::1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function upstreamTls(): Promise<UpstreamTls> {
  const { ca } = await testCertificate('localhost', '127.0.0.1');
  return new UpstreamTls({ ca, cert: undefined, key: undefined, serverName: 'localhost' }, 'voice');
}

async function secureServer(alpn: string): Promise<Server> {
  const { certPem, keyPem } = await testCertificate('localhost', '127.0.0.1');
  return createTlsServer({ cert: certPem, key: keyPem, ALPNProtocols: [alpn] });
}

interface Way {
  readonly name: string;
  readonly server: () => Server | Promise<Server>;
  /** Resolves with the address of the other side. */
  readonly dial: (address: Address) => Promise<string | undefined>;
}

async function dialHttp2(address: Address, tls?: UpstreamTls): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const dialer = tls === undefined ? tcpDialer : tlsDialer(tls);
  const socket = dialer.dial(address, {
    onConnected: resolve,
    onBytes: () => undefined,
    onFailed: ({ sentence }) => reject(new Error(sentence)),
  });
  await promise;
  const remote = 'remoteAddress' in socket ? String(socket.remoteAddress) : undefined;
  socket.destroy();
  return remote;
}

function dialHttp1(address: Address, tls?: UpstreamTls): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    connectEndpoint(address, tls, TIMEOUT_MS, (error, socket) => {
      const { remoteAddress } = socket;
      socket.destroy();
      if (error === undefined) resolve(remoteAddress);
      else reject(error);
    });
  });
}

const WAYS: readonly Way[] = [
  { name: 'h2c', server: () => createServer(), dial: (address) => dialHttp2(address) },
  {
    name: 'h2',
    server: () => secureServer('h2'),
    dial: async (address) => dialHttp2(address, await upstreamTls()),
  },
  { name: 'http1', server: () => createServer(), dial: (address) => dialHttp1(address) },
  {
    name: 'http1 over TLS',
    server: () => secureServer('http/1.1'),
    dial: async (address) => dialHttp1(address, await upstreamTls()),
  },
];

for (const { name, server, dial } of WAYS) {
  test(`${name}: an address that answers nothing gives way to one of the other family`, async (t) => {
    const port = await listen(t, await server());
    await startSilentAddress(t, DEAD_HOST, port);
    const dns = await startDnsServer(t);
    names.useServers([dns.address]);
    t.after(() => names.useServers(undefined));
    dns.set('both.test', { a: [DEAD_HOST], aaaa: ['::1'] });
    const text = `both.test:${port}`;
    assert.equal(await dial({ kind: 'tcp', host: 'both.test', port, text }), '::1');
  });

  test(`${name}: so does one that refuses, and a single one that is dead fails`, async (t) => {
    const port = await listen(t, await server());
    const dns = await startDnsServer(t);
    names.useServers([dns.address]);
    t.after(() => names.useServers(undefined));
    dns.set('both.test', { a: [DEAD_HOST], aaaa: ['::1'] });
    const address = (host: string): Address => ({ kind: 'tcp', host, port, text: `${host}:${port}` });
    assert.equal(await dial(address('both.test')), '::1');
    dns.set('dead.test', { a: [DEAD_HOST] });
    await assert.rejects(dial(address('dead.test')));
  });
}
