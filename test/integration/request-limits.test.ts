// Requests that the proxy does not take: too large, malformed, too many. Each is answered in its own way, and never by
// silence.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { type Fields, literalBlock, rawFrame } from '../support/raw-frames.ts';
import { metadataOf } from '../support/voice-client.ts';

test('metadata of 8 KiB passes, and beyond the limit a call is RESOURCE_EXHAUSTED, with an explanation', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const client = proxy.voiceClient('tls');
  const fits = await client.say({}, { metadata: metadataOf(['x-large', 'a'.repeat(8192)]) });
  assert.equal(status[fits.code], 'OK', fits.details);
  const outcome = await client.say({}, { metadata: metadataOf(['x-large', 'a'.repeat(17_000)]) });
  assert.equal(status[outcome.code], 'RESOURCE_EXHAUSTED', outcome.details);
  assert.match(outcome.details, /header fields are larger .*16384 bytes and 128 fields.*"x-large"/);
  const record = await proxy.record(({ grpcStatus }) => grpcStatus !== 'OK');
  assert.match(record.reason, /^request_headers_too_large: /);
  assert.equal(record.method, '/voice.VoiceAssistant/Say');
  // The connection lives on.
  assert.equal(status[(await client.say({})).code], 'OK');
});

test('more header fields than the limit are RESOURCE_EXHAUSTED', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { limits: { headerFields: 20 } },
  });
  const client = await proxy.rawClient('tls');
  const fields: Fields = Array.from({ length: 30 }, (_, index) => [`x-${index}`, '1'] as const);
  assert.equal((await client.outcome(client.call({ fields }))).grpcStatus, String(status.RESOURCE_EXHAUSTED));
  assert.equal((await client.outcome(client.call({ fields: fields.slice(0, 10) }))).grpcStatus, '0');
});

test('a response with header fields beyond the limit is an error with an explanation', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.sendTrailers([
        ['grpc-status', '0'],
        ['x-large', 'a'.repeat(17_000)],
      ]);
    },
  });
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { limits: { headerListSize: '16KiB' } },
  });
  const outcome = await proxy.voiceClient('tls').say({});
  assert.equal(status[outcome.code], 'RESOURCE_EXHAUSTED');
  assert.match(outcome.details, /trailers_too_large.*raise limits\.headerListSize/);
});

for (const timeout of ['', 'm', '12', '123456789m', '-1m', '1.5S', '1s']) {
  test(`a grpc-timeout of "${timeout}" is refused with INTERNAL`, async (t) => {
    const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('tls');
    const outcome = await client.outcome(client.call({ fields: [['grpc-timeout', timeout]] }));
    assert.equal(outcome.grpcStatus, String(status.INTERNAL));
    assert.match(outcome.grpcMessage, /grpc-timeout header is malformed/);
    assert.equal(upstream.requests.length, 0);
    assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  });
}

test('a timeout of zero is over before it begins', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call({ fields: [['grpc-timeout', '0n']] }));
  assert.equal(outcome.grpcStatus, String(status.DEADLINE_EXCEEDED));
});

const malformedRequests: readonly (readonly [what: string, fields: Fields])[] = [
  ['an upper-case field name', [['X-Upper', 'case']]],
  ['a connection-specific field', [['connection', 'keep-alive']]],
  ['te other than trailers', [['te', 'gzip']]],
  ['a line break in a value', [['x-broken', 'a\r\nb: c']]],
  ['an unknown pseudo-header field', [[':unknown', 'x']]],
];

for (const [what, fields] of malformedRequests) {
  test(`a request with ${what} is reset, reaches no service, and the connection lives on`, async (t) => {
    const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('tls');
    assert.equal((await client.outcome(client.call({ fields }))).resetCode, ErrorCode.PROTOCOL_ERROR);
    assert.equal((await client.outcome(client.call())).grpcStatus, '0');
    assert.equal(upstream.requests.length, 1);
  });
}

test('streams beyond limits.concurrentStreams are refused, the others are served', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { limits: { concurrentStreams: 2 } },
  });
  const client = await proxy.rawClient('tls');
  const taken = [client.call(), client.call()];
  const refused = client.call();
  assert.equal((await client.outcome(refused)).resetCode, ErrorCode.REFUSED_STREAM);
  (await upstream.wantRequest(0)).succeed();
  (await upstream.wantRequest(1)).succeed();
  for (const streamId of taken) assert.equal((await client.outcome(streamId)).grpcStatus, '0');
});

test('a client that breaks a rule of the connection is told so and closed, and its calls are cancelled', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  client.call({ endStream: false });
  const request = await upstream.wantRequest();
  client.send(rawFrame(FrameType.DATA, 0, 0, Buffer.from('x')));
  const goAway = await client.wantGoAway();
  assert.equal(goAway.payload.readUInt32BE(4), ErrorCode.PROTOCOL_ERROR);
  await client.wantClosed();
  assert.equal((await request.peer.wantReset(request.streamId)).payload.readUInt32BE(0), ErrorCode.CANCEL);
  const line = await proxy.line(({ token }) => token === 'data_on_connection');
  assert.match(String(line['msg']), /a client broke a rule of HTTP\/2/);
});

test('a request in CONTINUATION frames with padding and priority is understood', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const block = literalBlock([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', '/a.B/C'],
    [':authority', 'service.test'],
    ['content-type', 'application/grpc'],
  ]);
  const padded = Buffer.concat([Buffer.from([7]), Buffer.alloc(5), block.subarray(0, 10), Buffer.alloc(7)]);
  client.send(
    rawFrame(FrameType.HEADERS, 0x1 | 0x8 | 0x20, 1, padded),
    rawFrame(FrameType.CONTINUATION, 0, 1, block.subarray(10, 20)),
    rawFrame(FrameType.CONTINUATION, 0x4, 1, block.subarray(20)),
  );
  assert.equal((await client.outcome(1)).grpcStatus, '0');
  assert.equal(upstream.requests[0].field(':path'), '/a.B/C');
});

test('headers of 160 KiB pass where limits.headerListSize is 1MiB', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { limits: { headerListSize: '1MiB' } },
  });
  const client = await proxy.rawClient('tls');
  const fields: Fields = Array.from(
    { length: 16 },
    (_, index) => [`x-${index}`, 'v'.repeat(10_240)] as const,
  );
  const outcome = await client.outcome(client.call({ fields }));
  assert.equal(outcome.grpcStatus, '0', outcome.grpcMessage);
  for (const [name, value] of fields) assert.equal(upstream.requests[0].field(name), value);
});
