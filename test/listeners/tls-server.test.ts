import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { get } from 'node:https';
import { connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { testCertificate } from '../support/certificates.ts';
import {
  closed,
  handshake,
  type ListenerTestOptions,
  listen,
  PREFACE,
  readToEnd,
  send,
} from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const trust = { ca: certificate.caPem, servername: 'localhost' };

function listenTls(context: TestContext, options: ListenerTestOptions = {}) {
  return listen(context, { certificates: [certificate], ...options });
}

test('a client that chooses h2 by ALPN reaches the HTTP/2 handler, with its peer', async (context) => {
  const { handler, port } = await listenTls(context);
  const client = await handshake(port, { ...trust, ALPNProtocols: ['h2'], servername: 'LocalHost' });
  assert.equal(client.alpnProtocol, 'h2');
  client.write(PREFACE);
  const { socket, peer, head, received } = await handler.http2.next();
  assert.equal(head, undefined);
  assert.deepEqual(peer, {
    listener: 'under-test',
    client: `127.0.0.1:${client.localPort}`,
    clientAddress: '127.0.0.1',
    tls: 'TLSv1.3',
    serverName: 'localhost',
    trusted: false,
  });
  if (received.length === 0) await once(socket, 'data');
  assert.deepEqual(Buffer.concat(received), PREFACE);
  client.destroy();
});

test('a real gRPC client and a real HTTP/2 client arrive with their preface', async (context) => {
  const { handler, port } = await listenTls(context);
  const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(certificate.caPem)));
  client.getChannel().getConnectivityState(true);
  const first = await handler.http2.next();
  if (first.received.length === 0) await once(first.socket, 'data');
  assert.ok(Buffer.concat(first.received).subarray(0, 24).equals(PREFACE));
  client.close();
  const session = connectHttp2(`https://localhost:${port}`, { ca: certificate.caPem });
  session.on('error', () => undefined);
  const second = await handler.http2.next();
  if (second.received.length === 0) await once(second.socket, 'data');
  assert.ok(Buffer.concat(second.received).subarray(0, 24).equals(PREFACE));
  session.destroy();
});

