// Calls of clients of HTTP/2 to services of HTTP/1.1.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';
import { Http1Attempt } from '../../../src/upstreams/http1/http1-attempt.ts';
import { RequestBody } from '../../../src/upstreams/http1/request-body.ts';
import { EdgeUnderTest, rawResponse, startRawService, startService } from '../../edges/edge-under-test.ts';
import { RecordingListener } from '../../support/attempt-parts.ts';
import { eventually } from '../../support/eventually.ts';

const AUTHORITY = { ':authority': 'shop.example', ':path': '/' };

interface Answer {
  readonly status: unknown;
  readonly headers: NodeJS.Dict<unknown>;
  readonly trailers: NodeJS.Dict<unknown>;
  readonly body: string;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: NodeJS.Dict<unknown> = {};
  let trailers: NodeJS.Dict<unknown> = {};
  let body = '';
  stream.setEncoding('latin1');
  stream.on('response', (received) => {
    headers = received;
  });
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('data', (text: string) => {
    body += text;
  });
  await once(stream, 'close');
  return { status: headers[':status'], headers, trailers, body };
}

function ask(
  t: TestContext,
  edge: EdgeUnderTest,
  headers: OutgoingHttpHeaders,
  body?: string,
): Promise<Answer> {
  const stream = edge.h2(t).request({ ...AUTHORITY, ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

test('a request is forwarded as it is, and its record says which endpoint has answered', async (t) => {
  const service = await startRawService(t, () =>
    rawResponse('HTTP/1.1 201 Created', 'ok', [
      'X-A',
      '1',
      'Set-Cookie',
      'a',
      'Set-Cookie',
      'b',
      'Content-Length',
      '2',
    ]),
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const { status, headers, body } = await ask(t, edge, { cookie: ['a=1', 'b=2'] });
  assert.deepEqual([status, body, headers['x-a']], [201, 'ok', '1']);
  assert.deepEqual(headers['set-cookie'], ['a', 'b']);
  assert.equal(edge.lastOutcome.trim(), service.address.text);
  assert.match(
    service.received[0],
    /^GET \/ HTTP\/1\.1\r\nHost: shop\.example\r\nx-forwarded-for: 192\.0\.2\.2\r\n(?:x-forwarded-.*\r\n)+cookie: a=1; b=2\r\nx-request-id: [0-9a-f]{32}\r\nConnection: keep-alive\r\n\r\n$/,
  );
});

test('a body of unknown length goes in chunks, and one of known length as it is', async (t) => {
  const service = await startService(t, (request, response) => {
    const { 'transfer-encoding': coding, 'content-length': length } = request.headers;
    request.pipe(response.setHeader('x-framing', `${coding ?? 'none'}, ${length ?? 'none'}`));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const chunked = await ask(t, edge, { ':method': 'POST' }, 'hello');
  assert.deepEqual([chunked.headers['x-framing'], chunked.body], ['chunked, none', 'hello']);
  const known = await ask(t, edge, { ':method': 'POST', 'content-length': 5 }, 'hello');
  assert.deepEqual([known.headers['x-framing'], known.body], ['none, 5', 'hello']);
  const get = await ask(t, edge, { ':method': 'GET' }, 'hello');
  assert.deepEqual([get.headers['x-framing'], get.body], ['chunked, none', 'hello']);
  const none = await ask(t, edge, { ':method': 'POST' });
  assert.equal(none.headers['x-framing'], 'none, 0');
});

test('trailers are passed on both ways', async (t) => {
  const service = await startService(t, (request, response) => {
    request.resume();
    request.on('end', () => {
      response.write('body');
      response.addTrailers({ 'X-Seen': JSON.stringify(request.rawTrailers) });
      response.end();
    });
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request({ ...AUTHORITY, ':method': 'POST' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
  stream.end('data');
  const { trailers, body } = await answerOf(stream);
  assert.deepEqual([trailers['x-seen'], body], ['["x-sum","7"]', 'body']);
});

test('a chunked response without trailers just ends', async (t) => {
  const service = await startService(t, (_request, response) => {
    response.write('a');
    response.end('b');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const { status, body, trailers } = await ask(t, edge, {});
  assert.deepEqual([status, body, trailers], [200, 'ab', {}]);
});

test('responses without a body end with their head', async (t) => {
  const service = await startService(t, (request, response) => {
    response.writeHead(
      Number(request.url?.slice(1)),
      request.method === 'HEAD' ? { 'content-length': 9 } : {},
    );
    response.end();
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  for (const status of [204, 205, 304]) {
    assert.equal((await ask(t, edge, { ':path': `/${status}` })).status, status);
  }
  const head = await ask(t, edge, { ':path': '/200', ':method': 'HEAD' });
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '9', '']);
});

test('a field that a service repeats against the rules is passed on as it is', async (t) => {
  const service = await startRawService(t, () =>
    rawResponse('HTTP/1.1 200 OK', '', ['ETag', '"1"', 'ETag', '"1"', 'Content-Length', '0']),
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  assert.equal((await ask(t, edge, {})).status, 200);
});

test('why there is no response is told in the answer and in the record', async (t) => {
  const endpoints = [{ kind: 'tcp', host: '127.0.0.1', port: 1, text: 'web.example:1' }] as const;
  const edge = await EdgeUnderTest.start(t, { endpoints });
  const { status, body } = await ask(t, edge, {});
  assert.equal(status, 503);
  assert.match(body, /^web.example:1 refused the connection/);
  assert.match(edge.lastOutcome, /^web.example:1 upstream_connection_refused: /);
});

test('Expect: 100-continue is answered', async (t) => {
  const service = await startService(t, (request, response) => request.pipe(response));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request({ ...AUTHORITY, ':method': 'POST', expect: '100-continue' });
  stream.once('continue', () => stream.end('now'));
  assert.equal((await answerOf(stream)).body, 'now');
});

test('a reset stream takes its request with it', async (t) => {
  let isClosed = false;
  const service = await startService(t, (request) => {
    request.socket.once('close', () => {
      isClosed = true;
    });
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request(AUTHORITY);
  stream.on('error', () => undefined);
  await eventually('it is there', () => service.connections === 1);
  stream.close(8);
  await eventually("the service's connection is closed", () => isClosed);
});

test('thousands of resets on one connection do not end it', async (t) => {
  const service = await startService(t, () => undefined);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  for (let count = 0; count < 3000; count++) {
    const stream = session.request(AUTHORITY);
    stream.on('error', () => undefined);
    stream.close(8);
    if (count % 500 === 0) await once(stream, 'close');
  }
  await eventually('all are gone', () => edge.upstream.endpoints[0].activeCalls === 0);
  assert.deepEqual([session.closed, session.destroyed], [false, false]);
});

test('a client that does not read holds up its own response only', async (t) => {
  const block = Buffer.alloc(1_048_576, 'x');
  const service = await startService(t, (request, response) => {
    if (request.url === '/large') for (let count = 0; count < 50; count++) response.write(block);
    else response.end('small');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  const stalled = session.request({ ...AUTHORITY, ':path': '/large' });
  stalled.on('error', () => undefined);
  await once(stalled, 'response');
  assert.equal((await answerOf(session.request(AUTHORITY))).body, 'small');
  stalled.close(8);
});

test('a connection that is destroyed takes its requests with it', async (t) => {
  const service = await startService(t, () => undefined);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  session.on('error', () => undefined);
  session.request(AUTHORITY).on('error', () => undefined);
  const [endpoint] = edge.upstream.endpoints;
  await eventually('it runs', () => service.connections === 1);
  session.destroy();
  await eventually('nothing runs', () => endpoint.activeCalls === 0);
});

/** An attempt whose service is played by the test. */
async function attemptWith(t: TestContext, ...fields: readonly (readonly [string, string])[]) {
  const service = await startService(t, () => undefined);
  const limits = { streamWindowBytes: 1000 };
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address], limits });
  const listener = new RecordingListener();
  const call = {
    fields: HeaderList.of([':method', 'GET'], [':path', '/'], [':authority', 'a'], ...fields),
    endStream: true,
    client: '',
    callFields: () => [],
    onOpen: () => undefined,
  };
  const [endpoint] = edge.upstream.endpoints;
  const holding = edge.upstream.shares.holdingOf('', undefined, true);
  return { attempt: new Http1Attempt(endpoint, call, holding, listener), listener };
}

const HEAD_OF_200 = { httpStatus: 200, reasonPhrase: '', keepAliveSeconds: undefined };

test('fields that have no form in HTTP/2 are no response, and no trailers', async (t) => {
  const head = await attemptWith(t);
  head.attempt.receiveHead({ ...HEAD_OF_200, fields: ['X', 'a\0b'] });
  assert.deepEqual(head.listener.takeLog(), ['fail upstream_response_invalid']);
  const interim = await attemptWith(t);
  interim.attempt.receiveInterim(103, ['X', 'a\0b']);
  assert.deepEqual(interim.listener.takeLog(), ['fail upstream_response_invalid']);
  const trailers = await attemptWith(t);
  trailers.attempt.receiveHead({ ...HEAD_OF_200, fields: [] });
  trailers.attempt.receiveEnd(['X', 'a\0b']);
  assert.deepEqual(trailers.listener.takeLog(), ['response 200', 'fail upstream_response_invalid']);
});

test('the service waits while the relay holds a window of its response', async (t) => {
  const { attempt } = await attemptWith(t);
  attempt.receiveHead({ ...HEAD_OF_200, fields: [] });
  assert.equal(attempt.receiveData(Buffer.alloc(999), 0, 999), true);
  assert.equal(attempt.receiveData(Buffer.alloc(1), 0, 1), false);
  // Less than half of the window was sent on: the service still waits, and what was read before is taken.
  attempt.credit(400);
  assert.equal(attempt.receiveData(Buffer.alloc(100), 0, 100), false);
  attempt.credit(300);
  assert.equal(attempt.receiveData(Buffer.alloc(100), 0, 100), true);
});

test('after its release an attempt tells nothing, and takes nothing', async (t) => {
  const { attempt, listener } = await attemptWith(t);
  attempt.begin();
  attempt.release();
  attempt.receiveInterim(103, []);
  attempt.receiveHead({ ...HEAD_OF_200, fields: [] });
  assert.equal(attempt.receiveData(Buffer.alloc(5000), 0, 5000), true);
  attempt.receiveEnd([]);
  attempt.breakOff();
  assert.deepEqual(listener.takeLog(), []);
  assert.equal(attempt.sendData(Buffer.alloc(1), 0, 1, true), 0);
  assert.equal(attempt.reset(), false);
});

test('what was taken does not change with the buffer it came in', async () => {
  const written: Buffer[] = [];
  const body = new RequestBody('length', {
    onOpen: () => undefined,
    onRoom: () => undefined,
    onSent: () => undefined,
  });
  body.open({ write: (chunk) => written.push(chunk) > 0, unsentBytes: 0 });
  const bytes = Buffer.from('own');
  assert.equal(body.send(bytes, 0, 3, false), 3);
  bytes.fill('x');
  assert.equal(Buffer.concat(written).toString(), 'own');
});
