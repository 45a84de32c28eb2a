// Upstreams that answer a gRPC call with something that is no gRPC response: the client gets a status and a sentence,
// never silence and never OK.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { type Fields, grpcMessage, headersFrame, rawFrame } from '../support/raw-frames.ts';
import { type RawRequest, RESPONSE_HEADERS } from '../support/raw-server.ts';

interface Malformed {
  readonly does: string;
  readonly answer: (request: RawRequest) => void;
  readonly code: keyof typeof status;
  readonly says: RegExp;
}

const html: Fields = [['content-type', 'text/html']];

function httpError(httpStatus: number, code: keyof typeof status): Malformed {
  return {
    does: `answers HTTP ${httpStatus} with a page`,
    answer: (request) => {
      request.sendHeaders([[':status', String(httpStatus)], ...html]);
      request.peer.sendData(request.streamId, Buffer.from('<html>'), true);
    },
    code,
    says: new RegExp(
      `answered this gRPC call with HTTP ${httpStatus} and content-type text/html instead of gRPC`,
    ),
  };
}

const malformed: readonly Malformed[] = [
  httpError(400, 'INTERNAL'),
  httpError(401, 'UNAUTHENTICATED'),
  httpError(403, 'PERMISSION_DENIED'),
  httpError(404, 'UNIMPLEMENTED'),
  httpError(429, 'UNAVAILABLE'),
  httpError(502, 'UNAVAILABLE'),
  httpError(503, 'UNAVAILABLE'),
  httpError(504, 'UNAVAILABLE'),
  httpError(500, 'UNKNOWN'),
  httpError(200, 'UNKNOWN'),
  {
    does: 'answers HTTP 503 without content',
    answer: (request) => request.sendTrailers([[':status', '503']]),
    code: 'UNAVAILABLE',
    says: /HTTP 503 and no content-type/,
  },
  {
    does: 'ends with an empty DATA frame instead of trailers',
    answer: (request) => {
      request.sendHeaders();
      request.peer.sendData(request.streamId, Buffer.alloc(0), true);
    },
    code: 'UNKNOWN',
    says: /ended its response without trailers/,
  },
  {
    does: 'ends with its last message instead of trailers',
    answer: (request) => {
      request.sendHeaders();
      request.peer.sendData(request.streamId, grpcMessage(Buffer.alloc(0)), true);
    },
    code: 'UNKNOWN',
    says: /ended its response without trailers/,
  },
  {
    does: 'ends with headers that have no grpc-status',
    answer: (request) => request.sendTrailers(RESPONSE_HEADERS),
    code: 'UNKNOWN',
    says: /without a grpc-status/,
  },
  {
    does: 'sends trailers without a grpc-status',
    answer: (request) => {
      request.sendHeaders();
      request.sendTrailers([['x-something', 'else']]);
    },
    code: 'UNKNOWN',
    says: /trailers without a grpc-status/,
  },
];

const brokenRules: readonly Malformed[] = [
  {
    does: 'sends an upper-case field name',
    answer: (request) => request.sendHeaders([...RESPONSE_HEADERS, ['X-Upper', 'case']]),
    code: 'INTERNAL',
    says: /broke a rule of HTTP\/2/,
  },
  {
    does: 'sends a response without :status',
    answer: (request) => request.sendHeaders([['content-type', 'application/grpc']]),
    code: 'INTERNAL',
    says: /broke a rule of HTTP\/2/,
  },
  {
    does: 'sends a connection-specific field',
    answer: (request) => request.sendHeaders([...RESPONSE_HEADERS, ['connection', 'close']]),
    code: 'INTERNAL',
    says: /broke a rule of HTTP\/2/,
  },
  {
    does: 'sends a line break in a value',
    answer: (request) => request.sendHeaders([...RESPONSE_HEADERS, ['x-broken', 'a\r\nb: c']]),
    code: 'INTERNAL',
    says: /broke a rule of HTTP\/2/,
  },
  {
    does: 'sends DATA before headers',
    answer: (request) => request.sendMessage(Buffer.from('early')),
    code: 'INTERNAL',
    says: /broke a rule of HTTP\/2/,
  },
  {
    does: 'sends a pseudo-header field in its trailers',
    answer: (request) => {
      request.sendHeaders();
      request.sendTrailers([
        [':status', '200'],
        ['grpc-status', '0'],
      ]);
    },
    code: 'INTERNAL',
    says: /broke a rule of HTTP\/2/,
  },
];

