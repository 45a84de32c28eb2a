// A proxy whose memory is short: new calls are told when to come again, those that run never notice, and all is well again
// when it is over. And how old connections get.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { listen, RawHttp1Client } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import type { AudioStream } from '../support/voice-client.ts';

const MIB = 1_048_576;
const LIMIT_MIB = 1000;
/** What a look every second takes on a busy machine. */
const LOOK_MS = 60_000;

class Pressed {
  usedMiB = 100;
  readonly proxy: ProxyUnderTest;

  private constructor(proxy: ProxyUnderTest) {
    this.proxy = proxy;
  }

  static async start(t: TestContext, limits: Readonly<Record<string, unknown>> = {}): Promise<Pressed> {
    const demo = await startDemo(t);
    const web = await listen(
      t,
      createServer((_request, response) => response.end('page')),
    );
    let pressed: Pressed | undefined;
    const proxy = await startProxy(t, {
      usedBytes: () => (pressed?.usedMiB ?? 0) * MIB,
      sections: {
        routes: [
          { name: 'web', match: { path: '/web/*' }, upstream: 'web' },
          { name: 'voice', match: { path: '/*' }, upstream: 'voice' },
        ],
        upstreams: {
          voice: { endpoints: [demo.address] },
          web: { protocol: 'http1', endpoints: [`127.0.0.1:${web}`] },
        },
        limits: { memory: `${LIMIT_MIB}MiB`, ...limits },
      },
    });
    pressed = new Pressed(proxy);
    return pressed;
  }

  /** Resolves when the proxy has noticed. */
  async uses(usedMiB: number, level: number): Promise<void> {
    this.usedMiB = usedMiB;
    await eventually(
      `level ${level}`,
      async () => (await this.proxy.plane.report()).processes[0]?.memory.level === level,
      LOOK_MS,
    );
  }
}

async function wantEcho(stream: AudioStream, sequence: number): Promise<void> {
  stream.send({ sequence, audio: Buffer.alloc(640) });
  assert.equal((await stream.next())?.sequence, sequence);
}

test('when memory is short new calls are refused with pushback, running ones go on, and it recovers', async (t) => {
  const pressed = await Pressed.start(t);
  const { proxy } = pressed;
  const client = proxy.voiceClient('tls');
  const stream = client.streamAudio();
  await wantEcho(stream, 1);

  await pressed.uses(850, 1);
  assert.equal(status[(await client.say({})).code], 'OK', 'caches given back, calls served');

  await pressed.uses(920, 2);
  const refused = await client.say({});
  assert.equal(status[refused.code], 'RESOURCE_EXHAUSTED');
  assert.match(refused.details, /no memory for another call now \(limits.memory\)/);
  const [pushback] = refused.trailingMetadata.get('grpc-retry-pushback-ms');
  assert.ok(Number(pushback) >= 1000 && Number(pushback) < 2000, String(pushback));
  await wantEcho(stream, 2);
  assert.match((await proxy.record(({ reason }) => reason !== '')).reason, /^memory_pressure: /);

  await pressed.uses(600, 0);
  assert.equal(status[(await client.say({})).code], 'OK');
  await wantEcho(stream, 3);
  stream.finish();
  assert.equal(status[(await stream.outcome).code], 'OK');
  const levels = await eventually('a line for each change of the level', () => {
    const told = proxy.lines().filter(({ memoryLevel }) => memoryLevel !== undefined);
    return told.length >= 3 && told;
  });
  assert.deepEqual(
    levels.map(({ memoryLevel, level, limitMiB }) => [memoryLevel, level, limitMiB]),
    [
      [1, 40, LIMIT_MIB],
      [2, 40, LIMIT_MIB],
      [0, 30, LIMIT_MIB],
    ],
  );
});

test('a client that is told when to come again comes again by itself', async (t) => {
  const pressed = await Pressed.start(t);
  const retryPolicy = {
    maxAttempts: 3,
    initialBackoff: '0.01s',
    maxBackoff: '0.01s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['RESOURCE_EXHAUSTED'],
  };
  const serviceConfig = { loadBalancingConfig: [], methodConfig: [{ name: [{}], retryPolicy }] };
  const client = pressed.proxy.voiceClient('clear', {
    channel: { 'grpc.enable_retries': 1, 'grpc.service_config': JSON.stringify(serviceConfig) },
  });
  await pressed.uses(920, 2);
  const call = client.say({});
  await pressed.proxy.record(({ reason }) => reason.startsWith('memory_pressure: '));
  await pressed.uses(100, 0);
  const outcome = await call;
  assert.equal(status[outcome.code], 'OK', outcome.details);
});