test('an HTTP/1.1 client reaches the HTTP/1.1 handler, with its peer', async (context) => {
  const { handler, port } = await listenTls(context);
  const request = get({ host: '127.0.0.1', port, path: '/hello', ...trust, agent: false });
  const [response] = await once(request, 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
  const peer = await handler.http1.next();
  assert.equal(peer.tls, 'TLSv1.3');
  assert.equal(peer.serverName, 'localhost');
});

test('a client without ALPN is HTTP/1.1', async (context) => {
  const { handler, port } = await listenTls(context);
  const client = await handshake(port, trust);
  client.write('GET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  assert.match(await readToEnd(client), /^HTTP\/1\.1 200 OK\r\n[^]*GET \/x$/);
  assert.equal(handler.http1.all.length, 1);
});

test('HTTP/2 without ALPN is refused with an explanation', async (context) => {
  const { handler, port } = await listenTls(context);
  const client = await handshake(port, trust);
  client.write(PREFACE);
  assert.match(await readToEnd(client), /^HTTP\/1\.1 400 Bad Request[^]*needs ALPN "h2"/);
  assert.equal((await handler.refusals.next()).token, 'tls_without_h2');
});

test('SNI chooses the certificate: exact before wildcard, in any case, the first for unknown names', async (context) => {
  const wildcard = await testCertificate('*.b.test');
  const exact = await testCertificate('x.b.test', 'other.test');
  const { handler, port } = await listenTls(context, { certificates: [certificate, wildcard, exact] });
  const cases = [
    ['localhost', 'DNS:localhost, IP Address:127.0.0.1'],
    ['A.B.Test', 'DNS:*.b.test'],
    ['X.B.TEST', 'DNS:x.b.test, DNS:other.test'],
    ['a.a.b.test', 'DNS:localhost, IP Address:127.0.0.1'],
    ['b.test', 'DNS:localhost, IP Address:127.0.0.1'],
    ['unknown.test', 'DNS:localhost, IP Address:127.0.0.1'],
    ['*.b.test', 'DNS:localhost, IP Address:127.0.0.1'],
    ['we ird..name', 'DNS:localhost, IP Address:127.0.0.1'],
  ] as const;
  for (const [servername, names] of cases) {
    const client = await handshake(port, { servername, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    assert.equal(client.getPeerCertificate().subjectaltname, names, servername);
    const { peer } = await handler.http2.next();
    assert.equal(peer.serverName, servername.toLowerCase());
    client.destroy();
  }
});

test('TLS 1.1 is refused', async (context) => {
  const { handler, port } = await listenTls(context);
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await assert.rejects(handshake(port, { ...trust, ...old }), /protocol version/);
  const refusal = await handler.refusals.next();
  assert.equal(refusal.token, 'tls_version_unsupported');
  assert.equal(refusal.detail, 'unsupported protocol');
  assert.match(refusal.client, /^127\.0\.0\.1:\d+$/);
});

test('the minimum version is the configured one', async (context) => {
  const { port } = await listenTls(context, { minVersion: 'TLSv1.3' });
  await assert.rejects(handshake(port, { ...trust, maxVersion: 'TLSv1.2' }), /protocol version/);
  const client = await handshake(port, trust);
  assert.equal(client.getProtocol(), 'TLSv1.3');
  client.destroy();
});

test('suites that HTTP/2 forbids are refused', async (context) => {
  const { handler, port } = await listenTls(context);
  const cbc = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' } as const;
  await assert.rejects(handshake(port, { ...trust, ...cbc }), /handshake failure/);
  assert.equal((await handler.refusals.next()).token, 'tls_no_shared_cipher');
});

test('a client whose ALPN offers neither h2 nor http/1.1 is refused', async (context) => {
  const { handler, port } = await listenTls(context);
  await assert.rejects(handshake(port, { ...trust, ALPNProtocols: ['grpc-exp'] }), /no application protocol/);
  assert.equal((await handler.refusals.next()).token, 'tls_no_shared_alpn');
});

test('clients without TLS are refused, told apart, and closed; the listener lives on', async (context) => {
  const { handler, port } = await listenTls(context);
  const cases = [
    [PREFACE, 'plaintext_on_tls_port'],
    ['GET / HTTP/1.1\r\n\r\n', 'http1_on_tls_port'],
    ['OPTIONS / HTTP/1.1\r\n\r\n', 'http1_on_tls_port'],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'plaintext_on_tls_port'],
    ['\0\0\0\0\0\0\0\0\0\0\0', 'plaintext_on_tls_port'],
  ] as const;
  for (const [bytes, token] of cases) {
    const client = send(port, bytes);
    await readToEnd(client);
    const refusal = await handler.refusals.next();
    assert.equal(refusal.token, token);
    assert.equal(refusal.routine, false);
    assert.match(refusal.client, /^127\.0\.0\.1:\d+$/);
  }
  const client = await handshake(port, { ...trust, ALPNProtocols: ['h2'] });
  client.destroy();
});

test('a client that goes away during the handshake is routine', async (context) => {
  const { handler, port } = await listenTls(context);
  const polite = connect({ port, host: '127.0.0.1' }, () => polite.end());
  const first = await handler.refusals.next();
  assert.deepEqual([first.token, first.routine], ['tls_handshake_abandoned', true]);
  const rude = connect({ port, host: '127.0.0.1' }, () => rude.resetAndDestroy());
  const second = await handler.refusals.next();
  assert.deepEqual([second.token, second.routine], ['tls_handshake_abandoned', true]);
});

test('a silent client is closed when the handshake time is over', async (context) => {
  const { handler, port } = await listenTls(context, { timeouts: { tlsHandshakeMs: 50 } });
  const client = connect({ port, host: '127.0.0.1' });
  await readToEnd(client);
  assert.equal((await handler.refusals.next()).token, 'tls_handshake_timeout');
});

test('a client that is silent after the handshake is closed', async (context) => {
  const { handler, port } = await listenTls(context, { timeouts: { http1HeadersMs: 50 } });
  const client = await handshake(port, trust);
  assert.match(await readToEnd(client), /^HTTP\/1\.1 408 /);
  assert.equal((await handler.refusals.next()).token, 'http1_headers_timeout');
});

test('a record that cannot be decrypted closes the connection and harms nothing else', async (context) => {
  const { handler, port } = await listenTls(context);
  // Someone in between, who adds a record with an authentication tag that cannot be right.
  const upstream = connect({ port, host: '127.0.0.1' });
  const between = createServer((downstream) => {
    downstream.on('error', () => undefined);
    downstream.pipe(upstream).pipe(downstream);
  });
  between.listen(0, '127.0.0.1');
  context.after(() => between.close());
  await once(between, 'listening');
  const address = between.address();
  assert.ok(address !== null && typeof address === 'object');
  await handshake(address.port, { ...trust, ALPNProtocols: ['h2'] });
  const { socket } = await handler.http2.next();
  upstream.on('error', () => undefined);
  upstream.write(Buffer.concat([Buffer.from([0x17, 3, 3, 0, 32]), Buffer.alloc(32, 7)]));
  await closed(socket);
  const client = await handshake(port, { ...trust, ALPNProtocols: ['h2'] });
  client.destroy();
});