for (const { does, answer, code, says } of [...malformed, ...brokenRules]) {
  test(`an upstream that ${does} gives ${code}`, async (t) => {
    const upstream = await startRawUpstream(t, { onRequest: answer });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = proxy.voiceClient('tls');
    const outcome = await client.say({});
    assert.equal(status[outcome.code], code, outcome.details);
    assert.match(outcome.details, says);
    assert.ok(outcome.details.startsWith(upstream.address), outcome.details);
    const record = await proxy.record();
    assert.equal(record.grpcStatus, code);
    assert.equal(record['endedBy'], 'framegate');
  });
}

for (const { does, answer } of brokenRules) {
  test(`an upstream that ${does} is told so on that stream only`, async (t) => {
    const upstream = await startRawUpstream(t, {
      onRequest: (request) => (upstream.requests.length === 1 ? request.succeed() : answer(request)),
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('tls');
    await client.outcome(client.call());
    const broken = client.call();
    const request = await upstream.wantRequest(1);
    const reset = await request.peer.wantReset(request.streamId);
    assert.equal(reset.payload.readUInt32BE(0), ErrorCode.PROTOCOL_ERROR);
    const outcome = await client.outcome(broken);
    assert.equal(outcome.grpcStatus, String(status.INTERNAL));
    assert.equal(outcome.resetCode, undefined);
    assert.equal(upstream.peers[0].isClosed, false);
  });
}

test('messages before an end without trailers are delivered', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.sendMessage(Buffer.from('first'));
      request.peer.sendData(request.streamId, grpcMessage(Buffer.from('last')), true);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call());
  const expected = ['first', 'last'].map((text) => grpcMessage(Buffer.from(text)));
  assert.deepEqual(outcome.content, Buffer.concat(expected));
  assert.equal(new Map(outcome.trailers).get('grpc-status'), String(status.UNKNOWN));
});

test('a grpc-status beside an HTTP error wins', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) =>
      request.sendTrailers([
        [':status', '503'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '8'],
        ['grpc-message', 'quota'],
      ]),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call());
  assert.equal(outcome.grpcStatus, '8');
  assert.equal(outcome.grpcMessage, 'quota');
});

test('an interim response before a gRPC response is left out', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders([[':status', '100']]);
      request.sendHeaders([
        [':status', '103'],
        ['link', '</a>'],
      ]);
      request.succeed();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const outcome = await proxy.voiceClient('tls').say({});
  assert.equal(status[outcome.code], 'OK', outcome.details);
});

test('a header block cut into CONTINUATION frames, padding, PRIORITY and unknown frames are understood', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: ({ peer, streamId }) => {
      const block = headersFrame(streamId, RESPONSE_HEADERS).subarray(9);
      const padded = Buffer.concat([
        Buffer.from([3]),
        Buffer.alloc(5),
        block.subarray(0, 4),
        Buffer.alloc(3),
      ]);
      peer.send(
        rawFrame(0xbe, 0xff, streamId, Buffer.from('grease')),
        rawFrame(FrameType.HEADERS, 0x8 | 0x20, streamId, padded),
        rawFrame(FrameType.CONTINUATION, 0, streamId, block.subarray(4, 5)),
        rawFrame(FrameType.CONTINUATION, 0x4, streamId, block.subarray(5)),
        rawFrame(FrameType.PRIORITY, 0, streamId, Buffer.from([0, 0, 0, 0, 15])),
        rawFrame(
          FrameType.DATA,
          0x8,
          streamId,
          Buffer.concat([Buffer.from([200]), grpcMessage(Buffer.from('padded')), Buffer.alloc(200)]),
        ),
      );
      peer.sendHeaders(streamId, [['grpc-status', '0']], true);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call());
  assert.deepEqual(outcome.headers, RESPONSE_HEADERS);
  assert.deepEqual(outcome.content, grpcMessage(Buffer.from('padded')));
  assert.equal(outcome.grpcStatus, '0');
});

test('an upstream that breaks a rule of the connection loses it, and its calls are UNAVAILABLE', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      if (upstream.requests.length === 1) request.peer.send(rawFrame(FrameType.DATA, 0, 0, Buffer.from('x')));
      else request.succeed();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call());
  assert.equal(outcome.grpcStatus, String(status.UNAVAILABLE));
  const goAway = await upstream.peers[0].wantGoAway();
  assert.equal(goAway.payload.readUInt32BE(4), ErrorCode.PROTOCOL_ERROR);
  await upstream.peers[0].wantClosed();
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
});
