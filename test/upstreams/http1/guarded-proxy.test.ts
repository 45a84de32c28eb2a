// What http2-proxy would do wrong, one test for each: see docs/decisions/0003-http2-proxy-in-one-file.md.

import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { test } from 'node:test';
import {
  EdgeUnderTest,
  RawHttp1Client,
  rawResponse,
  startRawService,
  startService,
} from '../../edges/edge-under-test.ts';
import { eventually } from '../../support/eventually.ts';

interface H2Answer {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number | undefined };
  readonly rstCode: number;
}

/** A GET, until its stream is closed. */
async function getByH2(session: ClientHttp2Session, path = '/'): Promise<H2Answer> {
  let headers: H2Answer['headers'] = {};
  const stream = session.request({ ':path': path, ':authority': 'a' });
  stream.on('response', (received) => {
    headers = received;
  });
  stream.on('error', () => undefined);
  stream.resume();
  await eventually('the stream closes', () => stream.closed && stream.destroyed);
  return { headers, rstCode: stream.rstCode ?? 0 };
}

for (const statusLine of ['HTTP/1.1 999 Odd', 'HTTP/1.1 600 Odd', 'HTTP/1.1 099 Odd']) {
  test(`a status out of range is an invalid response: ${statusLine}`, async (t) => {
    const service = await startRawService(t, () => rawResponse(statusLine, '', ['Content-Length', '0']));
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
    assert.match(await client.closed(), /^HTTP\/1.1 502 Bad Gateway\r\n/);
    assert.match((await edge.record()).reason, /^upstream_response_invalid: /);
    const { headers } = await getByH2(edge.h2(t));
    assert.equal(headers[':status'], 502);
    assert.ok(edge.lastOutcome.startsWith(`${service.address.text} upstream_response_invalid: `));
  });
}

test('status 101 that nobody asked for is an invalid response, and no tunnel', async (t) => {
  for (const fields of [[], ['Connection', 'Upgrade', 'Upgrade', 'websocket']]) {
    const service = await startRawService(t, () =>
      rawResponse('HTTP/1.1 101 Switching Protocols', '', fields),
    );
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
    assert.match(await client.closed(), /^HTTP\/1.1 502 Bad Gateway\r\n/);
    assert.match((await edge.record()).reason, /^upstream_response_invalid: /);
    assert.equal((await getByH2(edge.h2(t))).headers[':status'], 502);
  }
});

test('a service that dies within a body breaks the response off', async (t) => {
  const dying = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf';
  const service = await startRawService(t, (_received, socket) => {
    socket.end(dying);
    return undefined;
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', '');
  assert.match(await client.closed(), /half$/);
  const record = await edge.record();
  assert.match(record.reason, /^upstream_died: /);
  assert.deepEqual([record.httpStatus, record.responseBytes, record.endedBy], [200, 4, 'framegate']);
  const { headers, rstCode } = await getByH2(edge.h2(t));
  assert.equal(headers[':status'], 200);
  assert.equal(rstCode, 2);
});

test('over HTTP/2 too half a chunked response never has an end', async (t) => {
  const service = await startRawService(t, (_received, socket) => {
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    return undefined;
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request({ ':path': '/', ':authority': 'a' });
  let isEnded = false;
  stream.on('end', () => {
    isEnded = stream.rstCode === 0;
  });
  stream.on('error', () => undefined);
  stream.resume();
  await eventually('the stream closes', () => stream.destroyed);
  assert.deepEqual([isEnded, stream.rstCode], [false, 2]);
});

test('a chunked response that is not ended does not look as if it was', async (t) => {
  const service = await startRawService(t, (_received, socket) => {
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    return undefined;
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', '');
  assert.doesNotMatch(await client.closed(), /\r\n0\r\n/);
});

test('te: trailers reaches the service, with the option that makes it valid', async (t) => {
  const service = await startService(t, (request, response) => {
    response.end([request.headers.te, request.headers.connection].join('; '));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request({ ':path': '/', ':authority': 'a', te: 'trailers' });
  stream.setEncoding('utf8');
  let body = '';
  stream.on('data', (text: string) => {
    body += text;
  });
  await eventually('the answer', () => stream.readableEnded);
  assert.equal(body, 'trailers; keep-alive, TE');
});

test("Host is the client's authority, and Forwarded is not added", async (t) => {
  const service = await startService(t, (request, response) => {
    response.end([request.headers.host, request.headers.forwarded ?? 'none'].join('; '));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: shop.example:443', 'Via: 1.1 other', '');
  await client.receives('shop.example:443; none');
});

test('an error before anybody listens to the request is an answer, not the end of the process', async (t) => {
  const service = await startService(t, (_request, response) => response.end('ok'));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET /1 HTTP/1.1', 'Host: a', '');
  await client.receives(/\r\n\r\nok$/);
  const [endpoint] = edge.upstream.endpoints;
  await eventually('the connection is idle', () => endpoint.connectionCounts.idle === 1);
  client.send('POST /2 HTTP/1.1', 'Host: a', 'Content-Length: 0', '');
  // As soon as it is taken for the request, a turn before the package has its listeners.
  const take = endpoint.pool.take.bind(endpoint.pool);
  t.mock.method(endpoint.pool, 'take', () => {
    const connection = take();
    connection?.lose();
    return connection;
  });
  assert.match(await client.receives(/502 [^]*\n$/), /closed a connection that it had kept open/);
});

test('the keep-alive time of the service is kept: no request is sent on a connection that is about to close', async (t) => {
  const service = await startService(t, (_request, response) => response.end('ok'));
  service.server.keepAliveTimeout = 3000;
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', '');
  await client.receives(/\r\n\r\nok$/);
  const [endpoint] = edge.upstream.endpoints;
  await eventually('an idle connection', () => endpoint.connectionCounts.idle === 1);
  assert.equal(endpoint.pool.idleTimeoutMs, 2000);
});

test('a header name such as __proto__ is a field like any other', async (t) => {
  const service = await startRawService(t, (received) =>
    rawResponse('HTTP/1.1 200 OK', '', [
      '__proto__',
      /__proto__: (.*)\r/.exec(received)?.[1] ?? '',
      'Content-Length',
      '0',
    ]),
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', '__proto__: x', '');
  await client.receives('__proto__: x\r\n');
});
