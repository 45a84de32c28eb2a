// Trailer sections between clients and HTTP/1.1 services: what may not stand there is dropped in both directions, and the
// message it came with is not lost.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { http2Answer } from '../support/http2-answer.ts';
import { startProxy } from '../support/proxy-under-test.ts';
import { dataFrame, headersFrame } from '../support/raw-frames.ts';
import { websocketAccept } from '../support/websocket-accept.ts';
import { EdgeUnderTest, RawHttp1Client, startRawService, startService } from './edge-under-test.ts';

const CHUNKS = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n';

/** Each alone and between two honest ones. */
const FORBIDDEN = [
  'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
  'Connection: close',
  'Connection: X-First',
  'Keep-Alive: timeout=1',
  'Proxy-Connection: close',
  'Upgrade: websocket',
  'TE: trailers',
  'TE: gzip',
  'Trailer: X-A',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Host: elsewhere',
  'Set-Cookie: a=b',
  'Cache-Control: public',
  'Location: /elsewhere',
  'Date: now',
  'Content-Type: text/html',
  'Content-Encoding: gzip',
  'Content-Range: bytes 0-1/2',
  'WWW-Authenticate: Basic',
];

for (const field of FORBIDDEN) {
  test(`"${field}" in the trailers of a service is dropped, and the rest passed on`, async (t) => {
    const service = await startRawService(t, () => `${CHUNKS}X-First: 1\r\n${field}\r\nX-Last: 2\r\n\r\n`);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const session = edge.h2(t);
    const answer = await http2Answer(session.request({ ':path': '/', ':authority': 'a' }));
    assert.deepEqual([answer.status, answer.body, answer.isWhole], [200, 'hello', true]);
    assert.deepEqual(answer.trailers, { 'x-first': '1', 'x-last': '2' });
    const client = new RawHttp1Client(t, edge.port);
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', 'TE: trailers', '');
    assert.match(await client.closed(), /\r\nhello\r\n0\r\nX-First: 1\r\nX-Last: 2\r\n\r\n$/);
    assert.deepEqual(edge.faults, []);
  });
}

for (const field of ['Content-Length: 5', 'Content-Length: 7', 'Content-Length: x']) {
  test(`"${field}" in the trailers of a service loses none of its body`, async (t) => {
    const large = 'x'.repeat(300_000);
    const chunks = CHUNKS.replace('5\r\nhello', `${large.length.toString(16)}\r\n${large}`);
    const service = await startRawService(t, () => `${chunks}X-First: 1\r\n${field}\r\n\r\n`);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const stream = edge.h2(t).request({ ':path': '/', ':authority': 'a' });
    // All of it is there before any is read.
    await once(stream, 'response');
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });
    const answer = await http2Answer(stream);
    assert.deepEqual([answer.body.length, answer.isWhole], [large.length, true]);
    assert.equal(answer.trailers['content-length'], undefined);
    const client = new RawHttp1Client(t, edge.port);
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
    assert.match(await client.closed(), /x\r\n0\r\n\r\n$/);
    assert.deepEqual(edge.faults, []);
  });
}

test('trailers that cannot be read break the response off', async (t) => {
  for (const trailers of ['X A: 1\r\n\r\n', 'X: a\0b\r\n\r\n', 'X: 1\n\n', 'X: 1\r\n 2\r\n\r\n']) {
    const service = await startRawService(t, () => `${CHUNKS}${trailers}`);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const answer = await http2Answer(edge.h2(t).request({ ':path': '/', ':authority': 'a' }));
    assert.deepEqual([answer.status, answer.isWhole, answer.rstCode], [200, false, 2]);
  }
});

