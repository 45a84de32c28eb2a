// WebSockets through the edge: from HTTP/1.1 clients by upgrade, from HTTP/2 by extended CONNECT (RFC 8441).

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { eventually } from '../support/eventually.ts';
import { websocketAccept } from '../support/websocket-accept.ts';
import {
  addressOf,
  EdgeUnderTest,
  listen,
  RawHttp1Client,
  rawResponse,
  startRawService,
  startService,
} from './edge-under-test.ts';

const UPGRADE = [
  'GET /chat HTTP/1.1',
  'Host: a',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: chat, superchat',
  '',
];

/** Accepts every upgrade and sends back the bytes it gets: to a masked frame an unmasked one, where it is a whole one. */
async function startEcho(t: TestContext, accept?: string) {
  const server = createServer();
  const echo = { address: addressOf(0), sockets: [] as Socket[], headers: [] as string[] };
  server.on('upgrade', (request, socket: Socket) => {
    echo.sockets.push(socket);
    echo.headers = request.rawHeaders;
    socket.on('error', () => undefined);
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const right = createHash('sha1').update(key).digest('base64');
    const isOffered = request.headers['sec-websocket-protocol']?.includes('chat');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept ?? right}\r\n${isOffered ? 'Sec-WebSocket-Protocol: chat\r\n' : ''}X-Own: 1\r\n\r\n`,
    );
    socket.on('data', (bytes: Buffer) => socket.write(unmasked(bytes)));
    socket.on('end', () => socket.end());
  });
  echo.address = addressOf(await listen(t, server));
  return echo;
}

function unmasked(bytes: Buffer): Buffer {
  const length = bytes.length > 6 ? bytes[1] & 0x7f : 0;
  if ((bytes[1] & 0x80) === 0 || bytes.length !== length + 6) return bytes;
  const payload = bytes.subarray(6).map((byte, index) => byte ^ bytes[2 + (index % 4)]);
  return Buffer.concat([Buffer.from([bytes[0], length]), payload]);
}

function connectStream(
  t: TestContext,
  edge: EdgeUnderTest,
  fields: OutgoingHttpHeaders = {},
): Promise<ClientHttp2Stream> {
  const session = edge.h2(t);
  return new Promise((resolve) => {
    session.once('remoteSettings', () => {
      const stream = session.request(
        { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', ':authority': 'a', ...fields },
        { endStream: false },
      );
      stream.on('error', () => undefined);
      resolve(stream);
    });
  });
}

test('the WebSocket of Node talks through the edge', async (t) => {
  const service = await startEcho(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}/chat`, ['chat']);
  const message = await new Promise<unknown>((resolve, reject) => {
    socket.addEventListener('open', () => socket.send('hello'));
    socket.addEventListener('message', ({ data }) => resolve(data));
    socket.addEventListener('error', () => reject(new Error('the WebSocket failed')));
  });
  assert.equal(message, 'hello');
  assert.equal(socket.protocol, 'chat');
  assert.equal(edge.http1.exchangeCount, 1);
  service.sockets[0].destroy();
  const record = await edge.record();
  assert.deepEqual([record.httpStatus, record.requestBytes, record.responseBytes], [101, 11, 7]);
  assert.equal(record.endpoint, service.address.text);
});

test('an upgrade keeps its fields in both directions, and what comes right behind it', async (t) => {
  const service = await startEcho(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.write(`${UPGRADE.join('\r\n')}\r\nearly`);
  const text = await client.receives('early');
  assert.match(text, /^HTTP\/1.1 101 Switching Protocols\r\n/);
  for (const field of [
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-protocol: chat',
    'x-own: 1',
  ]) {
    assert.match(text, new RegExp(`\r\n${field}\r\n`, 'i'));
  }
  // The keys are those of each hop.
  assert.match(text, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  const sent = service.headers.join('\n');
  assert.match(sent, /Sec-WebSocket-Key\n[A-Za-z0-9+/]{22}==/);
  assert.doesNotMatch(sent, /dGhlIHNhbXBsZSBub25jZQ==/);
  assert.match(sent, /sec-websocket-protocol\nchat, superchat/);
  assert.match(sent, /Connection\nUpgrade\nUpgrade\nwebsocket/);
  client.write('more');
  await client.receives('more');
  client.socket.destroy();
  await eventually("the service's connection is closed", () => service.sockets[0].destroyed);
});

test('a service that breaks a WebSocket off leaves no client waiting', async (t) => {
  const service = await startEcho(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  await client.receives('101 Switching');
  service.sockets[0].resetAndDestroy();
  await client.closed();
  assert.equal((await edge.record()).httpStatus, 101);
});

test('a refused upgrade is passed on as the response it is', async (t) => {
  const service = await startService(t, (_request, response) => {
    response.writeHead(403, { 'x-why': 'no' });
    response.end('forbidden');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  const text = await client.closed();
  assert.match(text, /^HTTP\/1.1 403 Forbidden\r\nx-why: no\r\n[^]*forbidden/);
  const record = await edge.record();
  assert.deepEqual([record.httpStatus, record.endedBy], [403, 'upstream']);
});

test('a client that gives up waiting for its WebSocket takes its request with it', async (t) => {
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.resume();
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(await listen(t, server))] });
  const client = new RawHttp1Client(t, edge.port);
  client.write(`${UPGRADE.join('\r\n')}\r\nearly`);
  await eventually('it waits', () => sockets.length === 1);
  client.socket.end();
  await eventually("the service's connection is closed", () => sockets[0].destroyed);
  assert.equal((await edge.record()).endedBy, 'downstream');
});

test('a WebSocket to a service that is not there: 503 with the reason', async (t) => {
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(1)] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  assert.match(await client.closed(), /^HTTP\/1.1 503 [^]*127.0.0.1:1 refused the connection/);
});

test('a WebSocket on a route to a gRPC service is refused with the reason', async (t) => {
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [addressOf(1)],
    routes: [{ upstream: 'grpc' }],
  });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  assert.match(
    await client.closed(),
    /^HTTP\/1.1 501 [^]*WebSockets need a route to an upstream with protocol: http1/,
  );
  assert.deepEqual(edge.refused, ['websocket_refused']);
});

