// How many connections an upstream gets, which endpoint a call goes to, and who waits when all are full.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, ServerCredentials, status } from '../../src/demo/grpc.ts';
import { voiceServiceDefinition } from '../../src/demo/voice-proto.ts';
import { createVoiceService } from '../../src/demo/voice-service.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { goAwayFrame, settingsFrame } from '../support/raw-frames.ts';
import { startSocketServer } from '../support/raw-server.ts';

const oneStream = [[SettingId.MAX_CONCURRENT_STREAMS, 1]] as const;

test('two endpoints take turns', async (t) => {
  const demos = [await startDemo(t), await startDemo(t)];
  const proxy = await startProxy(t, { endpoints: demos.map(({ address }) => address) });
  const client = proxy.voiceClient('tls');
  // The second is dialled when its turn comes first, and takes its turns from when it is connected.
  await eventually('both are connected', async () => {
    await client.say({});
    return demos.every(({ counters }) => counters.Say.completed > 0);
  });
  const servedBy: (string | undefined)[] = [];
  for (let call = 0; call < 10; call++) servedBy.push((await client.say({})).reply?.servedBy);
  for (const { address } of demos) assert.equal(servedBy.filter((name) => name === address).length, 5);
});

test('calls go to the other endpoint while one is down', async (t) => {
  const demo = await startDemo(t);
  const down = await startSocketServer(() => undefined);
  down.close();
  const proxy = await startProxy(t, { endpoints: [down.address, demo.address] });
  const client = proxy.voiceClient('tls');
  for (let call = 0; call < 50; call++) {
    const outcome = await client.say({});
    assert.equal(outcome.code, status.OK, outcome.details);
  }
});

test('calls go to the other endpoint as soon as one goes down', async (t) => {
  const demos = [await startDemo(t), await startDemo(t)];
  const proxy = await startProxy(t, { endpoints: demos.map(({ address }) => address) });
  const client = proxy.voiceClient('tls');
  await eventually('both are connected', async () => {
    await client.say({});
    return demos.every(({ counters }) => counters.Say.completed > 0);
  });
  await demos[0].close();
  for (let call = 0; call < 50; call++) {
    const outcome = await client.say({});
    assert.equal(outcome.code, status.OK, outcome.details);
  }
});

test('an endpoint that was down at first gets its share once it is up', async (t) => {
  const demo = await startDemo(t);
  const late = await startSocketServer(() => undefined);
  late.close();
  const proxy = await startProxy(t, { endpoints: [demo.address, late.address] });
  const client = proxy.voiceClient('tls');
  for (let call = 0; call < 10; call++) assert.equal(status[(await client.say({})).code], 'OK');
  const lateDemo = await startDemo(t, { address: late.address });
  await eventually('it gets calls', async () => {
    assert.equal(status[(await client.say({})).code], 'OK');
    return lateDemo.counters.Say.completed > 0;
  });
});

test('a connection that the upstream closed while nothing ran is replaced without an error', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  for (let round = 0; round < 5; round++) {
    assert.equal((await client.outcome(client.call())).grpcStatus, '0');
    upstream.peers[round].socket.end();
    await eventually('the proxy knows', () => {
      return (
        proxy.lines().filter(({ msg }) => String(msg).includes('takes no more calls')).length === round + 1
      );
    });
  }
});

test('a burst of calls to an upstream not yet connected opens one connection', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamIds = Array.from({ length: 100 }, () => client.call());
  for (const streamId of streamIds) assert.equal((await client.outcome(streamId)).grpcStatus, '0');
  assert.equal(upstream.peers.length, 1);
});

test('the calls of many clients share one upstream connection', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  for (let index = 0; index < 10; index++) {
    const client = await proxy.rawClient('tls');
    assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  }
  assert.equal(upstream.peers.length, 1);
});

test('further connections are opened when the streams of the first are used up', async (t) => {
  const upstream = await startRawUpstream(t, { settings: oneStream });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamIds = Array.from({ length: 5 }, () => client.call());
  await upstream.wantRequest(4);
  assert.equal(upstream.peers.length, 5);
  for (const request of upstream.requests) request.succeed();
  for (const streamId of streamIds) assert.equal((await client.outcome(streamId)).grpcStatus, '0');
});

for (const max of [1, 2]) {
  test(`with connections.max of ${max} calls wait for a free stream and then succeed`, async (t) => {
    const upstream = await startRawUpstream(t, { settings: oneStream });
    const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max } });
    const client = await proxy.rawClient('tls');
    const streamIds = Array.from({ length: 20 }, (_, index) => client.call({ path: `/a.B/${index}` }));
    for (let index = 0; index < 20; index++) {
      const request = await upstream.wantRequest(index);
      // Between two connections the order of arrival is open; on one it is that of the calls.
      if (max === 1) assert.equal(request.field(':path'), `/a.B/${index}`);
      assert.ok(upstream.requests.length <= index + max, 'more calls are running than there are streams');
      request.succeed();
    }
    for (const streamId of streamIds) assert.equal((await client.outcome(streamId)).grpcStatus, '0');
    assert.ok(upstream.peers.length <= max);
  });
}

