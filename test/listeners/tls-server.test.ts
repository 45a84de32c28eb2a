import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { get } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { testCertificate } from '../support/certificates.ts';
import { recordClientHello } from './client-hello-recording.ts';
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
const CLIENT_HELLO = await recordClientHello({ servername: 'localhost', ALPNProtocols: ['h2'] });
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
    port,
    client: `127.0.0.1:${client.localPort}`,
    clientAddress: '127.0.0.1',
    tls: 'TLSv1.3',
    alpn: 'h2',
    serverName: 'localhost',
    trusted: false,
    mismatch: undefined,
    mismatchPolicy: 'explain',
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

test('a client without ALPN that sends HTTP/1.1 is served', async (context) => {
  const { handler, port } = await listenTls(context);
  const client = await handshake(port, trust);
  client.write('G');
  await turn();
  client.write('ET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  assert.match(await readToEnd(client), /^HTTP\/1\.1 200 OK\r\n[^]*GET \/x$/);
  const peer = await handler.http1.next();
  assert.deepEqual([peer.alpn, peer.tls], ['', 'TLSv1.3']);
});

test('a client without ALPN that sends the HTTP/2 preface is served, and nothing is lost', async (context) => {
  const { handler, port } = await listenTls(context);
  const client = await handshake(port, trust);
  for (const byte of PREFACE) {
    client.write(Buffer.from([byte]));
    await turn();
  }
  const { socket, peer, head, received } = await handler.http2.next();
  assert.ok(head !== undefined && head.subarray(0, 24).equals(PREFACE));
  assert.deepEqual([peer.alpn, peer.tls, peer.mismatch], ['', 'TLSv1.3', undefined]);
  client.end('after');
  await closed(socket);
  assert.equal(Buffer.concat(received).toString('latin1'), `${PREFACE.toString('latin1')}after`);
});

test('a client without ALPN that sends neither is refused, and so is one that sends nothing', async (context) => {
  const { handler, port } = await listenTls(context, { timeouts: { firstBytesMs: 50 } });
  const cases = [
    ['\0\0\0garbage', 'unknown_protocol'],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'unknown_protocol'],
    ['', 'first_bytes_timeout'],
    ['PRI * HTT', 'first_bytes_timeout'],
  ] as const;
  for (const [bytes, token] of cases) {
    const client = await handshake(port, trust);
    const { localPort } = client;
    if (bytes !== '') client.write(bytes);
    assert.equal(await readToEnd(client), '');
    const refusal = await handler.refusals.next();
    assert.deepEqual([refusal.token, refusal.client], [token, `127.0.0.1:${localPort}`]);
  }
  const gone = await handshake(port, trust);
  gone.end();
  assert.equal((await handler.refusals.next()).token, 'first_bytes_abandoned');
});

test('HTTP/2 after ALPN chose http/1.1 is refused with an explanation', async (context) => {
  const { handler, port } = await listenTls(context);
  const client = await handshake(port, { ...trust, ALPNProtocols: ['http/1.1'] });
  client.write(PREFACE);
  assert.match(await readToEnd(client), /^HTTP\/1\.1 400 Bad Request[^]*needs ALPN "h2"/);
  assert.equal((await handler.refusals.next()).token, 'tls_without_h2');
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

test('a client that offers compression gets none', async (context) => {
  const { port } = await listenTls(context);
  const hello = await recordClientHello({ servername: 'localhost', maxVersion: 'TLSv1.2' });
  const offering = withDeflate(hello);
  assert.equal(offering.length, hello.length + 1);
  const client = send(port, offering);
  const [answer] = await once(client, 'data');
  // ServerHello: record header 5, message header 4, version 2, random 32, session id, suite 2, compression method.
  assert.deepEqual([answer[0], answer[5]], [0x16, 2]);
  assert.equal(answer[43 + 1 + answer[43] + 2], 0);
  client.destroy();
});

/** The same ClientHello with DEFLATE (RFC 3749) before the null method. */
function withDeflate(hello: Buffer): Buffer {
  const suites = 43 + 1 + hello[43];
  const methods = suites + 2 + hello.readUInt16BE(suites);
  assert.deepEqual([...hello.subarray(methods, methods + 2)], [1, 0]);
  const offering = Buffer.concat([
    hello.subarray(0, methods),
    Buffer.from([2, 1, 0]),
    hello.subarray(methods + 2),
  ]);
  offering.writeUInt16BE(offering.length - 5, 3);
  offering.writeUIntBE(offering.length - 9, 6, 3);
  return offering;
}

test('a client whose ALPN offers neither h2 nor http/1.1 is refused', async (context) => {
  const { handler, port } = await listenTls(context);
  await assert.rejects(handshake(port, { ...trust, ALPNProtocols: ['grpc-exp'] }), /no application protocol/);
  assert.equal((await handler.refusals.next()).token, 'tls_no_shared_alpn');
});

test('a client that goes away during the handshake is routine, and its address is known', async (context) => {
  for (const mismatch of ['explain', 'close'] as const) {
    const { handler, port } = await listenTls(context, { mismatch });
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const client = send(port, CLIENT_HELLO);
      await once(client, 'data');
      const { localPort } = client;
      client[leave]();
      const refusal = await handler.refusals.next();
      assert.deepEqual([refusal.token, refusal.routine], ['tls_handshake_abandoned', true]);
      assert.equal(refusal.client, `127.0.0.1:${localPort}`);
    }
  }
});

test('a client that stops in the middle of the handshake is closed in time, and its address is known', async (context) => {
  for (const mismatch of ['explain', 'close'] as const) {
    const { handler, port } = await listenTls(context, { mismatch, timeouts: { tlsHandshakeMs: 50 } });
    for (const bytes of [CLIENT_HELLO, CLIENT_HELLO.subarray(0, 100)]) {
      const client = send(port, bytes);
      await once(client, 'connect');
      const { localPort } = client;
      await readToEnd(client);
      const refusal = await handler.refusals.next();
      assert.equal(refusal.token, 'tls_handshake_timeout');
      assert.equal(refusal.client, `127.0.0.1:${localPort}`);
    }
  }
});

test('a ClientHello that comes byte by byte loses nothing', async (context) => {
  const { handler, port } = await listenTls(context);
  const between = createServer((downstream) => {
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
    upstream.pipe(downstream);
    downstream.once('data', (hello: Buffer) => {
      downstream.pause();
      trickle(upstream, hello).then(
        () => downstream.pipe(upstream),
        () => upstream.destroy(),
      );
    });
    for (const socket of [upstream, downstream]) socket.on('error', () => upstream.destroy());
  });
  between.listen(0, '127.0.0.1');
  context.after(() => between.close());
  await once(between, 'listening');
  const address = between.address();
  assert.ok(address !== null && typeof address === 'object');
  const client = await handshake(address.port, { ...trust, ALPNProtocols: ['h2'] });
  client.write(PREFACE);
  const { socket, received } = await handler.http2.next();
  if (received.length === 0) await once(socket, 'data');
  assert.deepEqual(Buffer.concat(received), PREFACE);
});

async function trickle(socket: Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    await turn();
  }
}

test('a client that is silent after the handshake is closed', async (context) => {
  const { handler, port } = await listenTls(context, { timeouts: { http1HeadersMs: 50 } });
  const client = await handshake(port, { ...trust, ALPNProtocols: ['http/1.1'] });
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
