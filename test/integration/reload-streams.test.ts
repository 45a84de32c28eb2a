// A reload is nothing that a call would notice: streams stay open over any number of them, and no call fails.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { startServiceProcess } from '../support/proxy-process.ts';
import { startDemo, startRawUpstream } from '../support/proxy-under-test.ts';
import { startReloadingProxy } from '../support/reloading-proxy.ts';
import { type AudioStream, connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

const RELOADS = 20;
const STREAMS = 8;

/** Exchanges messages until `isOver`, then ends it. @returns the number of messages */
async function talk(stream: AudioStream, isOver: () => boolean): Promise<number> {
  let sequence = 0;
  while (!isOver()) {
    sequence++;
    stream.send({ sequence, audio: Buffer.from(`chunk ${sequence}`), returnAudio: true });
    const event = await stream.next();
    assert.deepEqual([event?.sequence, event?.audio.toString()], [sequence, `chunk ${sequence}`]);
  }
  stream.finish();
  assert.equal(await stream.next(), undefined);
  assert.equal((await stream.outcome).code, status.OK);
  return sequence;
}

/** Calls one after the other. @returns how many */
async function callOn(client: TestVoiceClient, isOver: () => boolean): Promise<number> {
  let calls = 0;
  for (; !isOver(); calls++) {
    const { code, details } = await client.say({ text: `call ${calls}` });
    assert.equal(code, status.OK, details);
  }
  return calls;
}

test(`streams and calls go on over ${RELOADS} reloads, valid and broken by turns`, async (t) => {
  const services = [await startServiceProcess(t), await startServiceProcess(t)];
  const upstreamsOf = (reload: number) => ({
    voice: {
      endpoints: [services[reload % 2].address],
      connections: { maxPending: 100 + reload },
    },
  });
  const proxy = await startReloadingProxy(t, { upstreams: upstreamsOf(0) });
  const { caPem } = proxy.process;
  const clients = await Promise.all(
    Array.from({ length: 4 }, async (_, index) =>
      index % 2 === 0
        ? connectVoiceClient({ address: `localhost:${await proxy.process.port('tls')}`, ca: caPem })
        : connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` }),
    ),
  );
  t.after(() => clients.forEach((client) => client.close()));
  const streams = Array.from({ length: STREAMS }, (_, index) =>
    clients[index % clients.length].streamAudio(),
  );
  await Promise.all(streams.map((stream) => stream.headers));
  let isOver = false;
  const talks = streams.map((stream) => talk(stream, () => isOver));
  const loops = clients.map((client) => callOn(client, () => isOver));
  for (let reload = 1; reload <= RELOADS; reload++) {
    proxy.writeText('listeners: [\n');
    assert.equal((await proxy.reload()).status, 422);
    proxy.write({ upstreams: upstreamsOf(reload) });
    if (reload % 2 === 0) {
      assert.equal((await proxy.reload()).status, 200);
    } else {
      proxy.process.signal('SIGHUP');
      await eventually('it has reloaded', async () => (await proxy.state()).epoch === reload + 1);
    }
  }
  const { epoch, olderEpochs, reloads } = await proxy.state();
  assert.equal(epoch, RELOADS + 1);
  assert.deepEqual(
    olderEpochs.filter((older) => older.epoch === 1).map(({ exchanges }) => exchanges),
    [STREAMS],
  );
  assert.deepEqual([reloads.reloaded, reloads.refused], [RELOADS, RELOADS]);
  isOver = true;
  for (const messages of await Promise.all(talks)) assert.ok(messages > RELOADS);
  for (const calls of await Promise.all(loops)) assert.ok(calls > RELOADS);
  await eventually('nothing is left on older configurations', async () => {
    return (await proxy.state()).olderEpochs.length === 0;
  });
});

test('a storm of SIGHUP ends in the last configuration, and no call fails meanwhile', async (t) => {
  const service = await startServiceProcess(t);
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: [service.address] } } });
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  let isOver = false;
  const calls = callOn(client, () => isOver);
  for (let count = 1; count <= 200; count++) {
    proxy.write({ limits: { headerFields: 100 + count } });
    proxy.process.signal('SIGHUP');
    if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually('the last one is in use', async () => {
    const { config } = await proxy.state();
    return JSON.stringify(config['limits']).includes('"headerFields":300');
  });
  isOver = true;
  assert.ok((await calls) > 0);
  const { reloads } = await proxy.state();
  assert.ok(reloads.reloaded >= 1 && reloads.reloaded <= 200);
});

test('connections to an upstream that has not changed are kept', async (t) => {
  const service = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: [service.address] } } });
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  for (let reload = 0; reload < 3; reload++) {
    await client.say({ text: 'a call' });
    const routes = [{ name: `all-${reload}`, match: { path: '/*' }, upstream: 'voice' }];
    proxy.write({ routes, limits: { concurrentStreams: 50 + reload } });
    const { status: httpStatus, body } = await proxy.reload();
    assert.deepEqual([httpStatus, body.changes.upstreams.changed], [200, []]);
  }
  await client.say({ text: 'the last call' });
  assert.equal(service.requests.length, 4);
  assert.equal(service.peers.length, 1);
});

test('the connections of an upstream that is no more end with their last stream', async (t) => {
  const old = await startRawUpstream(t);
  const next = await startDemo(t);
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: [old.address] } } });
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  const before = client.say({ text: 'before' });
  const running = await old.wantRequest();
  proxy.write({
    routes: [{ match: { path: '/*' }, upstream: 'other' }],
    upstreams: { other: { endpoints: [next.address] } },
  });
  assert.equal((await proxy.reload()).status, 200);
  assert.equal((await client.say({ text: 'after' })).code, status.OK);
  assert.equal(old.peers[0].isClosed, false);
  running.succeed();
  assert.equal((await before).code, status.OK);
  await old.peers[0].wantClosed();
  assert.equal(old.requests.length, 1);
});

test('a call that is refused after a reload goes to the endpoints that its upstream has now', async (t) => {
  const [old, next] = [await startRawUpstream(t), await startRawUpstream(t)];
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: [old.address] } } });
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  const call = client.say({ text: 'patience' });
  const first = await old.wantRequest(0);
  proxy.write({ upstreams: { voice: { endpoints: [next.address] } } });
  assert.equal((await proxy.reload()).status, 200);
  // REFUSED_STREAM: never processed.
  first.reset(7);
  (await next.wantRequest(0)).succeed();
  assert.equal((await call).code, status.OK);
  assert.equal(old.requests.length, 1);
});

test('a call that an upstream refuses after it was replaced is still sent once more, to the same upstream', async (t) => {
  const old = await startRawUpstream(t);
  const proxy = await startReloadingProxy(t, { upstreams: { voice: { endpoints: [old.address] } } });
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  const call = client.say({ text: 'patience' });
  const first = await old.wantRequest(0);
  proxy.write({ upstreams: { voice: { endpoints: ['127.0.0.1:1'], connections: { max: 3 } } } });
  assert.equal((await proxy.reload()).status, 200);
  first.reset(7);
  (await old.wantRequest(1)).succeed();
  assert.equal((await call).code, status.OK);
});
