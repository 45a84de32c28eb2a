// The `timeouts` of a route: which deadline a service is told, what ends a call, and what its client is told then.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { SettingId } from '../../src/h2/settings.ts';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { RawServer, RawServerOptions } from '../support/raw-server.ts';

/** The time that the service is told is right within this. */
const INEXACT_MS = 15;

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly service: RawServer;
}

async function scene(
  t: TestContext,
  route: Readonly<Record<string, unknown>>,
  options: RawServerOptions = {},
): Promise<Scene> {
  const service = await startRawUpstream(t, options);
  const proxy = await startProxy(t, {
    sections: {
      routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice', ...route }],
      upstreams: { voice: { endpoints: [service.address], connections: { max: 1 } } },
    },
  });
  return { proxy, service };
}

function millisecondsOf(timeout: string | undefined): number {
  const [, amount = '', unit = ''] = /^([0-9]+)([mu])$/.exec(timeout ?? '') ?? [];
  return unit === 'm' ? Number(amount) : Number(amount) / 1000;
}

const TOLD: readonly (readonly [
  what: string,
  timeouts: Readonly<Record<string, string>>,
  sent: string | undefined,
  told: string | undefined,
])[] = [
  ['without a deadline of the route, none', {}, undefined, undefined],
  ['where the client sent none, that of the route', { deadline: '30s' }, undefined, '30000m'],
  ['where the client sent one, that', { deadline: '30s' }, '1M', '1M'],
  ['of a client that asks for too much, the longest', { maxDeadline: '5m' }, '1H', '300000m'],
  ['of a client that asks for less, that', { maxDeadline: '5m' }, '2M', '2M'],
  ['the longest deadline is none for clients that sent none', { maxDeadline: '5m' }, undefined, undefined],
];

for (const [what, timeouts, sent, told] of TOLD) {
  test(`the service is told: ${what}`, async (t) => {
    const { proxy, service } = await scene(t, { timeouts }, { onRequestEnd: (request) => request.succeed() });
    const client = await proxy.rawClient('clear');
    const call = { fields: sent === undefined ? [] : ([['grpc-timeout', sent]] as const) };
    // The first call waits for the connection, so what is left of its time is less.
    await client.outcome(client.call(call));
    await client.outcome(client.call(call));
    const values = service.requests[1].fields.filter(([name]) => name === 'grpc-timeout');
    assert.deepEqual(values, told === undefined ? [] : [['grpc-timeout', told]]);
  });
}

test('a call without a deadline of its own ends with that of the route, whose key is named', async (t) => {
  const { proxy } = await scene(t, { timeouts: { deadline: '20ms' } });
  const client = await proxy.rawClient('clear');
  const { grpcStatus, grpcMessage } = await client.outcome(client.call());
  assert.equal(grpcStatus, '4');
  assert.match(grpcMessage, /deadline of 20 ms passed \(timeouts\.deadline of the route\)/);
});

test('what a call has waited for a stream is taken off its deadline', async (t) => {
  const { proxy, service } = await scene(t, {}, { settings: [[SettingId.MAX_CONCURRENT_STREAMS, 1]] });
  const client = await proxy.rawClient('clear');
  client.call();
  const first = await service.wantRequest(0);
  const beforeMs = performance.now();
  client.call({ fields: [['grpc-timeout', '20S']] });
  await eventually(
    'it waits',
    async () => (await proxy.plane.upstreams({ heldUp: false })).upstreams[0].pending === 1,
  );
  const waitsMs = performance.now();
  await eventually('half a second has passed', () => performance.now() - waitsMs > 500);
  const leastMs = performance.now() - waitsMs;
  first.succeed();
  const waited = await service.wantRequest(1);
  const mostMs = performance.now() - beforeMs;
  const spentMs = 20_000 - millisecondsOf(waited.field('grpc-timeout'));
  assert.ok(
    spentMs >= leastMs - INEXACT_MS && spentMs <= mostMs + INEXACT_MS,
    `${spentMs} ms of ${leastMs} to ${mostMs}`,
  );
});

test('what passed before another attempt is taken off the deadline', async (t) => {
  const { proxy, service } = await scene(
    t,
    { retry: {} },
    {
      onRequestEnd: (request) => {
        if (service.requests.length > 1) request.succeed();
        else
          request.sendTrailers([
            [':status', '200'],
            ['content-type', 'application/grpc'],
            ['grpc-status', '14'],
            ['grpc-retry-pushback-ms', '300'],
          ]);
      },
    },
  );
  const client = await proxy.rawClient('clear');
  const beforeMs = performance.now();
  assert.equal((await client.outcome(client.call({ fields: [['grpc-timeout', '20S']] }))).grpcStatus, '0');
  const mostMs = performance.now() - beforeMs;
  const spentMs = 20_000 - millisecondsOf(service.requests[1].field('grpc-timeout'));
  assert.ok(spentMs >= 300 && spentMs <= mostMs + INEXACT_MS, `${spentMs} of ${mostMs} ms`);
});

test('a client that is silent for too long is told so, and so is the record', async (t) => {
  const { proxy, service } = await scene(t, { timeouts: { idle: '100ms' } });
  const client = await proxy.rawClient('clear');
  const streamId = client.call({ endStream: false });
  const request = await service.wantRequest();
  const talk = setInterval(() => request.sendMessage(Buffer.alloc(1)), 10);
  t.after(() => clearInterval(talk));
  request.sendHeaders();
  const { grpcStatus, grpcMessage } = await client.outcome(streamId);
  assert.equal(grpcStatus, '14');
  assert.match(grpcMessage, /^The client sent nothing of this request for 0\.1 s/);
  assert.match((await proxy.record()).reason, /^request_idle: /);
});

test('a service that is silent for too long is named to the client, whose call ends', async (t) => {
  const { proxy, service } = await scene(t, { timeouts: { idle: '100ms' } });
  const client = await proxy.rawClient('clear');
  const { grpcStatus, grpcMessage } = await client.outcome(client.call());
  assert.equal(grpcStatus, '14');
  assert.ok(grpcMessage.startsWith(`${service.address} sent nothing of its response for 0.1 s`), grpcMessage);
  await service.requests[0].peer.wantReset(service.requests[0].streamId);
});

for (const [what, timeouts, status, sentence] of [
  ['a deadline', { deadline: '20ms' }, 504, /deadline of 20 ms passed/],
  ['an idle time', { idle: '100ms' }, 504, /sent nothing of its response for 0\.1 s/],
] as const) {
  test(`a request over HTTP/1.1 to a service that never answers ends by ${what}`, async (t) => {
    const silent = createServer(() => undefined);
    const port = await listen(t, silent);
    const proxy = await startProxy(t, {
      sections: {
        routes: [{ name: 'all', match: { path: '/*' }, upstream: 'web', timeouts }],
        upstreams: { web: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] } },
      },
    });
    const response = await fetch(`http://127.0.0.1:${proxy.port('clear')}/`);
    assert.equal(response.status, status);
    assert.match(await response.text(), sentence);
    silent.closeAllConnections();
  });
}
