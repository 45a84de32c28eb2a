// When calls are over nothing of them is left: no exchange, no upstream stream, no memory.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';

/** How many calls and connections the proxy itself still counts when it begins to stop. */
async function countedAtTheEnd(
  proxy: ProxyUnderTest,
): Promise<{ readonly calls: unknown; readonly connections: unknown }> {
  const closing = proxy.proxy.drain();
  const line = await proxy.line(({ msg }) => msg === 'draining');
  await closing;
  return { calls: line['calls'], connections: line['connections'] };
}

const kinds: Readonly<Record<string, (request: RawRequest) => void>> = {
  success: (request) => request.succeed(),
  'early success': (request) => request.succeed(),
  reset: (request) => request.reset(2),
  'refused twice': (request) => request.reset(7),
  'reset in the middle': (request) => {
    request.sendHeaders();
    request.reset(8);
  },
  'plain HTTP error': (request) => request.sendTrailers([[':status', '503']]),
  'broken rule': (request) => request.sendHeaders([['x', 'no status']]),
  'no trailers': (request) => {
    request.sendHeaders();
    request.peer.sendData(request.streamId, Buffer.alloc(0), true);
  },
  'own deadline': () => undefined,
  cancelled: () => undefined,
};

async function callOf(proxy: ProxyUnderTest, kind: string): Promise<void> {
  const client = await proxy.rawClient('tls');
  const fields = [
    ['x-kind', kind] as const,
    ...(kind === 'own deadline' ? [['grpc-timeout', '1m'] as const] : []),
  ];
  const endStream = kind !== 'early success' && kind !== 'cancelled';
  const streamId = client.call({ fields, body: grpcMessage(Buffer.alloc(100)), endStream });
  if (kind === 'cancelled') client.sendReset(streamId, 8);
  else await client.outcome(streamId);
  // An exchange that is over must not come back to life by what its client still sends.
  if (kind === 'early success') client.sendData(streamId, Buffer.alloc(10), true);
  await eventually('its record is written', () => proxy.records().length > 0);
  client.socket.end();
  await client.wantClosed();
}

async function startWithKinds(t: TestContext): Promise<ProxyUnderTest> {
  const upstream = await startRawUpstream(t, {
    settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]],
    onRequest: (request) => kinds[request.field('x-kind') ?? '']?.(request),
  });
  return startProxy(t, { endpoints: [upstream.address], connections: { max: 1, maxPending: 100 } });
}

for (const kind of Object.keys(kinds)) {
  test(`a call that ends as "${kind}" frees its stream and leaves nothing counted`, async (t) => {
    const proxy = await startWithKinds(t);
    // With one stream on one connection each of these can only begin when the one before is over.
    for (let round = 0; round < 3; round++) await callOf(proxy, kind);
    const last = await proxy.rawClient('tls');
    assert.equal((await last.outcome(last.call({ fields: [['x-kind', 'success']] }))).grpcStatus, '0');
    last.socket.end();
    await last.wantClosed();
    await eventually('all are in the log', () => proxy.records().length === 4);
    assert.deepEqual(await countedAtTheEnd(proxy), { calls: 0, connections: 0 });
  });
}

test('calls of a connection that is cut off are all given back', async (t) => {
  const upstream = await startRawUpstream(t, { settings: [[SettingId.MAX_CONCURRENT_STREAMS, 10]] });
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    connections: { max: 1, maxPending: 100 },
  });
  for (let round = 0; round < 5; round++) {
    const client = await proxy.rawClient('tls');
    // Ten of them run, ten wait.
    for (let call = 0; call < 20; call++) client.call({ endStream: false });
    await upstream.wantRequest(round * 10 + 9);
    await eventually('the client has sent all', () => client.socket.writableLength === 0);
    client.destroy();
    await eventually('all are in the log', () => proxy.records().length === (round + 1) * 20);
    await eventually('its connection is gone', () => proxy.plane.load.connections === 0);
  }
  assert.deepEqual(await countedAtTheEnd(proxy), { calls: 0, connections: 0 });
});
