import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
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
  unix,
} from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const trust = { ca: certificate.caPem, servername: 'localhost' };

const V1 = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n', 'latin1');
const V2 = v2(0x21, 0x11, [203, 0, 113, 7, 192, 0, 2, 1, 0x9c, 0x40, 1, 0xbb]);
const V2_LOCAL = v2(0x20, 0, []);
const REAL_CLIENT = '203.0.113.7:40000';
const REQUEST = Buffer.from('GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', 'latin1');

function v2(command: number, family: number, block: readonly number[]): Buffer {
  const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
  return Buffer.concat([
    signature,
    Buffer.from([command, family, block.length >> 8, block.length & 0xff, ...block]),
  ]);
}

function listenBehindProxy(context: TestContext, options: ListenerTestOptions = {}) {
  return listen(context, { proxies: ['127.0.0.0/8'], ...options });
}

/** A TLS client whose connection begins with the header. */
async function handshakeBehind(header: Buffer, port: number, ALPNProtocols: string[]): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(header);
  const client = connectTls({ socket, ...trust, ALPNProtocols });
  client.on('error', () => undefined);
  await once(client, 'secureConnect');
  return client;
}

test('the client of a trusted balancer is the one its header names, version 1 and 2', async (context) => {
  const { handler, port } = await listenBehindProxy(context, { trustedClients: ['203.0.113.0/24'] });
  for (const header of [V1, V2]) {
    const client = send(port, Buffer.concat([header, PREFACE]));
    const { peer, head } = await handler.http2.next();
    assert.deepEqual(head, PREFACE);
    assert.deepEqual([peer.client, peer.clientAddress], [REAL_CLIENT, '203.0.113.7']);
    // Decided by the real client; the balancer itself is no trusted client here.
    assert.equal(peer.trusted, true);
    client.destroy();
  }
  assert.match(await readToEnd(send(port, Buffer.concat([V1, REQUEST]))), /^HTTP\/1\.1 200 OK[^]*GET \/x$/);
  const peer = await handler.http1.next();
  assert.equal(peer.client, REAL_CLIENT);
});

test('addresses are shown in one form: IPv4 as IPv4, IPv6 in brackets', async (context) => {
  const { handler, port } = await listenBehindProxy(context);
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 198, 51, 100, 9];
  const six = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
  const ports = [0, 9, 1, 0xbb];
  const cases = [
    [v2(0x21, 0x21, [...mapped, ...six, ...ports]), '198.51.100.9:9', '198.51.100.9'],
    [v2(0x21, 0x21, [...six, ...six, ...ports]), '[2001:db8::5]:9', '2001:db8::5'],
    [Buffer.from('PROXY TCP6 2001:DB8:0::5 ::1 7 443\r\n', 'latin1'), '[2001:db8::5]:7', '2001:db8::5'],
  ] as const;
  for (const [header, client, address] of cases) {
    send(port, Buffer.concat([header, PREFACE]));
    const { peer } = await handler.http2.next();
    assert.deepEqual([peer.client, peer.clientAddress], [client, address]);
  }
});

test("LOCAL and UNKNOWN leave the balancer's own address", async (context) => {
  const { handler, port } = await listenBehindProxy(context);
  for (const header of [V2_LOCAL, Buffer.from('PROXY UNKNOWN ignored\r\n'), v2(0x21, 0, [1, 2, 3])]) {
    const client = send(port, Buffer.concat([header, PREFACE]));
    const { peer } = await handler.http2.next();
    assert.equal(peer.client, `127.0.0.1:${client.localPort}`);
  }
});