test('HTTP/1.1 requests get 503 and retry-after, on a connection that goes on', async (t) => {
  const pressed = await Pressed.start(t);
  const client = new RawHttp1Client(t, pressed.proxy.port('clear'));
  client.send('GET /web/a HTTP/1.1', 'Host: a', '');
  await client.receives(/page$/);
  await pressed.uses(920, 2);
  client.text = '';
  client.send('GET /web/b HTTP/1.1', 'Host: a', '');
  const answer = await client.receives('no memory for another call');
  assert.match(answer, /^HTTP\/1.1 503 [^]*\r\nretry-after: 2\r\n/i);
  await pressed.uses(100, 0);
  client.text = '';
  client.send('GET /web/c HTTP/1.1', 'Host: a', '');
  await client.receives(/page$/);
});

test('when memory is used up connections are turned away, and those with calls stay', async (t) => {
  const pressed = await Pressed.start(t);
  const { proxy } = pressed;
  const client = proxy.voiceClient('clear');
  const stream = client.streamAudio();
  await wantEcho(stream, 1);
  await pressed.uses(980, 3);
  const newcomer = proxy.voiceClient('tls');
  assert.equal(status[(await newcomer.say({})).code], 'UNAVAILABLE');
  assert.equal((await proxy.line(({ token }) => token === 'memory_exhausted'))['code'], 'FG1047');
  await wantEcho(stream, 2);
  await pressed.uses(100, 0);
  await eventually(
    'the newcomer is served',
    async () => status[(await newcomer.say({})).code] === 'OK',
    LOOK_MS,
  );
});

test('when memory is short, clients without a call are asked to go, and those with one are not', async (t) => {
  const pressed = await Pressed.start(t);
  const { proxy } = pressed;
  const idle = await proxy.rawClient('clear');
  const stream = proxy.voiceClient('clear').streamAudio();
  await wantEcho(stream, 1);
  pressed.usedMiB = 920;
  await eventually(
    'the idle one is asked',
    () => idle.frames.some(({ type }) => type === FrameType.GOAWAY),
    LOOK_MS,
  );
  await wantEcho(stream, 2);
});

test('a connection that has reached its age is asked to go, its call runs on, and new calls come by another', async (t) => {
  const pressed = await Pressed.start(t, { connectionAge: '1s' });
  const { proxy } = pressed;
  const client = await proxy.rawClient('clear');
  const streamId = client.call({ path: '/voice.VoiceAssistant/StreamAudio', endStream: false });
  await eventually(
    'GOAWAY in two steps',
    () => client.frames.filter(({ type }) => type === FrameType.GOAWAY).length === 2,
    LOOK_MS,
  );
  assert.equal(client.isClosed, false);
  client.sendData(streamId, Buffer.alloc(0), true);
  assert.equal((await client.outcome(streamId)).grpcStatus, '0');
  await eventually('then it is closed', () => client.isClosed, LOOK_MS);
  const other = proxy.voiceClient('clear');
  for (let count = 0; count < 20; count++) assert.equal(status[(await other.say({})).code], 'OK');
});

test('an HTTP/1.1 connection that has reached its age is closed after its next response', async (t) => {
  const pressed = await Pressed.start(t, { connectionAge: '1s' });
  const client = new RawHttp1Client(t, pressed.proxy.port('clear'));
  for (let count = 0; !client.isEnded; count++) {
    const { length } = client.text;
    client.send(`GET /web/${count} HTTP/1.1`, 'Host: a', '');
    await eventually('a page', () => client.isEnded || client.text.length > length);
    assert.ok(count < 1_000_000);
  }
  const pages = client.text.split('HTTP/1.1 200 OK').slice(1);
  assert.ok(pages.length > 1);
  assert.match(pages.at(-1) ?? '', /connection: close\r\n[^]*page$/i);
  assert.ok(pages.slice(0, -1).every((page) => !/connection: close/i.test(page)));
});

test('how late the event loop is, what is used and what may be can be asked', async (t) => {
  const pressed = await Pressed.start(t);
  const [report] = (await pressed.proxy.plane.report()).processes;
  assert.deepEqual(report?.memory, { level: 0, usedBytes: 100 * MIB, limitBytes: LIMIT_MIB * MIB });
  const { p50Ms, p99Ms, maxMs } = report?.eventLoopDelay ?? {};
  for (const value of [p50Ms, p99Ms, maxMs]) assert.ok(typeof value === 'number' && value >= 0);
  assert.equal(report?.connections.open, 0);
});
