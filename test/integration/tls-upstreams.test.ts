// Upstreams with protocol: h2: HTTP/2 over TLS towards the service, its certificate verified.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { status } from '../../src/demo/grpc.ts';
import { testCertificate } from '../support/certificates.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';

interface TlsService {
  readonly port: number;
  readonly schemes: string[];
  readonly serverNames: unknown[];
  readonly clientNames: unknown[];
}

/** Answers every gRPC call with an empty message and OK. */
async function startTlsService(t: TestContext, names: readonly string[], asksForCertificate = false) {
  const { certPem, keyPem, caPem } = await testCertificate(...names);
  const server = createSecureServer({
    cert: certPem,
    key: keyPem,
    ca: caPem,
    requestCert: asksForCertificate,
    rejectUnauthorized: asksForCertificate,
  });
  return observe(t, server);
}

async function observe(t: TestContext, server: Http2SecureServer): Promise<TlsService> {
  const service = { schemes: [] as string[], serverNames: [] as unknown[], clientNames: [] as unknown[] };
  server.on('secureConnection', (socket) => {
    service.serverNames.push(socket.servername);
    service.clientNames.push(socket.getPeerCertificate().subject?.CN);
  });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    service.schemes.push(String(headers[':scheme']));
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { ...service, port: portOf(server.address()) };
}

function portOf(address: AddressInfo | string | null): number {
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

async function startWith(
  t: TestContext,
  endpoint: string,
  tls: Readonly<Record<string, string>> | undefined,
): Promise<ProxyUnderTest> {
  const upstream = { protocol: 'h2', endpoints: [endpoint], ...(tls === undefined ? {} : { tls }) };
  return startProxy(t, { sections: { upstreams: { voice: upstream } } });
}

test('calls travel over TLS to an endpoint whose authority is trusted, with :scheme https', async (t) => {
  const service = await startTlsService(t, ['localhost']);
  const { ca } = await testCertificate('localhost');
  const proxy = await startWith(t, `localhost:${service.port}`, { ca });
  for (const listener of ['tls', 'clear'] as const) {
    const outcome = await proxy.voiceClient(listener).say({});
    assert.equal(status[outcome.code], 'OK', outcome.details);
  }
  assert.deepEqual(service.schemes, ['https', 'https']);
  assert.deepEqual(service.serverNames, ['localhost']);
});

test('a certificate for the address is enough for an endpoint that is an address', async (t) => {
  const service = await startTlsService(t, ['127.0.0.1']);
  const { ca } = await testCertificate('127.0.0.1');
  const proxy = await startWith(t, `127.0.0.1:${service.port}`, { ca });
  assert.equal(status[(await proxy.voiceClient('clear').say({})).code], 'OK');
  assert.deepEqual(service.serverNames, [false]);
});

test('serverName is called by SNI and looked for in the certificate', async (t) => {
  const service = await startTlsService(t, ['voice.internal']);
  const { ca } = await testCertificate('voice.internal');
  const proxy = await startWith(t, `127.0.0.1:${service.port}`, { ca, serverName: 'voice.internal' });
  assert.equal(status[(await proxy.voiceClient('clear').say({})).code], 'OK');
  assert.deepEqual(service.serverNames, ['voice.internal']);
});

test('a certificate of the proxy itself is shown to a service that asks for one', async (t) => {
  const service = await startTlsService(t, ['localhost'], true);
  const { ca, cert, key } = await testCertificate('localhost');
  const proxy = await startWith(t, `localhost:${service.port}`, { ca, cert, key });
  assert.equal(status[(await proxy.voiceClient('clear').say({})).code], 'OK');
  assert.deepEqual(service.clientNames, ['localhost']);
});

test('a certificate that nobody trusted signed is refused, and the call says so', async (t) => {
  const service = await startTlsService(t, ['localhost']);
  const proxy = await startWith(t, `localhost:${service.port}`, undefined);
  const outcome = await proxy.voiceClient('clear').say({});
  assert.equal(status[outcome.code], 'UNAVAILABLE');
  assert.match(outcome.details, /certificate/);
  assert.match((await proxy.record()).reason, /^upstream_certificate_not_trusted: /);
  assert.deepEqual(service.schemes, []);
});

test('a certificate for another name is refused, and the call says so', async (t) => {
  const service = await startTlsService(t, ['other.internal']);
  const { ca } = await testCertificate('other.internal');
  const proxy = await startWith(t, `localhost:${service.port}`, { ca });
  const outcome = await proxy.voiceClient('clear').say({});
  assert.equal(status[outcome.code], 'UNAVAILABLE');
  assert.match((await proxy.record()).reason, /^upstream_certificate_name_mismatch: /);
});

test('an endpoint that does not choose h2 by ALPN is told apart', async (t) => {
  const { certPem, keyPem, ca } = await testCertificate('localhost');
  const server = createTlsServer({ cert: certPem, key: keyPem, ALPNProtocols: ['http/1.1', 'h2c'] });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const proxy = await startWith(t, `localhost:${portOf(server.address())}`, { ca });
  const outcome = await proxy.voiceClient('clear').say({});
  assert.equal(status[outcome.code], 'UNAVAILABLE');
  assert.match((await proxy.record()).reason, /^upstream_no_h2_alpn: /);
});

test('an endpoint that speaks no TLS is told apart', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startWith(t, demo.address, undefined);
  const outcome = await proxy.voiceClient('clear').say({});
  assert.equal(status[outcome.code], 'UNAVAILABLE');
  assert.match((await proxy.record()).reason, /^upstream_not_tls: /);
});

test('an endpoint that answers nothing at all is given up after connectTimeout', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const upstream = {
    protocol: 'h2',
    endpoints: [`127.0.0.1:${portOf(server.address())}`],
    connections: { connectTimeout: '200ms' },
  };
  const proxy = await startProxy(t, { sections: { upstreams: { voice: upstream } } });
  const outcome = await proxy.voiceClient('clear').say({});
  assert.equal(status[outcome.code], 'UNAVAILABLE');
});

test('TLS files that cannot be used keep the proxy from starting, with the name of the upstream', async (t) => {
  await assert.rejects(startWith(t, '127.0.0.1:1', { ca: '/nonexistent/ca.crt' }), {
    message: /^upstream 'voice': its TLS files cannot be used: .*\/nonexistent\/ca\.crt/,
  });
});