test('a call beyond limits.pending is UNAVAILABLE at once, and those that wait are served', async (t) => {
  const upstream = await startRawUpstream(t, { settings: oneStream });
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    connections: { max: 1, maxPending: 2 },
  });
  const client = await proxy.rawClient('tls');
  const first = client.call();
  await upstream.wantRequest(0);
  const waiting = [client.call(), client.call()];
  const refused = await client.outcome(client.call());
  assert.equal(refused.grpcStatus, String(status.UNAVAILABLE));
  assert.ok(refused.headers.some(([name]) => name === 'grpc-retry-pushback-ms'));
  assert.match(refused.grpcMessage, /2 calls wait for upstream voice already \(limits\.pending\)/);
  for (const [index, streamId] of [first, ...waiting].entries()) {
    (await upstream.wantRequest(index)).succeed();
    assert.equal((await client.outcome(streamId)).grpcStatus, '0');
  }
});

test('calls that wait for a second are one warning, which says what they wait for', async (t) => {
  const upstream = await startRawUpstream(t, { settings: oneStream });
  const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max: 1 } });
  const client = await proxy.rawClient('tls');
  const calls = Array.from({ length: 5 }, () => client.call());
  const line = await proxy.line(({ calls: count }) => count === 4);
  assert.deepEqual(
    [line['level'], line['upstream'], line['msg']],
    [40, 'voice', '4 calls wait for a place at voice: its endpoints allow 1 each (MAX_CONCURRENT_STREAMS)'],
  );
  for (const [index, streamId] of calls.entries()) {
    (await upstream.wantRequest(index)).succeed();
    await client.outcome(streamId);
  }
  assert.equal(proxy.lines().filter(({ msg }) => String(msg).includes('for a place at')).length, 1);
});

test('a call beyond limits.streams is UNAVAILABLE at once', async (t) => {
  const upstream = await startRawUpstream(t);
  const endpoints = [upstream.address];
  const sections = { upstreams: { voice: { endpoints, limits: { streams: 2 } } } };
  const proxy = await startProxy(t, { sections });
  const client = await proxy.rawClient('tls');
  const running = [client.call(), client.call()];
  await upstream.wantRequest(1);
  const refused = await client.outcome(client.call());
  assert.equal(refused.grpcStatus, String(status.UNAVAILABLE));
  assert.equal(refused.grpcMessage, '2 calls run at upstream voice already (limits.streams). (FG3033)');
  upstream.requests[0].succeed();
  assert.equal((await client.outcome(running[0])).grpcStatus, '0');
  const next = client.call();
  (await upstream.wantRequest(2)).succeed();
  assert.equal((await client.outcome(next)).grpcStatus, '0');
});

test('a cancelled call frees its stream for the next', async (t) => {
  const upstream = await startRawUpstream(t, { settings: oneStream });
  const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max: 1 } });
  const client = await proxy.rawClient('tls');
  for (let round = 0; round < 20; round++) {
    const streamId = client.call({ endStream: false });
    await upstream.wantRequest(round);
    client.sendReset(streamId, 8);
  }
  const last = client.call();
  (await upstream.wantRequest(20)).succeed();
  assert.equal((await client.outcome(last)).grpcStatus, '0');
});

test('a call that is cancelled while it waits never reaches the service', async (t) => {
  const upstream = await startRawUpstream(t, { settings: oneStream });
  const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max: 1 } });
  const client = await proxy.rawClient('tls');
  client.call({ path: '/a.B/running' });
  const running = await upstream.wantRequest(0);
  const waiting = client.call({ path: '/a.B/cancelled' });
  client.sendReset(waiting, 8);
  const next = client.call({ path: '/a.B/next' });
  await proxy.record(({ method }) => method === '/a.B/cancelled');
  running.succeed();
  (await upstream.wantRequest(1)).succeed();
  assert.equal(upstream.requests[1].field(':path'), '/a.B/next');
  assert.equal((await client.outcome(next)).grpcStatus, '0');
});

test('a peer that raises its limit of streams is given the calls that wait', async (t) => {
  const upstream = await startRawUpstream(t, { settings: oneStream });
  const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max: 1 } });
  const client = await proxy.rawClient('tls');
  for (let call = 0; call < 3; call++) client.call();
  await upstream.wantRequest(0);
  upstream.peers[0].send(settingsFrame([[SettingId.MAX_CONCURRENT_STREAMS, 3]]));
  await upstream.wantRequest(2);
});

test('a connection that still drains does not keep calls from a new one', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max: 1 } });
  const client = await proxy.rawClient('tls');
  const long = client.call({ endStream: false });
  const running = await upstream.wantRequest(0);
  upstream.peers[0].send(goAwayFrame(running.streamId, 0, 'max_age'));
  await proxy.line(({ msg }) => String(msg).includes('takes no more calls: GOAWAY'));
  const next = client.call();
  (await upstream.wantRequest(1)).succeed();
  assert.equal((await client.outcome(next)).grpcStatus, '0');
  running.succeed();
  assert.equal((await client.outcome(long)).grpcStatus, '0');
});

test("grpc-js's own limit of streams is kept: 200 calls over connections of 10", async (t) => {
  const server = new Server({ 'grpc.max_concurrent_streams': 10 });
  server.addService(voiceServiceDefinition, { ...createVoiceService(() => '') });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.after(() => server.forceShutdown());
  const proxy = await startProxy(t, { endpoints: [`127.0.0.1:${port}`], connections: { max: 3 } });
  const client = proxy.voiceClient('tls');
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => client.say({ delayMs: 5 })));
  assert.deepEqual(
    outcomes.filter(({ code }) => status[code] !== 'OK').map(({ details }) => details),
    [],
  );
});
