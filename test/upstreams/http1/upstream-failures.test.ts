// Services that are not there, are slow, or speak something else: what the client is told, and what is tried before.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { Address } from '../../../src/config/address.ts';
import {
  addressOf,
  EdgeUnderTest,
  listen,
  RawHttp1Client,
  startRawService,
  startService,
} from '../../edges/edge-under-test.ts';
import { testCertificate } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';

async function get(t: TestContext, edge: EdgeUnderTest): Promise<string> {
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
  return client.closed();
}

/** Accepts and says nothing, so that a TLS handshake never ends. */
async function startSilent(t: TestContext): Promise<Address> {
  return addressOf(
    await listen(
      t,
      createServer((socket) => socket.on('error', () => undefined)),
    ),
  );
}

test('no service: 503 with the reason, in the log too', async (t) => {
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(1)] });
  const text = await get(t, edge);
  assert.match(text, /^HTTP\/1.1 503 Service Unavailable\r\ncontent-type: text\/plain; charset=utf-8\r\n/);
  assert.match(
    text,
    /\r\n\r\n127.0.0.1:1 refused the connection: is the service running there\? \(FG2001\)\n$/,
  );
  const record = await edge.record();
  assert.match(record.reason, /^upstream_connection_refused: 127.0.0.1:1 refused/);
  assert.deepEqual([record.endpoint, record.attempts, record.httpStatus], ['127.0.0.1:1', 1, 503]);
});

test('a service that closes without an answer: 502', async (t) => {
  const service = await startRawService(t, (_received, socket) => {
    socket.end();
    return undefined;
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  assert.match(await get(t, edge), /^HTTP\/1.1 502 Bad Gateway\r\n/);
  assert.match((await edge.record()).reason, /^upstream_died: /);
  assert.equal(service.received.length, 1);
});

test('a service that speaks something else: 502 that says so', async (t) => {
  const service = await startRawService(t, () => 'SSH-2.0-OpenSSH_9.2\r\n');
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  assert.match(await get(t, edge), /^HTTP\/1.1 502 [^]*answered something other than HTTP\/1.1/);
  assert.match((await edge.record()).reason, /^upstream_not_http1: /);
});

test('an endpoint that takes too long to connect: 504', async (t) => {
  const ca = await testCertificate('127.0.0.1');
  const tls = { ca: ca.ca, cert: undefined, key: undefined, serverName: undefined };
  const endpoints = [await startSilent(t)];
  const connections = { connectTimeoutMs: 50 };
  const edge = await EdgeUnderTest.start(t, { endpoints, upstream: { tls }, connections });
  assert.match(await get(t, edge), /^HTTP\/1.1 504 Gateway Timeout\r\n/);
  assert.match((await edge.record()).reason, /^upstream_connect_timeout: /);
});

test('over TLS: verified against the authority, served, and kept', async (t) => {
  const { certPem, keyPem, ca } = await testCertificate('localhost', '127.0.0.1');
  const server = createHttpsServer({ cert: certPem, key: keyPem }, (_request, response) =>
    response.end('secret'),
  );
  const port = await listen(t, server);
  let handshakes = 0;
  server.on('secureConnection', () => handshakes++);
  const tls = { ca, cert: undefined, key: undefined, serverName: 'localhost' };
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(port)], upstream: { tls } });
  assert.match(await get(t, edge), /\r\n\r\nsecret$/);
  assert.match(await get(t, edge), /\r\n\r\nsecret$/);
  assert.equal(handshakes, 1);
  const strangers = { ...tls, ca: undefined };
  const doubting = await EdgeUnderTest.start(t, {
    endpoints: [addressOf(port)],
    upstream: { tls: strangers },
  });
  assert.match(await get(t, doubting), /^HTTP\/1.1 503 [^]*is not trusted/);
  assert.match((await doubting.record()).reason, /^upstream_certificate_not_trusted: /);
});

test('TLS files that cannot be used are named', () => {
  const tls = { ca: '/nowhere/ca.pem', cert: undefined, key: undefined, serverName: undefined };
  assert.throws(
    () => new EdgeUnderTest({ endpoints: [addressOf(1)], upstream: { tls } }),
    /'web'[^]*\/nowhere\/ca.pem/,
  );
});

test('a unix socket is an endpoint like any other', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const service = await startService(t, (_request, response) => response.end('from the socket'));
  const path = join(folder, 'web.sock');
  const relay = createServer((socket) => service.server.emit('connection', socket));
  await new Promise<void>((resolve) => {
    relay.listen(path, resolve);
  });
  t.after(() => relay.close());
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [{ kind: 'unix', path, text: `unix:${path}` }],
  });
  assert.match(await get(t, edge), /from the socket$/);
  assert.equal((await edge.record()).endpoint, `unix:${path}`);
});

