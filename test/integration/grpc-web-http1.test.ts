// What is particular to gRPC-Web over HTTP/1.1: the way of fields and bodies through the relay, slow clients, ends that
// HTTP/1.1 cannot say, and connections that come and go with the client's socket.

import assert from 'node:assert/strict';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import { openWebCall, parseWebBody, voiceRequest, webCall } from '../support/grpc-web-client.ts';
import { startWebRelay } from '../support/grpc-web-relay.ts';
import { nextTurns } from '../support/memory-socket.ts';
import { startDemo, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage, windowUpdateFrame } from '../support/raw-frames.ts';
import { isOf } from '../support/raw-peer.ts';

const mebibyte = 1024 * 1024;
/** What the kernel and Node's client may hold of a response that nobody reads, and a window here. */
const mostStalledBytes = 24 * mebibyte;

/** Of the last frame of a successful response. */
const TRAILERS_BYTES = 5 + 'grpc-status: 0\r\n'.length;

const CALL = { path: '/a.B/C', fields: { 'content-type': 'application/grpc-web+proto' } };

test('fields of the connection stay behind, all others reach the service byte for byte', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const web = await startWebRelay(t, upstream.address);
  const socket = connect(web.port, '127.0.0.1');
  t.after(() => socket.destroy());
  const lines = [
    'POST http://api.test:8080/a.B/C?q=1 HTTP/1.1',
    'Host: other.test',
    'Content-Type: application/grpc-web+proto',
    'Connection: close, X-Hop, TE',
    'X-Hop: 1',
    'Keep-Alive: timeout=5',
    'TE: gzip',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
    'User-Agent: one',
    'User-Agent: two',
    'Expect: 100-continue',
    'X-Latin: \u00c3\u00a9\u00c3\u00bf',
    'x-repeated: 1',
    'X-Repeated: 2',
    'Content-Length: 5',
  ];
  socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n\0\0\0\0\0`, 'latin1'));
  const request = await upstream.wantRequest();
  assert.equal(request.field(':path'), '/a.B/C?q=1');
  assert.equal(request.field(':authority'), 'api.test:8080');
  const names = request.fields.map(([name]) => name);
  for (const name of [
    'connection',
    'x-hop',
    'keep-alive',
    'upgrade',
    'http2-settings',
    'host',
    'expect',
    'content-length',
  ])
    assert.ok(!names.includes(name), name);
  const valuesOf = (wanted: string) =>
    request.fields.filter(([name]) => name === wanted).map(([, value]) => value);
  assert.deepEqual(valuesOf('te'), ['trailers']);
  assert.deepEqual(valuesOf('user-agent'), ['one', 'two']);
  assert.deepEqual(valuesOf('x-repeated'), ['1', '2']);
  assert.deepEqual(valuesOf('x-latin'), ['\u00c3\u00a9\u00c3\u00bf']);
});

test('calls on one HTTP/1.1 connection are calls of one client, and nothing of it is left', async (t) => {
  const demo = await startDemo(t);
  const web = await startWebRelay(t, demo.address);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const { path, fields = {}, body } = voiceRequest('Say', { text: 'x' });
  for (let round = 0; round < 5; round++) {
    const content = await new Promise<Buffer>((resolve, reject) => {
      const options = {
        agent,
        port: web.port,
        host: '127.0.0.1',
        method: 'POST',
        path,
        headers: fields,
      };
      const request = httpRequest(options, (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks)));
      });
      request.on('error', reject);
      request.end(body);
    });
    assert.equal(parseWebBody(content).trailers?.['grpc-status'], '0');
  }
  assert.equal(new Set(web.records.map(({ subject }) => subject.client)).size, 1);
  agent.destroy();
  const account = web.relay.accounts.find('127.0.0.1');
  await eventually('nobody uses its account', () => !account.isInUse);
});

test('a client that reads no further stops the service, and gets everything when it reads on', async (t) => {
  const total = 64 * mebibyte - ((64 * mebibyte) % 5);
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      if (request.field(':path') !== '/stalled.S/Call') {
        request.succeed();
        return;
      }
      request.sendHeaders();
      request.peer.pump(request.streamId, total);
    },
  });
  const web = await startWebRelay(t, upstream.address);
  const call = await openWebCall('http1', web.port, { ...CALL, path: '/stalled.S/Call' });
  const { peer, streamId } = upstream.requests[0];
  for (let round = 0; round < 100; round++) {
    const other = await webCall('http1', web.port, { ...CALL, body: grpcMessage(Buffer.alloc(9)) });
    assert.equal(other.isWhole, true);
  }
  assert.ok(peer.pumped(streamId) < mostStalledBytes, `${peer.pumped(streamId)} bytes were taken`);
  let received = 0;
  call.body.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await eventually('all of it', () => received === total, 60_000);
  call.abort();
});

test('a service that takes nothing stops an upload, and gets everything when it reads on', async (t) => {
  const body = grpcMessage(Buffer.alloc(8 * mebibyte, 5));
  const upstream = await startRawUpstream(t, { givesCredit: false });
  const web = await startWebRelay(t, upstream.address);
  const socket = connect(web.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(
    `POST /a.B/C HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  const { peer, streamId } = await upstream.wantRequest();
  const received = () =>
    peer.frames.filter(isOf(FrameType.DATA, streamId)).reduce((sum, { payload }) => sum + payload.length, 0);
  await eventually('a window is full', () => received() === 65_535);
  assert.equal(web.records.length, 0);
  peer.send(windowUpdateFrame(0, body.length), windowUpdateFrame(streamId, body.length));
  await eventually('all of it', () => received() === body.length);
});