test('TLS behind the header: handshake, HTTP/2 and HTTP/1.1, with the real client', async (context) => {
  for (const mismatch of ['explain', 'close', 'accept'] as const) {
    const { handler, port } = await listenBehindProxy(context, { certificates: [certificate], mismatch });
    const grpc = await handshakeBehind(V2, port, ['h2']);
    grpc.write(PREFACE);
    const { peer, socket, received } = await handler.http2.next();
    assert.deepEqual([peer.client, peer.alpn, peer.tls], [REAL_CLIENT, 'h2', 'TLSv1.3']);
    if (received.length === 0) await once(socket, 'data');
    assert.deepEqual(Buffer.concat(received), PREFACE);
    grpc.destroy();
    const web = await handshakeBehind(V1, port, ['http/1.1']);
    web.write(REQUEST);
    assert.match(await readToEnd(web), /^HTTP\/1\.1 200 OK/);
    assert.equal((await handler.http1.next()).client, REAL_CLIENT);
  }
});

test('a header that comes byte by byte, and what follows it, lose nothing', async (context) => {
  const clear = await listenBehindProxy(context);
  for (const header of [V1, V2]) {
    const client = connect({ port: clear.port, host: '127.0.0.1', noDelay: true });
    await trickle(client, Buffer.concat([header, PREFACE]));
    const { peer, socket, received } = await clear.handler.http2.next();
    assert.equal(peer.client, REAL_CLIENT);
    client.end('after');
    await closed(socket);
    assert.equal(Buffer.concat(received).toString('latin1'), `${PREFACE.toString('latin1')}after`);
  }
  const tls = await listenBehindProxy(context, { certificates: [certificate] });
  const socket = connect({ port: tls.port, host: '127.0.0.1', noDelay: true });
  await trickle(socket, V2);
  const client = connectTls({ socket, ...trust, ALPNProtocols: ['h2'] });
  await once(client, 'secureConnect');
  assert.equal((await tls.handler.http2.next()).peer.client, REAL_CLIENT);
  client.destroy();
});

async function trickle(socket: Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    await turn();
    await turn();
  }
}

test('a failed handshake behind the header is reported with the real client', async (context) => {
  const { handler, port } = await listenBehindProxy(context, { certificates: [certificate] });
  const hello = await recordClientHello({ servername: 'localhost', ALPNProtocols: ['h2'] });
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const client = send(port, Buffer.concat([V2, hello]));
    await once(client, 'data');
    client[leave]();
    const refusal = await handler.refusals.next();
    assert.deepEqual([refusal.token, refusal.client], ['tls_handshake_abandoned', REAL_CLIENT]);
  }
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(V1);
  connectTls({ socket, ...trust, ...old }).on('error', () => undefined);
  const refusal = await handler.refusals.next();
  assert.deepEqual([refusal.token, refusal.client], ['tls_version_unsupported', REAL_CLIENT]);
});

test('mistakes behind the header are reported with the real client', async (context) => {
  const { handler, port } = await listenBehindProxy(context, { certificates: [certificate] });
  assert.match(await readToEnd(send(port, Buffer.concat([V1, REQUEST]))), /^HTTP\/1\.1 400 /);
  const first = await handler.refusals.next();
  assert.deepEqual([first.token, first.client], ['http1_on_tls_port', REAL_CLIENT]);
  send(port, Buffer.concat([V1, PREFACE]));
  const { peer } = await handler.http2.next();
  assert.deepEqual([peer.mismatch, peer.client], ['plaintext_on_tls_port', REAL_CLIENT]);
});

test('mismatch: close counts behind the header too', async (context) => {
  const { handler, port } = await listenBehindProxy(context, {
    certificates: [certificate],
    mismatch: 'close',
  });
  for (const [bytes, token] of [
    [PREFACE, 'plaintext_on_tls_port'],
    [REQUEST, 'http1_on_tls_port'],
  ] as const) {
    assert.equal(await readToEnd(send(port, Buffer.concat([V2, bytes]))), '');
    const refusal = await handler.refusals.next();
    assert.deepEqual([refusal.token, refusal.client], [token, REAL_CLIENT]);
  }
  assert.equal(handler.http2.all.length, 0);
});

