// How the body of a request ends, in every way that HTTP/2 and HTTP/1.1 have for it: the service hears of the end, always and
// once.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { CLIENT_PREFACE } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import { http2Answer } from '../support/http2-answer.ts';
import { startProxy } from '../support/proxy-under-test.ts';
import { dataFrame, headersFrame, resetFrame, settingsFrame } from '../support/raw-frames.ts';
import { addressOf, EdgeUnderTest, type Handler, RawHttp1Client, startService } from './edge-under-test.ts';

/** Says what it has received, when it has received all of it. */
const tell: Handler = (request, response) => {
  let body = '';
  request.setEncoding('latin1');
  request.on('data', (text: string) => {
    body += text;
  });
  request.on('end', () => response.end(JSON.stringify([body, request.rawTrailers])));
};

const PUT = { ':path': '/', ':authority': 'a', ':method': 'PUT' } as const;

const START: readonly (readonly [string, string])[] = [
  [':method', 'PUT'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];

async function connected(session: ClientHttp2Session): Promise<ClientHttp2Session> {
  await once(session, 'remoteSettings');
  return session;
}

const ENDS: readonly (readonly [name: string, end: (stream: ClientHttp2Stream) => void, heard: string])[] = [
  ['an empty DATA frame, at once', (stream) => stream.end(), '["",[]]'],
  ['an empty DATA frame, a turn later', (stream) => setImmediate(() => stream.end()), '["",[]]'],
  ['an empty DATA frame, much later', (stream) => setTimeout(() => stream.end(), 50), '["",[]]'],
  ['a DATA frame with content', (stream) => stream.end('x'), '["x",[]]'],
  [
    'an empty DATA frame behind one with content',
    (stream) => {
      stream.write('x');
      setImmediate(() => stream.end());
    },
    '["x",[]]',
  ],
];

for (const [name, end, heard] of ENDS) {
  test(`a request over HTTP/2 that ends with ${name} is answered`, async (t) => {
    const service = await startService(t, tell);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const session = await connected(edge.h2(t));
    for (let count = 0; count < 10; count++) {
      const stream = session.request(PUT, { endStream: false });
      end(stream);
      const answer = await http2Answer(stream);
      assert.deepEqual([answer.status, answer.body], [200, heard]);
    }
  });
}

test('a request whose only end is an empty DATA frame in the segment of its header is answered', async (t) => {
  const service = await startService(t, tell);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const wire = edge.connect();
  const fields = Object.entries({ ':method': 'PUT', ':scheme': 'http', ':path': '/', ':authority': 'a' });
  wire.on('error', () => undefined);
  t.after(() => wire.destroy());
  let received = '';
  wire.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
  });
  wire.write(
    Buffer.concat([
      CLIENT_PREFACE,
      settingsFrame([]),
      headersFrame(1, fields),
      dataFrame(1, Buffer.alloc(0)),
      dataFrame(1, Buffer.alloc(0), true),
    ]),
  );
  await eventually('the answer', () => received.includes('["",[]]'));
});

test('trailers behind an empty body reach the service', async (t) => {
  const service = await startService(t, tell);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = await connected(edge.h2(t));
  const stream = session.request(PUT, { endStream: false, waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '0' }));
  stream.end();
  assert.equal((await http2Answer(stream)).body, '["",["x-sum","0"]]');
});

test('a body that ended before there was a connection is sent to the endpoint that could be reached', async (t) => {
  const service = await startService(t, tell);
  const endpoints = [addressOf(1), service.address, addressOf(2)];
  const edge = await EdgeUnderTest.start(t, { endpoints });
  const session = await connected(edge.h2(t));
  for (let count = 0; count < 6; count++) {
    const stream = session.request(PUT, { endStream: false });
    stream.end(count % 2 === 0 ? undefined : 'x');
    const answer = await http2Answer(stream);
    assert.deepEqual([answer.status, answer.body], [200, count % 2 === 0 ? '["",[]]' : '["x",[]]']);
  }
});

test('a body that ended while its request waited in the queue is sent', async (t) => {
  const held: ServerResponse[] = [];
  const service = await startService(t, (request, response) => {
    if (request.url === '/first') held.push(response);
    else tell(request, response);
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address], connections: { max: 1 } });
  const session = await connected(edge.h2(t));
  const first = session.request({ ...PUT, ':path': '/first' }, { endStream: false });
  first.end();
  await eventually('it runs', () => held.length === 1);
  const second = session.request(PUT, { endStream: false });
  second.end();
  await eventually('it waits', () => edge.upstream.pendingCount === 1);
  held[0].end('done');
  assert.equal((await http2Answer(first)).body, 'done');
  assert.equal((await http2Answer(second)).body, '["",[]]');
});

