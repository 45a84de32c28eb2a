// The `fault` of a route through the whole proxy: what clients and services see, and what the record and the metrics say.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import { familiesOf } from '../support/metrics-reader.ts';
import {
  type ProxySettings,
  type ProxyUnderTest,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawServer, RawServerOptions } from '../support/raw-server.ts';

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly service: RawServer;
}

interface SceneSettings extends ProxySettings {
  readonly route?: Readonly<Record<string, unknown>>;
  readonly upstream?: Readonly<Record<string, unknown>>;
}

async function scene(
  t: TestContext,
  fault: Readonly<Record<string, unknown>>,
  options: RawServerOptions = {},
  { route = {}, upstream = {}, ...settings }: SceneSettings = {},
): Promise<Scene> {
  const service = await startRawUpstream(t, options);
  const proxy = await startProxy(t, {
    ...settings,
    sections: {
      routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice', fault, ...route }],
      upstreams: { voice: { endpoints: [service.address], ...upstream } },
      admin: { address: '127.0.0.1:0' },
    },
  });
  return { proxy, service };
}

async function injected({ proxy }: Scene): Promise<Readonly<Record<string, number>>> {
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const families = familiesOf(await (await fetch(`http://${String(address)}/metrics`)).text());
  const family = families.find(({ name }) => name === 'framegate_faults_injected_total');
  return Object.fromEntries(
    (family?.samples ?? []).map(({ labels, value }) => [`${labels['route']} ${labels['kind']}`, value]),
  );
}

const THREE = Buffer.concat(['one', 'two', 'three'].map((text) => grpcMessage(Buffer.from(text))));
const TWO = Buffer.concat(['one', 'two'].map((text) => grpcMessage(Buffer.from(text))));

test('an aborted call reaches no service, and its record says what was injected', async (t) => {
  const started = await scene(t, { abort: 'RESOURCE_EXHAUSTED' }, {}, { route: { retry: {} } });
  const client = await started.proxy.rawClient('clear');
  const { grpcStatus, grpcMessage: told } = await client.outcome(client.call());
  assert.equal(grpcStatus, '8');
  assert.match(told, /^A fault was injected into this call: it was ended with RESOURCE_EXHAUSTED/);
  const record = await started.proxy.record();
  assert.match(record.reason, /^fault_injected: A fault was injected/);
  assert.deepEqual(
    [record['fault'], record['attempts'], record['endedBy'], record['code']],
    ['abort with RESOURCE_EXHAUSTED', 0, 'framegate', 'FG3046'],
  );
  assert.equal(started.service.requests.length, 0);
  assert.deepEqual(await injected(started), { 'all abort': 1 });
});

test('a client of HTTP/1.1 gets the HTTP status', async (t) => {
  const { proxy } = await scene(t, { abort: 418 }, {}, { upstream: { protocol: 'http1' } });
  const response = await fetch(`http://127.0.0.1:${proxy.port('clear')}/page`);
  assert.equal(response.status, 418);
  assert.match(await response.text(), /A fault was injected/);
});

test('a delayed call is sent on with what is left of its time, and ends as it would have', async (t) => {
  const started = await scene(t, { delay: '100ms' }, { onRequestEnd: (request) => request.succeed() });
  const client = await started.proxy.rawClient('clear');
  await client.outcome(client.call({ fields: [['grpc-timeout', '30S']] }));
  const [request] = started.service.requests;
  const [, leftMs = ''] = /^([0-9]+)m$/.exec(request.field('grpc-timeout') ?? '') ?? [];
  assert.ok(Number(leftMs) <= 29_900, `${leftMs} ms are left`);
  const record = await started.proxy.record();
  assert.deepEqual(
    [record['fault'], record.grpcStatus, record.reason, record['endedBy']],
    ['delay of 100 ms', 'OK', '', 'upstream'],
  );
  assert.ok(Number(record['durationMs']) >= 100);
  assert.deepEqual(await injected(started), { 'all delay': 1 });
});

test('a call that its client gives up while it is delayed reaches no service', async (t) => {
  const { proxy, service } = await scene(t, { delay: '5m', abort: 'INTERNAL' });
  const client = await proxy.rawClient('clear');
  const given = client.call();
  const late = client.call({ fields: [['grpc-timeout', '20m']] });
  assert.equal((await client.outcome(late)).grpcStatus, '4');
  client.sendReset(given, ErrorCode.CANCEL);
  const records = await proxy.wantRecords(2);
  assert.deepEqual(records.map(({ grpcStatus }) => grpcStatus).toSorted(), [
    'CANCELLED',
    'DEADLINE_EXCEEDED',
  ]);
  for (const record of records) assert.equal(record['fault'], 'delay of 300000 ms');
  assert.equal(service.requests.length, 0);
});

