// A bad network on either side of the proxy: what is slow or cut into pieces still arrives whole, what breaks is an error
// with a status, and nothing is ever half a success.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { FaultProxy, type Toxics } from '../support/fault-proxy.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import type { TestVoiceClient } from '../support/voice-client.ts';

function isOk({ code }: { readonly code: number }): boolean {
  return status[code] === 'OK';
}

interface Bench {
  readonly proxy: ProxyUnderTest;
  /** Between the client and the proxy's TLS listener. */
  readonly near: FaultProxy;
  /** Between the proxy and the service. */
  readonly far: FaultProxy;
  /** A client by way of `near`. */
  readonly connect: () => TestVoiceClient;
}

async function bench(t: TestContext): Promise<Bench> {
  const demo = await startDemo(t);
  const far = await FaultProxy.start({ targetPort: demo.port });
  t.after(() => far.close());
  const proxy = await startProxy(t, { endpoints: [far.address] });
  const near = await FaultProxy.start({ targetPort: proxy.port('tls') });
  t.after(() => near.close());
  const connect = (): TestVoiceClient => proxy.voiceClient('tls', { address: `localhost:${near.port}` });
  return { proxy, near, far, connect };
}

const AUDIO = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251));

/** One call of each kind, each checked to its last byte. */
async function callsSucceed(client: TestVoiceClient): Promise<void> {
  const said = await client.say({ text: 'hello', audio: AUDIO, replyAudioBytes: 10_000 });
  assert.equal(said.code, status.OK, said.details);
  assert.equal(said.reply?.receivedAudioBytes, AUDIO.length);
  assert.equal(said.reply?.audio.length, 10_000);
  const words = await client.narrate({ text: 'one two three', repeat: 5, audioBytes: 100 });
  assert.equal(words.code, status.OK, words.details);
  assert.deepEqual(
    words.replies.map(({ sequence }) => sequence),
    Array.from({ length: 15 }, (_, index) => index + 1),
  );
  const transcript = await client.transcribe(Array.from({ length: 5 }, () => ({ audio: AUDIO })));
  assert.equal(transcript.reply?.audioBytes, 5 * AUDIO.length, transcript.details);
  const stream = client.streamAudio();
  for (let sequence = 1; sequence <= 3; sequence++) {
    stream.send({ sequence, audio: AUDIO, returnAudio: true });
    assert.ok((await stream.next())?.audio.equals(AUDIO));
  }
  stream.finish();
  assert.equal((await stream.outcome).code, status.OK);
}

const HARMLESS: readonly (readonly [what: string, toxics: Toxics])[] = [
  ['cut into single bytes', { sliceBytes: 1 }],
  ['cut into slices with pauses', { sliceBytes: 997, sliceDelayMs: 1 }],
  ['late and unsteady', { latencyMs: 10, jitterMs: 8 }],
  ['narrow', { bytesPerSecond: 2_000_000, sliceBytes: 1400 }],
];

for (const side of ['near', 'far'] as const) {
  for (const [what, toxics] of HARMLESS) {
    test(`a network that is ${what} towards the ${side === 'near' ? 'client' : 'service'} costs no byte`, async (t) => {
      const { [side]: wire, connect } = await bench(t);
      wire.set(toxics);
      await callsSucceed(connect());
    });
  }
}

test('a connection to the service cut at any byte gives UNAVAILABLE or a whole answer, and the log agrees', async (t) => {
  const { proxy, far, connect } = await bench(t);
  const client = connect();
  const seen = new Set<string>();
  for (let limitBytes = 1; limitBytes < 700; limitBytes += 23) {
    far.set({ limitBytes }, 'toClient');
    const authority = `cut-at-${limitBytes}.test`;
    const outcome = await client.say({ text: 'hello', replyAudioBytes: 200 }, { authority });
    const name = status[outcome.code];
    seen.add(name);
    if (name === 'OK') assert.equal(outcome.reply?.audio.length, 200, `cut at ${limitBytes}`);
    else assert.equal(name, 'UNAVAILABLE', `cut at ${limitBytes}: ${outcome.details}`);
    const record = await proxy.record((candidate) => candidate['authority'] === authority);
    assert.equal(record.grpcStatus, name, `cut at ${limitBytes}`);
    far.set({});
    far.reset();
    await eventually('calls succeed again', async () => isOk(await client.say({})));
  }
  assert.deepEqual([...seen].toSorted(), ['OK', 'UNAVAILABLE']);
});

test('a wrong byte from a client ends its TLS connection and never becomes part of a call', async (t) => {
  const { near, far, connect, proxy } = await bench(t);
  const victim = connect();
  await callsSucceed(victim);
  near.set({ corruptEveryBytes: 3001 }, 'toTarget');
  for (let call = 0; call < 5; call++) {
    const { code, reply } = await victim.say({ audio: AUDIO }, { deadlineMs: 5000 });
    assert.ok(!isOk({ code }) || reply?.receivedAudioBytes === AUDIO.length);
  }
  near.set({});
  near.reset();
  await callsSucceed(connect());
  await callsSucceed(proxy.voiceClient('clear'));
  assert.ok(far.connectionCount > 0, 'the service was never cut off');
});

test('a service behind a dead cable keeps calls waiting until their deadline, and goes on when the cable is back', async (t) => {
  const { far, connect, proxy } = await bench(t);
  const client = connect();
  const stream = client.streamAudio();
  stream.send({ sequence: 1 });
  assert.equal((await stream.next())?.sequence, 1);
  far.set({ isBlackhole: true });
  stream.send({ sequence: 2 });
  const hasty = await client.say({}, { deadlineMs: 300 });
  assert.equal(hasty.code, status.DEADLINE_EXCEEDED);
  const record = await proxy.record();
  assert.match(record.grpcStatus, /^(DEADLINE_EXCEEDED|CANCELLED)$/);
  far.set({});
  assert.equal((await stream.next())?.sequence, 2);
  stream.finish();
  assert.equal((await stream.outcome).code, status.OK);
});

test('clients that are cut off in every way cancel their calls at the service, and leave nothing behind', async (t) => {
  const ways: Readonly<Record<string, (wire: FaultProxy) => void>> = {
    'a reset': (wire) => wire.reset(),
    'a half-close': (wire) => wire.halfClose('toTarget'),
    'an end at the next byte': (wire) => wire.set({ limitBytes: 1 }, 'toTarget'),
  };
  for (const [way, cut] of Object.entries(ways)) {
    const demo = await startDemo(t);
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const near = await FaultProxy.start({ targetPort: proxy.port('tls') });
    t.after(() => near.close());
    const client = proxy.voiceClient('tls', { address: `localhost:${near.port}` });
    const streams = Array.from({ length: 20 }, () => client.streamAudio());
    for (const stream of streams) stream.send({ sequence: 1 });
    for (const stream of streams) await stream.next();
    cut(near);
    for (const stream of streams) stream.send({ sequence: 2 });
    for (const stream of streams) assert.notEqual((await stream.outcome).code, status.OK, way);
    await eventually(`after ${way} no call runs at the service`, () => {
      const { started, cancelled } = demo.counters.StreamAudio;
      return started === 20 && cancelled === 20;
    });
    const records = await eventually(
      'a record of each',
      () => proxy.records().length === 20 && proxy.records(),
    );
    for (const record of records) assert.equal(record.grpcStatus, 'CANCELLED', way);
  }
});
