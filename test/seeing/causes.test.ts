// Does Framegate name who holds up a call? The voice demo behind a real proxy with two workers, in seven situations. In each, everything that
// shows calls must name the right one, at the same time: the calls in flight, `framegate tap`, `framegate top`, the metrics, the feed of the
// dashboard and the access log.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Metadata, status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type ServiceProcess, startServiceProcess } from '../support/proxy-process.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { Witnesses } from './witnesses.ts';

const OK: number = status.OK;
const SAY = '/voice.VoiceAssistant/Say';
const NARRATE = '/voice.VoiceAssistant/Narrate';
const STREAM_AUDIO = '/voice.VoiceAssistant/StreamAudio';
const TRANSCRIBE = '/voice.VoiceAssistant/Transcribe';
const AUDIO_BYTES = 16_384;
/** Bytes move all the time, and a megabyte takes ten seconds. */
const SLOW = { bytesPerSecond: 100_000, sliceBytes: 2000 };
const LONG_NARRATION = { text: 'word', repeat: 1000, audioBytes: AUDIO_BYTES };
const NETWORK = /^The (client|service) (reads slowly, or the network to it is slow|does not read)/;

interface Scene {
  readonly seen: Witnesses;
  readonly service: ServiceProcess;
  /** The network between the proxy and the service. */
  readonly toService: FaultProxy;
  /** The network between clients and the proxy. */
  readonly toProxy: FaultProxy;
  readonly client: (t: TestContext) => TestVoiceClient;
}

