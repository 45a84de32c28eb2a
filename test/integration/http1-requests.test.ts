// Plain HTTP and WebSockets on the ports that serve gRPC: one proxy, both kinds of clients, one log.

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { Duplex, Transform } from 'node:stream';
import { text as wholeText } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { FrameType } from '../../src/h2/frame-type.ts';
import { listen, RawHttp1Client } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import { type Fields, headersFrame } from '../support/raw-frames.ts';
import { websocketAccept } from '../support/websocket-accept.ts';

async function startWeb(
  t: TestContext,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<ProxyUnderTest> {
  const demo = await startDemo(t);
  const port = await listen(t, createServer(handler));
  return startProxy(t, {
    sections: {
      routes: [
        { name: 'web', match: { path: '/web/*' }, stripPrefix: '/web', upstream: 'web' },
        { name: 'voice', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice' },
      ],
      upstreams: {
        voice: { endpoints: [demo.address] },
        web: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] },
      },
    },
  });
}

test('a plaintext HTTP/1.1 client gets its page, and the log has it as it has calls', async (t) => {
  const proxy = await startWeb(t, (request, response) => response.end(`page ${request.url}`));
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send('GET /web/index.html?a=1 HTTP/1.1', 'Host: shop.example', 'Connection: close', '');
  assert.match(await client.closed(), /^HTTP\/1.1 200 OK\r\n[^]*page \/index.html\?a=1$/);
  const record = await proxy.record();
  assert.equal(record.method, '/web/index.html?a=1');
  assert.deepEqual(
    [record['route'], record['upstream'], record['authority'], record['httpStatus']],
    ['web', 'web', 'shop.example', 200],
  );
  assert.equal(record.grpcStatus, '');
});

test('an HTTP/1.1 client on the TLS port gets its page', async (t) => {
  const proxy = await startWeb(t, (request, response) => {
    response.end(request.headers['x-forwarded-proto'] === 'https' ? 'secure' : 'clear');
  });
  const body = await new Promise<string>((resolve, reject) => {
    const options = { host: 'localhost', port: proxy.port('tls'), path: '/web/', ca: proxy.caPem };
    httpsRequest(options, (response) => {
      wholeText(response).then(resolve, reject);
    })
      .on('error', reject)
      .end();
  });
  assert.equal(body, 'secure');
});

test('an HTTP/2 client gets the page of the same service', async (t) => {
  const proxy = await startWeb(t, (request, response) =>
    response.end(`page ${request.url} ${request.headers.host}`),
  );
  const session = connectHttp2(`https://localhost:${proxy.port('tls')}`, { ca: proxy.caPem });
  t.after(() => session.destroy());
  const stream = session.request({ ':path': '/web/', ':authority': 'shop.example' });
  stream.setEncoding('utf8');
  let body = '';
  stream.on('data', (text: string) => {
    body += text;
  });
  await eventually('the page', () => stream.destroyed);
  assert.equal(body, 'page / shop.example');
  assert.match(String((await proxy.record())['endpoint']), /^127.0.0.1:/);
});

test('a gRPC call goes on beside a page that does not end', async (t) => {
  const proxy = await startWeb(t, (_request, response) => response.write('event'));
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send('GET /web/events HTTP/1.1', 'Host: a', '');
  await client.receives('event');
  const { reply } = await proxy.voiceClient('clear').say({ text: 'hello' });
  assert.equal(reply?.text, 'You said: hello');
});

test('a WebSocket is opened on the port that serves gRPC', async (t) => {
  const server = createServer();
  server.on('upgrade', (request, socket) => {
    const accept = websocketAccept(String(request.headers['sec-websocket-key']));
    socket.end(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
  const port = await listen(t, server);
  const proxy = await startProxy(t, {
    sections: { upstreams: { voice: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] } } },
  });
  const client = new RawHttp1Client(t, proxy.port('clear'));
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: WebSocket', key, '');
  assert.match(await client.closed(), /^HTTP\/1.1 101 Switching Protocols\r\n/);
  assert.equal((await proxy.record())['httpStatus'], 101);
});

test('a page request on a route to a gRPC service is told so', async (t) => {
  const proxy = await startWeb(t, () => undefined);
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send('GET /voice.VoiceAssistant/Say HTTP/1.1', 'Host: a', '');
  assert.match(await client.closed(), /^HTTP\/1.1 426 Upgrade Required\r\n/);
  await proxy.line((line) => line['token'] === 'http1_on_grpc_route');
});

test('a stopping proxy lets a running request finish', async (t) => {
  let finish: (() => void) | undefined;
  const port = await listen(
    t,
    createServer((_request, response) => {
      finish = () => response.end('done');
    }),
  );
  const proxy = await startProxy(t, {
    sections: {
      upstreams: { voice: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] } },
      drain: { timeout: '60s' },
    },
  });
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send('GET / HTTP/1.1', 'Host: a', '');
  await eventually('it runs', () => finish);
  const closed = proxy.proxy.drain();
  finish?.();
  assert.match(await client.closed(), /\r\n\r\n(?:4\r\n)?done/);
  await closed;
});

