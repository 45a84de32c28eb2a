// What happens to header fields on their way: metadata untouched, fields about the client set, claims replaced.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallEvent } from '../../src/demo/call-counters.ts';
import { type Metadata, status } from '../../src/demo/grpc.ts';
import { bothListeners, startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { Fields } from '../support/raw-frames.ts';
import { metadataOf } from '../support/voice-client.ts';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

for (const listener of bothListeners) {
  test(`binary and repeated metadata pass byte for byte both ways (${listener})`, async (t) => {
    const demo = await startDemo(t);
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const metadata = metadataOf(
      ['x-echo-initial-plain', 'a value, with comma'],
      ['x-echo-initial-twice', 'first'],
      ['x-echo-initial-twice', 'second'],
      ['x-echo-initial-bytes-bin', everyByte],
      ['x-echo-trailing-bytes-bin', everyByte],
      ['x-echo-trailing-bytes-bin', Buffer.from([0])],
      ['x-echo-trailing-bytes-bin', Buffer.alloc(0)],
    );
    const outcome = await proxy.voiceClient(listener).say({ text: 'hello' }, { metadata });
    assert.equal(outcome.code, status.OK, outcome.details);
    const { initialMetadata: initial, trailingMetadata: trailing } = outcome;
    assert.deepEqual(initial?.get('x-echo-initial-plain'), ['a value, with comma']);
    assert.deepEqual(initial?.get('x-echo-initial-twice').join(', '), 'first, second');
    assert.deepEqual(initial?.get('x-echo-initial-bytes-bin'), [everyByte]);
    assert.deepEqual(trailing.get('x-echo-trailing-bytes-bin'), [
      everyByte,
      Buffer.from([0]),
      Buffer.alloc(0),
    ]);
  });
}

test('fields keep their order, their duplicates and bytes that no library would send', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const metadata: Fields = [
    ['x-b', '1'],
    ['x-a', '2'],
    ['x-b', '3'],
    ['x-padded-bin', 'AAECAw=='],
    ['x-unpadded-bin', 'AAECAw'],
    ['x-joined-bin', 'AAEC,AwQF'],
    // UTF-8, one character a byte.
    ['x-bytes', '\u00c3\u00a4\u00c3\u00bf \u00c2\u0080'],
    ['x-empty', ''],
    ['grpc-encoding', 'gzip'],
    ['user-agent', 'raw/1'],
  ];
  const streamId = client.call({ fields: metadata });
  const request = await upstream.wantRequest();
  assert.deepEqual(
    request.fields.filter(([name]) => new Set(metadata.map(([known]) => known)).has(name)),
    metadata,
  );
  request.sendHeaders([[':status', '200'], ['content-type', 'application/grpc+proto'], ...metadata]);
  request.sendTrailers([['grpc-status', '0'], ...metadata]);
  const outcome = await client.outcome(streamId);
  assert.deepEqual(outcome.headers, [
    [':status', '200'],
    ['content-type', 'application/grpc+proto'],
    ...metadata,
  ]);
  assert.deepEqual(outcome.trailers, [['grpc-status', '0'], ...metadata]);
});

test('metadata with a space at its end reaches the service', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call({ fields: [['x-spaced', 'value ']] }));
  assert.equal(outcome.grpcStatus, '0');
  assert.equal(upstream.requests[0].field('x-spaced')?.trim(), 'value');
});

test('method, path, authority, content-type and te reach the service', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  client.call({ path: '/Some.Service/Method?with=query', fields: [[':scheme', 'https']] });
  const request = await upstream.wantRequest();
  assert.equal(request.field(':method'), 'POST');
  assert.equal(request.field(':path'), '/Some.Service/Method?with=query');
  assert.equal(request.field(':authority'), 'service.test');
  assert.equal(request.field('content-type'), 'application/grpc');
  assert.equal(request.field('te'), 'trailers');
});

test('the service is told of te: trailers even by a client that left it out', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  client.sendHeaders(
    1,
    [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/a.B/C'],
      [':authority', 'service.test'],
      ['content-type', 'application/grpc'],
    ],
    true,
  );
  assert.equal((await upstream.wantRequest()).field('te'), 'trailers');
});

/** Metadata of one call as the demo service sees it. */
async function metadataSeen(
  send: (events: CallEvent[]) => Promise<unknown>,
  events: CallEvent[],
): Promise<Metadata> {
  await send(events);
  const started = events.find(({ kind }) => kind === 'started');
  assert.ok(started !== undefined, 'the call did not reach the service');
  return started.metadata;
}