test('a stream is reset after so many messages of the service, whole ones, on both sides', async (t) => {
  const started = await scene(
    t,
    { resetAfter: { messages: 2 } },
    {
      onRequest: (request) => {
        request.sendHeaders();
        // All three at once, with the trailers.
        request.peer.sendData(request.streamId, THREE, false);
        request.sendTrailers();
      },
    },
  );
  const client = await started.proxy.rawClient('clear');
  const streamId = client.call({ endStream: false });
  await client.want(
    'RST_STREAM',
    (frame) => frame.type === FrameType.RST_STREAM && frame.streamId === streamId,
  );
  const { content, resetCode, trailers } = client.outcomeSoFar(streamId);
  assert.deepEqual([content, resetCode, trailers], [TWO, ErrorCode.INTERNAL_ERROR, []]);
  const [request] = started.service.requests;
  await eventually('the service gets a reset', () =>
    request.peer.framesOf(request.streamId).find(({ type }) => type === FrameType.RST_STREAM),
  );
  const record = await started.proxy.record();
  assert.match(record.reason, /^fault_injected: .* reset after 2 messages of the response/);
  assert.deepEqual(
    [record['fault'], record.grpcStatus, record['endedBy']],
    ['reset after 2 messages of the response', 'INTERNAL', 'framegate'],
  );
  assert.deepEqual(await injected(started), { 'all reset': 1 });
});

test('a stream is reset after so many messages of the client, which the service has got', async (t) => {
  const started = await scene(t, { resetAfter: { messages: 2, direction: 'request' }, delay: '1ms' });
  const client = await started.proxy.rawClient('clear');
  const streamId = client.call({ body: THREE, endStream: true });
  assert.equal((await client.outcome(streamId)).resetCode, ErrorCode.INTERNAL_ERROR);
  const request = await started.service.wantRequest();
  const reset = await eventually('the service gets a reset', () =>
    request.peer.framesOf(request.streamId).find(({ type }) => type === FrameType.RST_STREAM),
  );
  assert.equal(reset.payload.readUInt32BE(0), ErrorCode.CANCEL);
  assert.deepEqual([request.body, request.hasEnded], [TWO, false]);
  const record = await started.proxy.record();
  assert.equal(record['fault'], 'delay of 1 ms, reset after 2 messages of the request');
  assert.deepEqual(await injected(started), { 'all delay': 1, 'all reset': 1 });
});

test('a stream with fewer messages, or of no messages, ends as it would have', async (t) => {
  const { proxy } = await scene(
    t,
    { resetAfter: { messages: 2 } },
    { onRequestEnd: (request) => request.succeed() },
  );
  const client = await proxy.rawClient('clear');
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  const record = await proxy.record();
  assert.deepEqual([record.grpcStatus, record['fault']], ['OK', undefined]);
});

test('strangers cannot ask for faults, and no proxy behind sees that they tried', async (t) => {
  const fields = [['x-fault', 'yes'] as const, ['x_fault', 'yes'] as const];
  const fault = { header: 'X-Fault', abort: 'UNAVAILABLE' };
  const answering: RawServerOptions = { onRequestEnd: (request) => request.succeed() };
  const stranger = await scene(t, fault, answering, { trustedClients: ['192.0.2.1/32'] });
  const first = await stranger.proxy.rawClient('clear');
  assert.equal((await first.outcome(first.call({ fields }))).grpcStatus, '0');
  assert.deepEqual(
    stranger.service.requests[0].fields.filter(([name]) => name.endsWith('fault')),
    [],
  );
  const friend = await scene(t, fault, answering, { trustedClients: ['127.0.0.1/32'] });
  const second = await friend.proxy.rawClient('clear');
  assert.equal((await second.outcome(second.call({ fields: [fields[0]] }))).grpcStatus, '14');
  assert.equal((await second.outcome(second.call())).grpcStatus, '0');
  assert.equal(friend.service.requests.length, 1);
});

test('a throttled call loses nothing, and comes no faster than it may', async (t) => {
  // 512 bytes may come at once, and the rest at 4 KiB in a second.
  const answer = Buffer.alloc(4096, 7);
  const started = await scene(
    t,
    { throttle: '4KiB/s' },
    { onRequestEnd: (request) => request.succeed(answer) },
  );
  const client = await started.proxy.rawClient('clear');
  const beganAtMs = performance.now();
  const outcome = await client.outcome(client.call({ path: '/a.S/M', body: TWO }));
  assert.equal(outcome.grpcStatus, '0');
  assert.ok(outcome.content.includes(answer));
  assert.ok(performance.now() - beganAtMs > 800, 'it came too fast');
  const record = await started.proxy.record();
  assert.deepEqual(
    [record['fault'], record['responseBytes'], record['requestBytes']],
    ['throttle to 4096 bytes in 1 s', grpcMessage(answer).length, TWO.length],
  );
  assert.deepEqual(await injected(started), { 'all throttle': 1 });
});
