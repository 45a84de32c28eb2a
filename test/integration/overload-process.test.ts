// A process whose memory really is short: clients that make it hold responses they do not take. It refuses what is new,
// goes on with what runs, and serves everybody again when they have left.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo, startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient, type RawClient } from '../support/raw-client.ts';
import { type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const MIB = 1_048_576;
const STREAMS = 100;
/** What a stream may hold. */
const RESPONSE_BYTES = 128 * 1024;
/** Above what the process uses when it begins; a third of the greedy clients hold as much. */
const ROOM_MIB = 48;
const MOST_GREEDY = 12;
const MOST_WAIT_MS = 60_000;

interface Memory {
  readonly level: number;
  readonly usedBytes: number;
}

async function memoryOf(proxy: ReloadingProxy): Promise<Memory> {
  const [process] = (await proxy.state()).processes;
  return process.memory;
}

/** Calls that make the proxy hold a window each. */
async function connectGreedy(t: TestContext, port: number): Promise<RawClient | undefined> {
  const settings = [[SettingId.INITIAL_WINDOW_SIZE, 0]] as const;
  const client = await connectRawClient({ port, settings }).catch(() => undefined);
  if (client === undefined) return undefined;
  t.after(() => client.destroy());
  for (let count = 0; count < STREAMS && !client.isClosed; count++) client.call({ path: '/greedy.S/M' });
  return client;
}

test('it refuses new calls when clients hold too much, and recovers when they have left', async (t) => {
  const demo = await startDemo(t);
  const generous = await startRawUpstream(t, {
    onRequest(request) {
      request.sendHeaders();
      request.peer.pump(request.streamId, RESPONSE_BYTES);
    },
  });
  const proxy = await startReloadingProxy(t, {
    workers: 1,
    routes: [
      { name: 'greedy', match: { path: '/greedy.S/*' }, upstream: 'generous' },
      { name: 'all', match: { path: '/*' }, upstream: 'voice' },
    ],
    upstreams: {
      voice: { endpoints: [demo.address] },
      generous: { endpoints: [generous.address], connections: { max: 100 } },
    },
  });
  const port = await proxy.process.port('clear');
  const client = connectVoiceClient({ address: `127.0.0.1:${port}` });
  t.after(() => client.close());
  const stream = client.streamAudio();
  for (let sequence = 1; sequence <= 50; sequence++) {
    stream.send({ sequence, audio: Buffer.alloc(640) });
    assert.equal((await stream.next())?.sequence, sequence);
  }
  const before = await memoryOf(proxy);
  const limitMiB = Math.ceil(before.usedBytes / MIB) + ROOM_MIB;
  proxy.write({ limits: { memory: `${limitMiB}MiB` } });
  assert.equal((await proxy.reload()).status, 200);
  assert.equal((await memoryOf(proxy)).level, 0);

  const greedy: (RawClient | undefined)[] = [];
  const isShort = async (): Promise<boolean> => {
    if (greedy.length < MOST_GREEDY) greedy.push(await connectGreedy(t, port));
    return (await memoryOf(proxy)).level >= 2;
  };
  await eventually('memory is short', isShort, MOST_WAIT_MS);
  const refused = await client.say({});
  assert.equal(status[refused.code], 'RESOURCE_EXHAUSTED', refused.details);
  stream.send({ sequence: 51 });
  assert.equal((await stream.next())?.sequence, 51);

  for (const one of greedy) one?.destroy();
  await eventually('it recovers', async () => (await memoryOf(proxy)).level === 0, MOST_WAIT_MS);
  assert.equal(status[(await client.say({})).code], 'OK');
  stream.send({ sequence: 52 });
  assert.equal((await stream.next())?.sequence, 52);
  stream.finish();
  assert.equal(status[(await stream.outcome).code], 'OK');
});
