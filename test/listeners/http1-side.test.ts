import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { testCertificate } from '../support/certificates.ts';
import { closed, handshake, listen, readToEnd, send } from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const trust = { ca: certificate.caPem, servername: 'localhost' };

const WEBSOCKET = [
  'GET /chat HTTP/1.1',
  'host: a',
  'connection: Upgrade',
  'upgrade: WebSocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
  '',
  '',
].join('\r\n');

/** Every way an HTTP/1.1 client can arrive. */
const WAYS: readonly {
  readonly name: string;
  readonly open: (context: TestContext) => ReturnType<typeof openClear>;
}[] = [
  { name: 'in plaintext', open: openClear },
  { name: 'by ALPN', open: (context) => openTls(context, ['http/1.1']) },
  { name: 'without ALPN', open: (context) => openTls(context, undefined) },
];

async function openClear(context: TestContext) {
  const { handler, port, listener } = await listen(context);
  return { handler, listener, connect: async (bytes: string): Promise<Socket> => send(port, bytes) };
}

async function openTls(context: TestContext, ALPNProtocols: string[] | undefined) {
  const { handler, port, listener } = await listen(context, { certificates: [certificate] });
  const connect = async (bytes: string): Promise<Socket> => {
    const socket = await handshake(port, { ...trust, ALPNProtocols });
    socket.write(bytes);
    return socket;
  };
  return { handler, listener, connect };
}

for (const { name, open } of WAYS) {
  test(`a WebSocket ${name} goes up with its socket and what came behind the request`, async (context) => {
    const { handler, listener, connect } = await open(context);
    const client = await connect(`${WEBSOCKET}frame`);
    const { request, socket, head, peer } = await handler.upgrades.next();
    assert.equal(request.url, '/chat');
    assert.equal(peer.client, `127.0.0.1:${client.localPort}`);
    assert.equal(String(head), 'frame');
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    await once(client, 'data');
    // The listener has nothing to do with it any more.
    await listener.close();
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
    client.write('echo');
    assert.equal(String((await once(client, 'data'))[0]), 'echo');
    assert.equal(handler.http1.all.length, 0);
  });

  test(`close() ${name} lets a busy connection finish and closes idle ones`, async (context) => {
    const { handler, listener, connect } = await open(context);
    const idle = await connect('GET /idle HTTP/1.1\r\nhost: a\r\n\r\n');
    await handler.http1.next();
    await once(idle, 'data');
    const responses: ServerResponse[] = [];
    handler.respond = (_request, response) => responses.push(response);
    const busy = await connect('GET /busy HTTP/1.1\r\nhost: a\r\n\r\n');
    await handler.http1.next();
    await Promise.all([listener.close(), closed(idle)]);
    assert.equal(busy.closed, false);
    responses[0].end('finished');
    assert.match(await readToEnd(busy), /finished$/);
  });
}

test('other upgrades are ignored, h2c among them, and their requests served', async (context) => {
  const { handler, connect } = await openClear(context);
  const h2c =
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n';
  const post =
    'POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: websocket\r\ncontent-length: 0\r\n\r\n';
  for (const bytes of [h2c, post]) {
    assert.match(await readToEnd(await connect(bytes)), /^HTTP\/1\.1 200 OK\r\n/);
  }
  assert.equal(handler.http1.all.length, 2);
  assert.equal(handler.upgrades.all.length, 0);
});

test('no field of a request is dropped, however many are allowed', async (context) => {
  const { handler, connect } = await openClear(context);
  handler.maxHeaderFields = 2502;
  handler.respond = (request, response) => response.end(String(request.rawHeaders.length / 2));
  const fields = Array.from({ length: 2500 }, (_, index) => `a${index}:`).join('\r\n');
  const client = await connect(`GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${fields}\r\n\r\n`);
  assert.match(await readToEnd(client), /\r\n2502$/);
});

test('a header that is still to come when the listener closes is waited for no longer than usual', async (context) => {
  const { handler, listener, port } = await listen(context, { timeouts: { http1HeadersMs: 50 } });
  const client = send(port, 'GET / HTTP/1.1\r\nhost: a\r\n');
  await once(client, 'connect');
  await listener.close();
  assert.match(await readToEnd(client), /^HTTP\/1\.1 408 |^$/);
  assert.equal(handler.http1.all.length, 0);
});

test('requests that could be read in two ways are refused', async (context) => {
  const { handler, connect } = await openClear(context);
  const start = 'POST / HTTP/1.1\r\nhost: a\r\n';
  const cases = [
    `${start}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${start}content-length: 1\r\ncontent-length: 2\r\n\r\na`,
    `${start}content-length: 1, 1\r\n\r\na`,
    `${start}x: a\r\n b\r\n\r\n`,
    `${start}x : a\r\n\r\n`,
    `${start}x: a\0b\r\n\r\n`,
    'POST / HTTP/1.1\nhost: a\n\n',
  ];
  for (const bytes of cases) {
    assert.match(
      await readToEnd(await connect(bytes)),
      /^HTTP\/1\.1 400 Bad Request\r\n[^]*\(FG1014\)\n$/,
      bytes,
    );
    assert.equal((await handler.refusals.next()).token, 'http1_malformed');
  }
  assert.equal(handler.http1.all.length, 0);
});