test('a trusted balancer has to send a header, a whole one, a valid one, and in time', async (context) => {
  for (const certificates of [undefined, [certificate]]) {
    const { handler, port } = await listenBehindProxy(context, {
      ...(certificates === undefined ? {} : { certificates }),
      timeouts: { firstBytesMs: 50 },
    });
    const cases = [
      [PREFACE, 'proxy_protocol_missing'],
      [REQUEST, 'proxy_protocol_missing'],
      [Buffer.from([0x16, 3, 1, 1, 0, 1]), 'proxy_protocol_missing'],
      [Buffer.from('PROXY TCP4 1.2.3.4\r\n'), 'proxy_protocol_malformed'],
      [Buffer.from(`PROXY ${'x'.repeat(200)}`), 'proxy_protocol_malformed'],
      [v2(0x31, 0x11, []), 'proxy_protocol_malformed'],
      [Buffer.concat([V1, V1, PREFACE]), 'proxy_protocol_malformed'],
      [V1.subarray(0, 20), 'proxy_protocol_timeout'],
      [V2.subarray(0, 20), 'proxy_protocol_timeout'],
      [Buffer.from('PRO'), 'proxy_protocol_timeout'],
      [Buffer.alloc(0), 'proxy_protocol_timeout'],
    ] as const;
    for (const [bytes, token] of cases) {
      const client = send(port, bytes);
      assert.equal(await readToEnd(client), '');
      const refusal = await handler.refusals.next();
      assert.equal(refusal.token, token, bytes.toString('latin1'));
      assert.match(refusal.client, /^127\.0\.0\.1:\d+$/);
    }
    assert.equal(await readToEnd(send(port, V1)), '');
    const silent = await handler.refusals.next();
    assert.deepEqual([silent.token, silent.client], ['first_bytes_timeout', REAL_CLIENT]);
    assert.equal(handler.http2.all.length, 0);
    assert.equal(handler.http1.all.length, 0);
  }
});

test('a balancer that goes away in the middle of its header is routine', async (context) => {
  const { handler, port } = await listenBehindProxy(context);
  for (const bytes of ['', 'PROXY TCP4 1.', String(V2_LOCAL)]) {
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const client = send(port, bytes);
      await once(client, 'connect');
      client[leave]();
      const refusal = await handler.refusals.next();
      assert.deepEqual([refusal.token, refusal.routine], ['first_bytes_abandoned', true]);
    }
  }
});

test('others are served without a header and refused with one', async (context) => {
  for (const header of [V1, V2]) {
    const { handler, port } = await listen(context, { proxies: ['192.0.2.0/24'] });
    const client = send(port, PREFACE);
    assert.equal((await handler.http2.next()).peer.client, `127.0.0.1:${client.localPort}`);
    assert.equal(await readToEnd(send(port, Buffer.concat([header, PREFACE]))), '');
    const refusal = await handler.refusals.next();
    assert.equal(refusal.token, 'proxy_protocol_untrusted');
    assert.match(refusal.client, /^127\.0\.0\.1:\d+$/);
    assert.equal(handler.http2.all.length, 1);
  }
  const tls = await listen(context, { certificates: [certificate], proxies: ['192.0.2.0/24'] });
  const client = await handshake(tls.port, { ...trust, ALPNProtocols: ['h2'] });
  assert.equal((await tls.handler.http2.next()).peer.client, `127.0.0.1:${client.localPort}`);
  assert.equal(await readToEnd(send(tls.port, V2)), '');
  assert.equal((await tls.handler.refusals.next()).token, 'proxy_protocol_untrusted');
});

test('a balancer may come by a unix socket', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-proxy-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'a.sock');
  const { handler } = await listen(context, { address: unix(path), proxies: ['unix:'] });
  const client = connect({ path });
  context.after(() => client.destroy());
  client.write(Buffer.concat([V1, PREFACE]));
  const { peer } = await handler.http2.next();
  assert.deepEqual([peer.client, peer.clientAddress, peer.port], [REAL_CLIENT, '203.0.113.7', undefined]);
});