async function setUp(t: TestContext): Promise<Scene> {
  const service = await startServiceProcess(t);
  const toService = await FaultProxy.start({ targetPort: portOf(service.address) });
  t.after(() => toService.close());
  const seen = await Witnesses.start(t, toService.address);
  const toProxy = await FaultProxy.start({ targetPort: await seen.proxy.process.port('clear') });
  t.after(() => toProxy.close());
  const client = (inner: TestContext): TestVoiceClient => {
    const made = connectVoiceClient({ address: toProxy.address });
    inner.after(() => made.close());
    return made;
  };
  return { seen, service, toService, toProxy, client };
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** Sends audio for as long as the stream takes it. @returns the call */
function pourAudio(client: TestVoiceClient) {
  const call = client.raw.transcribe(new Metadata(), {}, () => undefined);
  call.on('error', () => undefined);
  const pour = (): void => {
    for (let chunk = 0; chunk < 100; chunk++)
      if (!call.write({ audio: Buffer.alloc(AUDIO_BYTES) })) {
        call.once('drain', pour);
        return;
      }
  };
  pour();
  return call;
}

async function stalledClient(t: TestContext, { seen, client }: Scene): Promise<void> {
  const call = client(t).raw.narrate(LONG_NARRATION, new Metadata(), {});
  call.on('error', () => undefined);
  // It reads one word, and nothing more. A call of which nothing is read would take everything, as grpc-js is made.
  call.once('data', () => call.pause());
  await seen.blame(NARRATE, 'client');
  // Where the machine is slow, it may still be seen as slow at first.
  const blamed = await seen.live.call(NARRATE, ({ blocked }) =>
    blocked.sentence.startsWith('The client does not read: its flow-control window is empty, '),
  );
  assert.equal(blamed.blocked.how, 'window');
  assert.equal(blamed.windows.client.stream?.send, 0);
  assert.equal((await seen.metrics()).sum('framegate_exchanges_blocked'), 1);
  call.cancel();
  const record = await seen.verdict(blamed);
  assert.deepEqual(
    [record['endedBy'], record['blockedBy'], record['code']],
    ['downstream', 'client', undefined],
  );
  assert.match(
    String(record['reason']),
    /^The client reset the call \(CANCEL\)\. The client does not read: its flow-control window is empty, /,
  );
}

async function stalledService(t: TestContext, { seen, service, client }: Scene): Promise<void> {
  const caller = client(t);
  const { code } = await caller.say({ text: 'all is well' });
  assert.equal(code, status.OK);
  process.kill(service.pid, 'SIGSTOP');
  try {
    const abort = new AbortController();
    const asked = caller.say({ text: 'anybody?' }, { signal: abort.signal, deadlineMs: 600_000 });
    const silent = await seen.blame(SAY, 'service');
    assert.deepEqual([silent.blocked.how, silent.state], ['silent', 'waiting_for_response']);
    abort.abort();
    assert.equal((await asked).code, status.CANCELLED);
    const record = await seen.verdict(silent);
    assert.deepEqual([record['endedBy'], record['blockedBy']], ['downstream', 'service']);
    assert.match(
      String(record['reason']),
      /^The client reset the call \(CANCEL\)\. The service has sent nothing in the .* since it got the request\./,
    );
    assert.ok(Number(record['deadlineMs']) > 500_000);

    const late = caller.say({ text: 'anybody, in time?' }, { deadlineMs: 1500 });
    assert.equal((await late).code, status.DEADLINE_EXCEEDED);
    const missed = await seen.missed(({ deadlineMs }) => Number(deadlineMs) <= 1500);
    assert.equal(missed['blockedBy'], 'service');
    assert.match(String(missed['reason']), /deadline of .* The service has sent nothing in the /);

    const upload = pourAudio(caller);
    await seen.blame(TRANSCRIBE, 'service');
    const stuck = await seen.live.call(TRANSCRIBE, ({ blocked }) =>
      blocked.sentence.startsWith('The service does not read: '),
    );
    // Both windows have 64 KiB, and the one of the connection has had the calls before as well.
    assert.match(stuck.blocked.how, /^(?:connection_)?window$/);
    upload.cancel();
    assert.equal((await seen.verdict(stuck))['blockedBy'], 'service');
  } finally {
    process.kill(service.pid, 'SIGCONT');
  }
  await answersAgain(caller);
}

/** The client goes on sending, as the one of a voice call does: it is not silent, and its service gets all that TCP takes. */
async function stoppedMidStream(t: TestContext, { seen, service, client }: Scene): Promise<void> {
  const stream = client(t).streamAudio();
  stream.send({ sequence: 1, audio: Buffer.alloc(10) });
  await stream.next();
  process.kill(service.pid, 'SIGSTOP');
  const talk = setInterval(() => stream.send({ audio: Buffer.alloc(10) }), 50);
  try {
    const blamed = await seen.blame(STREAM_AUDIO, 'service');
    assert.equal(blamed.blocked.how, 'silent');
    // On a slow machine the client may seem to pause.
    await seen.live.call(STREAM_AUDIO, ({ blocked }) =>
      blocked.sentence.includes(', while the client kept sending.'),
    );
    stream.cancel();
    const record = await seen.verdict(blamed);
    assert.deepEqual([record['endedBy'], record['blockedBy']], ['downstream', 'service']);
    assert.match(
      String(record['reason']),
      /^The client reset the call \(CANCEL\)\. The service has sent nothing for [\d.]+ s[.,]/,
    );
  } finally {
    clearInterval(talk);
    process.kill(service.pid, 'SIGCONT');
  }
  await answersAgain(client(t));
}

async function answersAgain(caller: TestVoiceClient): Promise<void> {
  const isAnswered = await eventually('the service answers again', async () => {
    const outcome = await caller.say({ text: 'back?' }, { deadlineMs: 60_000 });
    return outcome.code === OK;
  });
  assert.ok(isAnswered);
}

async function slowToClient(t: TestContext, { seen, toProxy, client }: Scene): Promise<void> {
  const call = client(t).raw.narrate(LONG_NARRATION, new Metadata(), {});
  call.on('error', () => undefined);
  let messages = 0;
  call.on('data', () => {
    messages++;
  });
  await eventually('it flows', () => messages > 0);
  toProxy.set(SLOW, 'toClient');
  const blamed = await seen.blame(NARRATE, 'client');
  assert.match(blamed.blocked.sentence, NETWORK);
  call.cancel();
  // The cancellation goes the other way, which is not slow.
  const record = await seen.verdict(blamed);
  assert.deepEqual([record['endedBy'], record['blockedBy']], ['downstream', 'client']);
  toProxy.set({});
}

/** The service stops reading when it cannot send, so both directions stand still. The cause is the slow one. */
async function slowConversation(t: TestContext, { seen, toProxy, client }: Scene): Promise<void> {
  const stream = client(t).streamAudio();
  stream.send({ sequence: 1, audio: Buffer.alloc(10) });
  await stream.next();
  toProxy.set(SLOW, 'toClient');
  const talk = (): void => {
    while (stream.send({ audio: Buffer.alloc(AUDIO_BYTES), returnAudio: true }));
    stream.call.once('drain', talk);
  };
  talk();
  const blamed = await seen.blame(STREAM_AUDIO, 'client');
  assert.match(blamed.blocked.sentence, NETWORK);
  await eventually('the service has stopped reading', async () => {
    const { request } = await seen.live.call(STREAM_AUDIO, () => true);
    return request.waitingBytes > AUDIO_BYTES;
  });
  await seen.blame(STREAM_AUDIO, 'client');
  stream.cancel();
  assert.equal((await seen.verdict(blamed))['blockedBy'], 'client');
  toProxy.set({});
}

async function slowToService(t: TestContext, { seen, toService, client }: Scene): Promise<void> {
  toService.set(SLOW, 'toTarget');
  const call = pourAudio(client(t));
  const blamed = await seen.blame(TRANSCRIBE, 'service');
  assert.match(blamed.blocked.sentence, NETWORK);
  call.cancel();
  const record = await seen.verdict(blamed);
  assert.deepEqual([record['endedBy'], record['blockedBy']], ['downstream', 'service']);
  toService.set({});
}

async function killedWorker(t: TestContext, { seen, client }: Scene): Promise<void> {
  const streams = Array.from({ length: 4 }, () => client(t).streamAudio());
  for (const stream of streams) {
    stream.send({ sequence: 1, audio: Buffer.alloc(10) });
    await stream.next();
  }
  const workers = await eventually('both workers have streams', async () => {
    const all = await seen.proxy.workers();
    const isReported = all.reduce((sum, worker) => sum + worker.streams, 0) === streams.length;
    return isReported && all.length === 2 && all.every((worker) => worker.streams > 0) && all;
  });
  // What a worker had when it dies is known from its last second.
  await seen.dashboard.figures(
    'the dashboard shows them',
    ({ totals }) => totals.inFlight === streams.length,
  );
  const [victim, survivor] = workers;
  const before = (await seen.live.page()).exchanges;
  const lost = before.filter(({ worker }) => worker === victim.worker);
  assert.equal(lost.length, victim.streams);
  process.kill(victim.pid, 'SIGKILL');

  const loss = { worker: victim.worker, how: 'signal SIGKILL', calls: victim.streams };
  const told = await seen.tap.line('tap says which worker died', ({ event }) => event === 'worker_died');
  const line = await seen.proxy.line('a worker died, and its connections with it');
  for (const said of [told, line])
    assert.deepEqual({ worker: said['worker'], how: said['how'], calls: said['calls'] }, loss);
  assert.equal(line['connections'], told['connections']);
  assert.deepEqual([told['pid'], line['workerPid'], line['level']], [victim.pid, victim.pid, 50]);
  await seen.top.line('top says that a worker died', ({ workerDeaths }) => workerDeaths === 1);
  assert.equal((await seen.metrics()).sum('framegate_worker_deaths_total'), 1);
  const { processes, lastWorkerDeath } = await seen.dashboard.figures(
    'the dashboard counts the calls of the worker as failed, and shows another in its place',
    ({ totals, workerRestarts, processes: all }) =>
      totals.failed === seen.failed + victim.streams &&
      totals.inFlight === survivor.streams &&
      workerRestarts === 1 &&
      all.filter(({ state, carries }) => state === 'serving' && carries !== undefined).length === 2,
  );
  assert.ok(processes.every(({ pid }) => pid !== victim.pid));
  const { atEpochMs, ...death } = lastWorkerDeath ?? { atEpochMs: 0 };
  assert.deepEqual(death, { ...loss, pid: victim.pid, connections: told['connections'] });
  assert.ok(Math.abs(atEpochMs - Number(told['time'])) < 10_000);
  await eventually('only the calls of the other worker run', async () => {
    const { exchanges } = await seen.live.page();
    return (
      exchanges.length === survivor.streams && exchanges.every(({ worker }) => worker === survivor.worker)
    );
  });
  // No client and no service is blamed for the calls that are gone: they have no end at all.
  const ids = new Set(lost.map(({ id }) => id));
  assert.deepEqual(
    seen.tap.lines.filter(({ event, id }) => event === 'end' && ids.has(String(id))),
    [],
  );
  assert.deepEqual(
    seen.proxy.process.lines().filter(({ requestId }) => ids.has(String(requestId))),
    [],
  );
  for (const stream of streams) stream.finish();
  const codes = await Promise.all(streams.map(async ({ outcome }) => (await outcome).code));
  assert.equal(codes.filter((code) => code === OK).length, survivor.streams);
}

test('who holds up a call is named by all that show calls, at the same time', async (t) => {
  const scene = await setUp(t);
  await t.test('a client that does not read', (inner) => stalledClient(inner, scene));
  await t.test('a service that is stopped', (inner) => stalledService(inner, scene));
  await t.test('a service that is stopped while its client talks', (inner) => stoppedMidStream(inner, scene));
  await t.test('a slow network between client and proxy', (inner) => slowToClient(inner, scene));
  await t.test('a slow network to a client that talks and listens', (inner) =>
    slowConversation(inner, scene),
  );
  await t.test('a slow network between proxy and service', (inner) => slowToService(inner, scene));
  await t.test('a worker that is killed', (inner) => killedWorker(inner, scene));
});