const spoofed = metadataOf(
  ['x-forwarded-for', '203.0.113.7'],
  ['x-forwarded-proto', 'gopher'],
  ['x-forwarded-host', 'spoofed.example'],
  ['x-request-id', 'spoofed'],
  ['x-real-ip', '203.0.113.7'],
  ['forwarded', 'for=203.0.113.7'],
);

for (const [listener, proto] of [
  ['tls', 'https'],
  ['clear', 'http'],
] as const) {
  test(`the service is told the client's address, protocol, host and an id (${listener})`, async (t) => {
    const events: CallEvent[] = [];
    const demo = await startDemo(t, { onEvent: (event) => events.push(event) });
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const client = proxy.voiceClient(listener);
    const metadata = await metadataSeen(() => client.say({}), events);
    assert.match(String(metadata.get('x-forwarded-for')[0]), /^(127\.0\.0\.1|::1)$/);
    assert.deepEqual(metadata.get('x-forwarded-proto'), [proto]);
    assert.deepEqual(metadata.get('x-forwarded-host'), [`localhost:${proxy.port(listener)}`]);
    assert.match(String(metadata.get('x-request-id')[0]), /^[0-9a-f]{32}$/);
  });
}

test('what a client claims about others is replaced', async (t) => {
  const events: CallEvent[] = [];
  const demo = await startDemo(t, { onEvent: (event) => events.push(event) });
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const client = proxy.voiceClient('tls');
  const metadata = await metadataSeen(() => client.say({}, { metadata: spoofed.clone() }), events);
  assert.match(metadata.get('x-forwarded-for').join(), /^(127\.0\.0\.1|::1)$/);
  assert.deepEqual(metadata.get('x-forwarded-proto'), ['https']);
  assert.deepEqual(metadata.get('x-forwarded-host'), [`localhost:${proxy.port('tls')}`]);
  assert.match(metadata.get('x-request-id').join(), /^[0-9a-f]{32}$/);
  assert.deepEqual(metadata.get('x-real-ip'), []);
  assert.deepEqual(metadata.get('forwarded'), []);
});

test('what a trusted client says about others is kept, and its own address is appended', async (t) => {
  const events: CallEvent[] = [];
  const demo = await startDemo(t, { onEvent: (event) => events.push(event) });
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    trustedClients: ['127.0.0.0/8', '::1/128'],
  });
  const client = proxy.voiceClient('tls');
  const metadata = await metadataSeen(() => client.say({}, { metadata: spoofed.clone() }), events);
  assert.match(metadata.get('x-forwarded-for').join(), /^203\.0\.113\.7, (127\.0\.0\.1|::1)$/);
  assert.deepEqual(metadata.get('x-forwarded-proto'), ['gopher']);
  assert.deepEqual(metadata.get('x-forwarded-host'), ['spoofed.example']);
  assert.deepEqual(metadata.get('x-request-id'), ['spoofed']);
  assert.equal((await proxy.record())['requestId'], 'spoofed');
});

test('every call has another x-request-id, and the access log has the same', async (t) => {
  const events: CallEvent[] = [];
  const demo = await startDemo(t, { onEvent: (event) => events.push(event) });
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const client = proxy.voiceClient('clear');
  for (let call = 0; call < 20; call++) await client.say({});
  const seen = events
    .filter(({ kind }) => kind === 'started')
    .map(({ metadata }) => metadata.get('x-request-id')[0]);
  assert.equal(new Set(seen).size, 20);
  await proxy.record(() => proxy.records().length === 20);
  assert.deepEqual(
    proxy.records().map((record) => record['requestId']),
    seen,
  );
});

test('trailers of a request are its end and nothing more: grpc-go ends the connection over a second header block', async (t) => {
  const upstream = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  for (const type of ['application/grpc', 'text/plain']) {
    const streamId = client.call({
      fields: [['content-type', type]],
      body: Buffer.alloc(5),
      endStream: false,
    });
    client.sendHeaders(streamId, [['x-checksum', '7']], true);
    await client.outcome(streamId);
    const request = upstream.requests.at(-1);
    assert.ok(request?.hasEnded);
    assert.equal(request.body.length, 5);
    const blocks = request.peer.framesOf(request.streamId).filter(({ fields }) => fields.length > 0);
    assert.equal(blocks.length, 1, type);
  }
});

test('a service is told the time that is left also of a call that is not gRPC over HTTP/2', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  client.call({
    fields: [
      ['content-type', 'application/grpc-web+proto'],
      ['grpc-timeout', '1S'],
    ],
  });
  const [, leftMicroseconds] =
    /^(\d+)u$/.exec((await upstream.wantRequest()).field('grpc-timeout') ?? '') ?? [];
  assert.ok(Number(leftMicroseconds) > 0 && Number(leftMicroseconds) < 1_000_000, leftMicroseconds);
});