test('a kept connection that the service has closed costs no idempotent request', async (t) => {
  const service = await startRawService(t, (received, socket) => {
    // The second request on a connection meets a reset.
    if (received.split('\r\n\r\n').length > 2) {
      socket.resetAndDestroy();
      return undefined;
    }
    return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  assert.match(await get(t, edge), /ok$/);
  await edge.record();
  assert.match(await get(t, edge), /ok$/);
  assert.equal((await edge.record()).attempts, 2);
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST / HTTP/1.1', 'Host: a', 'Connection: close', 'Content-Length: 1', '').write('x');
  assert.match(await client.closed(), /^HTTP\/1.1 502 /);
});

test('requests beyond the connections wait, and beyond maxPending are refused', async (t) => {
  const waiting: (() => void)[] = [];
  const service = await startService(t, (request, response) => {
    waiting.push(() => response.end(`done ${request.url}`));
  });
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [service.address],
    connections: { max: 1, maxPending: 1 },
  });
  const clients = ['/1', '/2'].map((path) => {
    const client = new RawHttp1Client(t, edge.port);
    return client.send(`GET ${path} HTTP/1.1`, 'Host: a', '');
  });
  await eventually('one runs, one waits', () => waiting.length === 1 && edge.upstream.pendingCount === 1);
  assert.match(await get(t, edge), /^HTTP\/1.1 503 [^]*limits.pending/);
  waiting[0]();
  await eventually('the next one runs', () => waiting.length === 2);
  waiting[1]();
  await clients[0].receives(/done/);
  await clients[1].receives(/done/);
  assert.equal(service.connections, 1);
});

test('one who gives up while waiting leaves its place', async (t) => {
  const running: Socket[] = [];
  const service = await startService(t, (request) => running.push(request.socket));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address], connections: { max: 1 } });
  const first = new RawHttp1Client(t, edge.port).send('GET /1 HTTP/1.1', 'Host: a', '');
  await eventually('it runs', () => running.length === 1);
  const second = new RawHttp1Client(t, edge.port).send('GET /2 HTTP/1.1', 'Host: a', '');
  await eventually('it waits', () => edge.upstream.pendingCount === 1);
  second.socket.destroy();
  await eventually('it waits no more', () => edge.upstream.pendingCount === 0);
  first.socket.destroy();
  await eventually('nothing runs', () => edge.http1.exchangeCount === 0);
  await eventually('its place is free', () => edge.upstream.endpoints[0].activeCalls === 0);
});

test('an upload that the service does not read stays with the client', async (t) => {
  const service = await startService(t, (request) => request.socket.pause());
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  const block = Buffer.alloc(1_048_576, 'x');
  const total = 100;
  client.send('PUT / HTTP/1.1', 'Host: a', `Content-Length: ${total * block.length}`, '');
  for (let count = 0; count < total; count++) client.socket.write(block);
  await eventually('the service has the request', () => service.connections === 1);
  // What the kernel and the streams on the way hold; whoever reads without looking would have taken everything.
  let before = -1;
  await eventually('the client is held up', () => {
    const now = client.socket.bytesWritten - client.socket.writableLength;
    const isStill = now === before;
    before = now;
    return isStill && now > 0;
  });
  assert.ok(client.socket.writableLength > (total / 2) * block.length);
});

test('a response that the client does not read stays with the service', async (t) => {
  let socket: Socket | undefined;
  const block = Buffer.alloc(1_048_576, 'x');
  const total = 100;
  const service = await startService(t, (request, response) => {
    socket = request.socket;
    response.writeHead(200, { 'content-length': total * block.length });
    for (let count = 0; count < total; count++) response.write(block);
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.socket.pause();
  client.send('GET / HTTP/1.1', 'Host: a', '');
  let before = -1;
  await eventually('the service is held up', () => {
    if (socket === undefined) return false;
    const isStill = socket.writableLength === before && before > 0;
    before = socket.writableLength;
    return isStill;
  });
  assert.ok(before > (total / 2) * block.length);
  let received = 0;
  client.socket.on('data', (text: string) => {
    received += text.length;
    client.text = '';
  });
  client.socket.resume();
  await eventually('everything arrives', () => received > total * block.length);
});

for (const client of ['HTTP/1.1', 'HTTP/2'] as const) {
  test(`a body without a length that a reset ends is not passed on as a whole one, to ${client}`, async (t) => {
    const service = await startRawService(t, () => 'HTTP/1.1 200 OK\r\n\r\nhalf');
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const reset = () => service.sockets.at(0)?.resetAndDestroy();
    if (client === 'HTTP/1.1') {
      const raw = new RawHttp1Client(t, edge.port);
      raw.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
      await raw.receives('half');
      reset();
      assert.doesNotMatch(await raw.closed(), /\r\n0\r\n/);
      assert.match((await edge.record()).reason, /^upstream_died: /);
      return;
    }
    const stream = edge.h2(t).request({ ':path': '/' });
    const failed = once(stream, 'error');
    stream.once('data', reset);
    assert.match(String(await failed), /Stream closed with error code/);
  });

  test(`a body without a length that the end of the connection ends is whole, to ${client}`, async (t) => {
    const service = await startRawService(t, (_received, socket) => {
      socket.end('HTTP/1.1 200 OK\r\n\r\nwhole');
      return undefined;
    });
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    if (client === 'HTTP/1.1') {
      assert.match(await get(t, edge), /\r\n5\r\nwhole\r\n0\r\n\r\n$/);
      return;
    }
    const stream = edge.h2(t).request({ ':path': '/' });
    assert.equal(await textOf(stream), 'whole');
    assert.equal(stream.rstCode, 0);
  });
}

test('a client of HTTP/1.0 learns by a reset that its response is not whole', async (t) => {
  const service = await startRawService(
    t,
    () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const socket = connect(edge.port, '127.0.0.1');
  t.after(() => socket.destroy());
  const errors: string[] = [];
  socket.on('error', ({ message }) => errors.push(message));
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
  socket.write('GET / HTTP/1.0\r\n\r\n');
  await eventually('half of it is there', () => received.endsWith('half'));
  service.sockets.at(0)?.destroy();
  await eventually('the connection is gone', () => socket.closed);
  assert.deepEqual(errors, ['read ECONNRESET']);
});