test('HTTP2-Settings with a 101 is not passed on, and harms nobody', async (t) => {
  const service = await startService(t, (_request, response) => response.end('served'));
  service.server.on('upgrade', (request, socket) => {
    const accept = websocketAccept(String(request.headers['sec-websocket-key']));
    socket.end(
      'HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nHTTP2-Settings: AAMAAABk\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket');
  client.send('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '');
  const text = await client.closed();
  assert.match(text, /^HTTP\/1.1 101 /);
  assert.doesNotMatch(text, /settings/i);
});

test('HTTP2-Settings with the 101 of an extended CONNECT is not passed on', async (t) => {
  const service = await startRawService(t, (received) => {
    const accept = websocketAccept(/Sec-WebSocket-Key: (.*)\r/.exec(received)?.[1] ?? '');
    return `HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nHTTP2-Settings: AAMAAABk\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  await once(session, 'remoteSettings');
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', ':authority': 'a' },
    { endStream: false },
  );
  stream.on('error', () => undefined);
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 200);
  assert.equal(headers['http2-settings'], undefined);
  stream.close(8);
  assert.deepEqual(edge.faults, []);
});

const CLAIMS = [
  'x-forwarded-for',
  'x_forwarded_for',
  'x-forwarded-proto',
  'forwarded',
  'x-real-ip',
  'true-client-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-envoy-external-address',
  'x-request-id',
  'authorization',
  'cookie',
  'content-type',
  'expect',
  'host',
  // As services read them that turn names into variables.
  'content_length',
  'transfer_encoding',
  'content_type',
  'x_http_method_override',
  'proxy_authorization',
  'grpc_timeout',
  'set.cookie',
];

test('what a client claims in trailers reaches no service, over HTTP/1.1 and HTTP/2, trusted or not', async (t) => {
  const service = await startService(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end(JSON.stringify(request.rawTrailers)));
  });
  for (const trustedClients of [[], ['127.0.0.1/32']]) {
    const proxy = await startProxy(t, {
      trustedClients,
      sections: { upstreams: { voice: { protocol: 'http1', endpoints: [service.address.text] } } },
    });
    const lines = CLAIMS.map((name) => `${name}: 192.0.2.66`);
    const client = new RawHttp1Client(t, proxy.port('clear'));
    client.send('PUT / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Connection: close', '');
    client.send('1', 'x', '0', 'x-first: 1', ...lines, 'x-last: 2', '');
    assert.match(await client.closed(), /\["x-first","1","x-last","2"\]/);

    const http2 = await proxy.rawClient('clear');
    http2.send(
      headersFrame(1, [
        [':method', 'PUT'],
        [':scheme', 'http'],
        [':path', '/'],
        [':authority', 'a'],
      ]),
      dataFrame(1, Buffer.from('x')),
      headersFrame(
        1,
        [['x-first', '1'], ...CLAIMS.map((name) => [name, '192.0.2.66'] as const), ['x-last', '2']],
        true,
      ),
    );
    const { content } = await http2.outcome(1);
    assert.equal(content.toString(), '["x-first","1","x-last","2"]');
  }
});

test('bytes above ASCII in trailers go both ways as they are', async (t) => {
  const service = await startService(t, (request, response) => {
    request.resume();
    request.on('end', () => {
      response.write('x');
      response.addTrailers([['x-seen', request.rawTrailers.join('=')]]);
      response.end();
    });
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('PUT / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Connection: close', '');
  client.send('0', 'x-name: \xe4\xff', '');
  assert.match(await client.closed(), /x-seen: x-name=\xe4\xff\r\n/);
  const stream = edge
    .h2(t)
    .request({ ':path': '/', ':authority': 'a', ':method': 'PUT' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-name': '\u00e4\u0142' }));
  stream.end();
  const answer = await http2Answer(stream);
  assert.equal(answer.status, 200);
  assert.deepEqual(edge.faults, []);
});

for (const [what, trailers, headerListBytes] of [
  ['many', 'X: y\r\n'.repeat(101), 10_000],
  ['large', 'X: y\r\n'.repeat(30), 1000],
] as const) {
  test(`trailers of a request that are too ${what} are refused, and the connection serves on`, async (t) => {
    const service = await startService(t, (request, response) => {
      if (request.url === '/next') response.end('next');
      request.resume();
    });
    const limits = { headerListBytes, headerFields: 100 };
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address], limits });
    const client = new RawHttp1Client(t, edge.port);
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${trailers}\r\n`);
    await client.receives(/^HTTP\/1\.1 431 [^]*limits\.headerListSize, limits\.headerFields/);
    assert.match((await edge.record()).reason, /^request_headers_too_large: /);
    client.send('GET /next HTTP/1.1', 'Host: a', '');
    await client.receives('next');
  });
}