test('a response that is reset on its way is cut off, so that the client sees that it is not whole', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.peer.sendData(request.streamId, grpcMessage(Buffer.alloc(100)).subarray(0, 50));
    },
  });
  const web = await startWebRelay(t, upstream.address);
  for (const code of [ErrorCode.CANCEL, ErrorCode.INTERNAL_ERROR]) {
    const call = await openWebCall('http1', web.port, CALL);
    call.body.resume();
    const request = upstream.requests.at(-1);
    request?.reset(code);
    assert.equal(await call.isWhole, false);
  }
});

test('a reset before the response is a status, since HTTP/1.1 has no codes', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.reset(ErrorCode.CANCEL) });
  const web = await startWebRelay(t, upstream.address);
  const { headers, isWhole } = await webCall('http1', web.port, CALL);
  assert.deepEqual([headers['grpc-status'], isWhole], ['1', true]);
});

test('a response that comes before the request has ended is whole, and the connection can be used again', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const web = await startWebRelay(t, upstream.address);
  const socket = connect(web.port, '127.0.0.1');
  t.after(() => socket.destroy());
  let answered = '';
  socket.on('data', (chunk: Buffer) => {
    answered += chunk.toString('latin1');
  });
  const head =
    'POST /a.B/C HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web\r\nContent-Length: 1000\r\n\r\n';
  for (let round = 1; round <= 3; round++) {
    socket.write(head);
    await eventually('the answer', () => answered.split('\r\n0\r\n\r\n').length === round + 1);
    socket.write(Buffer.alloc(1000));
  }
  assert.equal(answered.match(/HTTP\/1\.1 200/g)?.length, 3);
});

test('a response that comes before a request larger than a window has been taken ends', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendTrailers([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '8'],
      ]);
      request.reset(ErrorCode.NO_ERROR);
    },
  });
  const web = await startWebRelay(t, upstream.address);
  for (let round = 0; round < 10; round++) {
    const socket = connect(web.port, '127.0.0.1');
    t.after(() => socket.destroy());
    let answered = '';
    socket.on('data', (chunk: Buffer) => {
      answered += chunk.toString('latin1');
    });
    socket.write(
      'POST /a.B/C HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web\r\nContent-Length: 200000\r\n\r\n',
    );
    socket.write(Buffer.alloc(200_000));
    await eventually(
      'the end of the answer',
      () => answered.endsWith('\r\n0\r\n\r\n') || /content-length: 0/i.test(answered),
    );
    assert.match(answered, /grpc-status: 8/);
  }
});

for (const [what, sent] of [
  ['with its request', 'whole'],
  ['before its request', 'par'],
] as const) {
  test(`a response that ends ${what} reaches a slow reader to the last byte`, async (t) => {
    const total = 12 * mebibyte - ((12 * mebibyte) % 5);
    const upstream = await startRawUpstream(t, {
      onRequest: (request) => {
        request.sendHeaders();
        request.peer.pump(request.streamId, total);
      },
    });
    const web = await startWebRelay(t, upstream.address);
    const socket = connect(web.port, '127.0.0.1');
    t.after(() => socket.destroy());
    const head = 'POST /a.B/C HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web\r\n';
    socket.write(`${head}Content-Length: 5\r\n\r\n${sent}`);
    const { peer, streamId } = await upstream.wantRequest();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      socket.pause();
      // Slower still from when the relay has handed over the end: it overtakes nothing that waits before it.
      void nextTurns(web.records.length === 0 ? 1 : 50).then(() => socket.resume());
    });
    await eventually('the service has sent it', () => peer.pumped(streamId) === total, 60_000);
    upstream.requests[0].sendTrailers();
    const isEnd = () => chunks.at(-1)?.toString('latin1').endsWith('\r\n0\r\n\r\n') === true;
    await eventually('the end', isEnd, 60_000);
    const [, ...body] = Buffer.concat(chunks).toString('latin1').split('\r\n\r\n');
    assert.equal(chunkedLength(Buffer.from(body.join('\r\n\r\n'), 'latin1')), total + TRAILERS_BYTES);
    assert.equal((await web.record()).grpcStatus, 'OK');
  });
}

/** Bytes of a body in chunks, whose ends are checked too. */
function chunkedLength(body: Buffer): number {
  let size = 0;
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf('\r\n', at);
    const length = Number.parseInt(body.toString('latin1', at, lineEnd), 16);
    size += length;
    at = lineEnd + 2 + length;
    assert.equal(body.toString('latin1', at, at + 2), '\r\n');
    at += 2;
    if (length === 0) return size;
  }
}

test('a relay that drains lets calls finish, and serves those that still come by HTTP/1.1', async (t) => {
  const demo = await startDemo(t);
  const web = await startWebRelay(t, demo.address);
  const running = webCall('http1', web.port, voiceRequest('Narrate', { text: 'a b c', intervalMs: 50 }));
  await eventually('the call runs', () => demo.counters.Narrate.started === 1);
  const drained = web.edge.drain();
  const late = await webCall('http1', web.port, voiceRequest('Say', { text: 'x' }));
  assert.equal(parseWebBody(late.content).trailers?.['grpc-status'], '0');
  assert.equal(parseWebBody((await running).content).messages.length, 3);
  await drained;
  assert.equal(web.edge.exchangeCount, 0);
});

test('an edge that is stopped gives running calls their status', async (t) => {
  const demo = await startDemo(t);
  const web = await startWebRelay(t, demo.address);
  const running = webCall('http1', web.port, voiceRequest('Narrate', { text: 'a b', intervalMs: 600_000 }));
  await eventually(
    'the call runs',
    () => web.edge.exchangeCount === 1 && demo.counters.Narrate.started === 1,
  );
  web.edge.abort(failure('draining', 'Call again.'));
  const { headers, content } = await running;
  assert.equal(headers['grpc-status'] ?? parseWebBody(content).trailers?.['grpc-status'], '14');
});