test('a burst of requests for an HTTP/1.1 service takes turns with the other connections', async (t) => {
  const proxy = await startWeb(t, (_request, response) => response.end('page'));
  const client = await proxy.rawClient('clear');
  const fields: Fields = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/web/'],
    [':authority', 'a'],
  ];
  const burst = Array.from({ length: 100 }, (_, index) => headersFrame(2 * index + 1, fields, true));
  client.send(...burst, frames.ping());
  await client.want('the answer to PING', ({ type }) => type === FrameType.PING);
  // The PING is behind all of them: before it was read, the service had had its turn again and again.
  const answered = client.frames.filter(({ type }) => type === FrameType.HEADERS).length;
  assert.ok(answered >= 50, `${answered} were answered`);
  await eventually(
    'all are answered',
    () => client.frames.filter(({ flags }) => (flags & 1) !== 0).length >= 100,
  );
});

test('requests of a client that is gone, which waited for a connection, do not reach the service', async (t) => {
  const paths: string[] = [];
  const server = createServer((request) => void paths.push(request.url ?? ''));
  const port = await listen(t, server);
  const proxy = await startProxy(t, {
    sections: {
      routes: [{ match: { path: '/web/*' }, upstream: 'web' }],
      upstreams: { web: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`], connections: { max: 5 } } },
    },
  });
  const client = await proxy.rawClient('clear');
  const requests = Array.from({ length: 100 }, (_, index) =>
    headersFrame(
      2 * index + 1,
      [
        [':method', 'POST'],
        [':scheme', 'http'],
        [':path', `/web/${index}`],
        [':authority', 'a'],
      ],
      true,
    ),
  );
  client.send(...requests);
  await eventually('five run', () => paths.length === 5);
  client.send(frames.ping());
  await client.want('the answer to PING', ({ type }) => type === FrameType.PING);
  client.destroy();
  await eventually('the connections to the service are gone', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    server.getConnections((_error, count) => resolve(count));
    return (await promise) === 0;
  });
  assert.equal(paths.length, 5, paths.slice(5).join());
});

const TLS_ALERT = 21;

for (const isWhole of [true, false]) {
  const what = isWhole ? 'gets close_notify behind a whole page' : 'gets none behind half a page';
  test(`a client of HTTP/1.0 within TLS ${what}, where only the end tells`, async (t) => {
    const proxy = await startWeb(t, ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\npage', () =>
        setImmediate(() => (isWhole ? socket.end() : socket.resetAndDestroy())),
      );
    });
    const wire = connectTcp(proxy.port('tls'), '127.0.0.1');
    const types = new RecordTypes();
    // TLS 1.2 says in plaintext what a record is.
    const tap = Duplex.from({ writable: wire, readable: wire.pipe(types.stream) });
    const socket = connectTls({
      socket: tap,
      ca: proxy.caPem,
      servername: 'localhost',
      maxVersion: 'TLSv1.2',
    });
    t.after(() => wire.destroy());
    socket.on('error', () => undefined);
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
    socket.write('GET /web/ HTTP/1.0\r\n\r\n');
    await eventually('the end', () => wire.readableEnded);
    assert.match(received, /page$/);
    assert.equal(types.last === TLS_ALERT, isWhole);
  });
}

/** Looks at the TLS records that pass (RFC 5246 section 6.2.1). */
class RecordTypes {
  #bytes = Buffer.alloc(0);
  /** Of the last whole record. */
  last = 0;
  readonly stream = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      for (;;) {
        const length = this.#bytes.length < 5 ? Infinity : 5 + this.#bytes.readUInt16BE(3);
        if (this.#bytes.length < length) break;
        this.last = this.#bytes[0];
        this.#bytes = this.#bytes.subarray(length);
      }
      done(null, chunk);
    },
  });
}