test('an empty chunked body of an HTTP/1.1 client ends at the service, with its trailers', async (t) => {
  const service = await startService(t, tell);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  for (const [body, heard] of [
    ['0\r\n\r\n', '["",[]]'],
    ['0\r\nX-Sum: 0\r\n\r\n', '["",["X-Sum","0"]]'],
  ]) {
    const atOnce = new RawHttp1Client(t, edge.port);
    atOnce.write(`PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
    await atOnce.receives(heard);
    const later = new RawHttp1Client(t, edge.port);
    later.write('PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    await eventually('it runs', () => edge.upstream.endpoints[0].activeCalls === 1);
    later.write(body);
    await later.receives(heard);
  }
});

test('a request that is reset with NO_ERROR while its response waits to be taken gives its place back', async (t) => {
  const service = await startService(t, (_request, response) => response.end('x'.repeat(300_000)));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const wire = edge.connect();
  wire.on('error', () => undefined);
  t.after(() => wire.destroy());
  let received = 0;
  wire.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  wire.write(Buffer.concat([CLIENT_PREFACE, settingsFrame([]), headersFrame(1, START)]));
  // All that the window of the stream allows.
  await eventually('the response is held up', () => received > 65_535);
  wire.write(resetFrame(1, 0));
  await eventually('the place is given back', () => edge.upstream.endpoints[0].activeCalls === 0);
});

test('a request that is reset with NO_ERROR while it waits leaves the queue', async (t) => {
  const service = await startService(t, () => undefined);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address], connections: { max: 1 } });
  const wire = edge.connect();
  wire.on('error', () => undefined);
  wire.resume();
  t.after(() => wire.destroy());
  wire.write(Buffer.concat([CLIENT_PREFACE, settingsFrame([]), headersFrame(1, START, true)]));
  await eventually('one runs', () => edge.upstream.endpoints[0].activeCalls === 1);
  wire.write(Buffer.concat([headersFrame(3, START), dataFrame(3, Buffer.from('x'))]));
  await eventually('another waits', () => edge.upstream.pendingCount === 1);
  wire.write(resetFrame(3, 0));
  await eventually('nobody waits', () => edge.upstream.pendingCount === 0);
});

for (const [name, fields, code] of [
  ['with expect: 100-continue', [...START, ['expect', '100-continue']], 8],
  ['with expect: 100-continue, by INTERNAL_ERROR', [...START, ['expect', '100-continue']], 2],
  ['that has begun', START, 8],
  ['for a WebSocket', [[':method', 'CONNECT'], [':protocol', 'websocket'], ...START.slice(1)], 8],
] as const) {
  test(`a request ${name} may be reset in the segment that brings it`, async (t) => {
    const service = await startService(t, tell);
    const proxy = await startProxy(t, {
      sections: { upstreams: { voice: { protocol: 'http1', endpoints: [service.address.text] } } },
    });
    const client = await proxy.rawClient('clear');
    for (let index = 0; index < 5; index++) {
      const streamId = 2 * index + 1;
      client.send(headersFrame(streamId, fields), resetFrame(streamId, code));
    }
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const wire = edge.connect();
    wire.on('error', () => undefined);
    wire.resume();
    wire.write(
      Buffer.concat([CLIENT_PREFACE, settingsFrame([]), headersFrame(1, fields), resetFrame(1, code)]),
    );
    const session = await connected(edge.h2(t));
    const next = session.request(PUT, { endStream: false });
    next.end('x');
    assert.equal((await http2Answer(next)).body, '["x",[]]');
    wire.destroy();
    await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
    assert.deepEqual(edge.faults, []);
    const whole = new RawHttp1Client(t, proxy.port('clear')).send('GET / HTTP/1.1', 'Host: a', '');
    await whole.receives('["",[]]');
  });
}

test('a connection that ends in the segment that brings a request with expect costs that request only', async (t) => {
  const service = await startService(t, tell);
  const proxy = await startProxy(t, {
    sections: { upstreams: { voice: { protocol: 'http1', endpoints: [service.address.text] } } },
  });
  const client = await proxy.rawClient('clear');
  client.send(headersFrame(1, [...START, ['expect', '100-continue']]));
  client.socket.end();
  const whole = new RawHttp1Client(t, proxy.port('clear')).send('GET / HTTP/1.1', 'Host: a', '');
  await whole.receives('["",[]]');
});