test('a WebSocket without a route: 404', async (t) => {
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(1)], routes: [] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  assert.match(await client.closed(), /^HTTP\/1.1 404 /);
});

test('the end of the process ends WebSockets', async (t) => {
  const service = await startEcho(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  await client.receives('101 Switching');
  const drained = edge.http1.drain();
  assert.equal(edge.http1.exchangeCount, 1);
  edge.http1.abort(failure('draining', 'It is over.'));
  await drained;
  await client.closed();
  assert.match((await edge.record()).reason, /^draining: /);
});

test('extended CONNECT opens a WebSocket of HTTP/1.1, with a key of its own', async (t) => {
  const service = await startEcho(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = await connectStream(t, edge, {
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'chat',
  });
  stream.setEncoding('latin1');
  let text = '';
  stream.on('data', (part: string) => {
    text += part;
  });
  const [headers] = await new Promise<readonly [NodeJS.Dict<unknown>]>((resolve) => {
    stream.once('response', (received) => resolve([received]));
  });
  assert.equal(headers[':status'], 200);
  assert.equal(headers['sec-websocket-protocol'], 'chat');
  assert.equal(headers['sec-websocket-accept'], undefined);
  assert.match(service.headers.join('\n'), /Sec-WebSocket-Key\n[A-Za-z0-9+/]{22}==\n/);
  stream.write('hello');
  await eventually('the echo', () => text === 'hello');
  stream.end();
  await eventually('the stream ends', () => stream.destroyed);
  assert.equal(stream.rstCode, 0);
  await eventually("the service's connection is closed", () => service.sockets[0].destroyed);
  assert.equal(edge.lastOutcome.trim(), service.address.text);
});

test('a reset of the stream closes the connection to the service, and the other way round', async (t) => {
  const service = await startEcho(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const reset = await connectStream(t, edge);
  await new Promise((resolve) => {
    reset.once('response', resolve);
  });
  reset.close(8);
  await eventually("the service's connection is closed", () => service.sockets[0].destroyed);
  const broken = await connectStream(t, edge);
  await new Promise((resolve) => {
    broken.once('response', resolve);
  });
  broken.resume();
  service.sockets[1].resetAndDestroy();
  await eventually('the stream is reset', () => broken.destroyed);
  assert.equal(broken.rstCode, 8);
});

test('an upgrade of HTTP/1.1 too: a WebSocket that was not asked for is an invalid response', async (t) => {
  const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
  for (const fields of [
    '',
    'Sec-WebSocket-Accept: wrong\r\n',
    `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: other\r\n`,
    `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n`,
  ]) {
    const server = createServer();
    server.on('upgrade', (_request, socket: Socket) => {
      socket.on('error', () => undefined);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${fields}\r\nearly`,
      );
    });
    const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(await listen(t, server))] });
    const client = new RawHttp1Client(t, edge.port);
    client.send(...UPGRADE);
    const text = await client.closed();
    assert.match(text, /^HTTP\/1.1 502 Bad Gateway\r\n/);
    assert.doesNotMatch(text, /early/);
    assert.match((await edge.record()).reason, /^upstream_response_invalid: .*Sec-WebSocket-/);
    await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
  }
});

test('extended CONNECT: a wrong Sec-WebSocket-Accept is an invalid response', async (t) => {
  const service = await startEcho(t, 'wrong');
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = await connectStream(t, edge);
  const headers = await new Promise<NodeJS.Dict<unknown>>((resolve) => {
    stream.once('response', resolve);
  });
  assert.equal(headers[':status'], 502);
  assert.match(edge.lastOutcome, /upstream_response_invalid: /);
});

test('extended CONNECT: a refused upgrade is passed on as the response it is', async (t) => {
  const service = await startService(t, (_request, response) => {
    response.writeHead(403);
    response.end('forbidden');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = await connectStream(t, edge);
  let body = '';
  stream.setEncoding('latin1');
  stream.on('data', (part: string) => {
    body += part;
  });
  const headers = await new Promise<NodeJS.Dict<unknown>>((resolve) => {
    stream.once('response', resolve);
  });
  await eventually('the body', () => stream.readableEnded);
  assert.deepEqual([headers[':status'], body], [403, 'forbidden']);
});

test('extended CONNECT: no service, no connection', async (t) => {
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(1)] });
  const stream = await connectStream(t, edge);
  const headers = await new Promise<NodeJS.Dict<unknown>>((resolve) => {
    stream.once('response', resolve);
  });
  assert.equal(headers[':status'], 503);
  assert.match(edge.lastOutcome, /upstream_connection_refused: /);
});

test('a WebSocket takes no more than the other side takes', async (t) => {
  let taken = 0;
  let service: Socket | undefined;
  const server = createTcpServer((socket) => {
    service = socket;
    socket.on('error', () => undefined);
    socket.once('data', (head: Buffer) => {
      const key = /Sec-WebSocket-Key: (.*)\r/.exec(head.toString('latin1'))?.[1] ?? '';
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Accept: ${websocketAccept(key)}\r\n\r\n`,
      );
      socket.pause();
    });
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(await listen(t, server))] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  await client.receives('101 Switching');
  const block = Buffer.alloc(65_536, 'x');
  const total = 2000;
  for (let count = 0; count < total; count++) client.socket.write(block);
  // What is on its way fills the buffers of four sockets; the rest stays with the client.
  await eventually('the client is held up', () => client.socket.writableLength > (total / 2) * block.length);
  service?.on('data', (bytes: Buffer) => {
    taken += bytes.length;
  });
  service?.resume();
  await eventually('everything arrives', () => taken === total * block.length);
});

test('a service that answers an upgrade by a large response is read to its end', async (t) => {
  const body = 'x'.repeat(4_000_000);
  const service = await startRawService(t, () =>
    rawResponse('HTTP/1.1 403 Forbidden', body, ['Content-Length', String(body.length)]),
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  assert.ok((await client.closed()).endsWith(`\r\n\r\n${body}`));
});

for (const [what, answer] of [
  ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage'],
  ['200 of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\npage'],
  ['201', 'HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n'],
] as const) {
  test(`an answer of ${what} to the request for a WebSocket opens none, over either protocol`, async (t) => {
    const service = await startRawService(t, (_received, socket) => {
      socket.end(answer);
      return undefined;
    });
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.send(...UPGRADE);
    assert.match(
      await client.closed(),
      /^HTTP\/1\.1 502 [^]*answered the request for a WebSocket with HTTP 20\d in place of 101/,
    );
    const stream = await connectStream(t, edge);
    const headers = await new Promise<NodeJS.Dict<unknown>>((resolve) => {
      stream.once('response', resolve);
    });
    assert.equal(headers[':status'], 502);
    assert.match(edge.lastOutcome, /upstream_response_invalid: /);
    await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
  });
}

test('an extended CONNECT that ends with its head ends at the service too', async (t) => {
  const service = await startEcho(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  await once(session, 'remoteSettings');
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', ':authority': 'a' },
    { endStream: true },
  );
  stream.resume();
  await eventually('the service sees the end, and ends', () => stream.destroyed);
  await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
});

test('a 101 with more fields than are allowed opens no WebSocket', async (t) => {
  const server = createServer();
  server.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => undefined);
    const accept = websocketAccept(String(request.headers['sec-websocket-key']));
    socket.write(
      `HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n${'X: y\r\n'.repeat(200)}\r\n`,
    );
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(await listen(t, server))] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...UPGRADE);
  assert.match(await client.closed(), /^HTTP\/1\.1 502 /);
  assert.match((await edge.record()).reason, /^upstream_headers_too_large: /);
  await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
});

test('a WebSocket whose client pauses gets everything when it reads on', async (t) => {
  const total = 8_000_000;
  const server = createServer();
  server.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => undefined);
    const accept = websocketAccept(String(request.headers['sec-websocket-key']));
    socket.write(
      `HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.write(Buffer.alloc(total, 'x'));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(await listen(t, server))] });
  const stream = await connectStream(t, edge);
  await once(stream, 'response');
  stream.pause();
  await eventually(
    'the service is held up',
    () => edge.relay.runningCalls[0].traffic.responseBytes > 100_000,
  );
  let received = 0;
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  stream.resume();
  await eventually('everything arrives', () => received === total);
  stream.close(8);
});
