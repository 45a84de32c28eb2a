// Streams of two whole proxies under limits that they share by a store: they wait for its grants, and end or go on without it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { isPresence, numbers, type ScriptedServer, scriptedServer } from '../stores/scripted-server.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import { startReloadingProxy } from '../support/reloading-proxy.ts';
import { type AudioStream, connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';

const PROXIES = 2;
/** Between two tokens. */
const WAIT_MS = 50;

/** What a store has for all keys together. It gets more when the test says so. */
class Purse {
  left: number;

  constructor(left: number) {
    this.left = left;
  }

  readonly answer = (_keys: number, values: readonly string[]): string => {
    if (isPresence(values)) return `:${PROXIES}\r\n`;
    this.left -= Number(values[2]);
    const granted = Math.max(0, Math.min(this.left, Number(values[4])));
    this.left -= granted;
    return numbers(granted, this.left >= 1 ? 0 : (1 - this.left) * WAIT_MS, Math.max(0, this.left));
  };
}

interface Scene {
  readonly store: ScriptedServer;
  readonly proxies: readonly ProxyUnderTest[];
  readonly clients: readonly TestVoiceClient[];
}

async function start(t: TestContext, purse: Purse, limit: object, failure: string): Promise<Scene> {
  const store = await scriptedServer(t, purse.answer);
  const demo = await startDemo(t);
  const limits = [{ by: ['route'], store: 'fleet', ...limit }];
  const sections = {
    routes: [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', limits }],
    stores: { fleet: { redis: `redis://127.0.0.1:${store.port}`, failure } },
  };
  const proxies: ProxyUnderTest[] = [];
  for (let started = 0; started < PROXIES; started++)
    proxies.push(await startProxy(t, { endpoints: [demo.address], sections }));
  await eventually(
    'both have reached the store',
    () => proxies.every((proxy) => said(proxy, 'the store of shared limits answers')),
    START_TIMEOUT_MS,
  );
  return { store, proxies, clients: proxies.map((proxy) => proxy.voiceClient('clear')) };
}

function said(proxy: ProxyUnderTest, message: string): boolean {
  return proxy.lines().some(({ msg }) => msg === message);
}

class Talk {
  arrived = 0;
  readonly stream: AudioStream;

  constructor(client: TestVoiceClient, messages: number) {
    this.stream = client.streamAudio();
    for (let sequence = 0; sequence < messages; sequence++) this.stream.send({ sequence });
    void this.#read();
  }

  async #read(): Promise<void> {
    for (let event = await this.stream.next(); event !== undefined; event = await this.stream.next()) {
      assert.equal(event.sequence, this.arrived);
      this.arrived++;
    }
  }
}

const SLOW = { count: 'messages', rate: '20/s', burst: 40 };
const MESSAGES = 60;

function sumOf(talks: readonly Talk[]): number {
  return talks.reduce((sum, { arrived }) => sum + arrived, 0);
}

test('paced streams of two proxies pass what the store grants to both, wait, and go on when it has more', async (t) => {
  const purse = new Purse(40);
  const { clients } = await start(t, purse, SLOW, 'closed');
  const talks = clients.map((client) => new Talk(client, MESSAGES));
  await eventually('the store has nothing left', () => purse.left <= 0);
  await eventually('what the store has granted has passed', () => sumOf(talks) >= 40);
  assert.ok(sumOf(talks) < PROXIES * MESSAGES, `${sumOf(talks)} have passed`);
  purse.left = 1000;
  for (const { stream } of talks) stream.finish();
  for (const { stream } of talks) assert.equal((await stream.outcome).code, status.OK);
  assert.equal(sumOf(talks), PROXIES * MESSAGES);
});

test('streams that wait for a store end with UNAVAILABLE when it is gone and closed, and their records name it', async (t) => {
  const { clients, proxies, store } = await start(t, new Purse(0), SLOW, 'closed');
  const talks = clients.map((client) => new Talk(client, MESSAGES));
  await eventually(
    'both have asked',
    () => store.commands.filter((name) => name.startsWith('EVAL')).length > 6,
  );
  await store.stop();
  for (const { stream } of talks) {
    const { code, details } = await stream.outcome;
    assert.deepEqual(
      [code, details],
      [
        status.UNAVAILABLE,
        'The messages of this call cannot be counted now, so no more are allowed; call again in 1000 ms. (FG3048)',
      ],
    );
  }
  for (const proxy of proxies) {
    const { reason } = await proxy.record();
    assert.match(
      reason,
      /^limit_store_unavailable: .* Store fleet does not answer, and its failure is closed\. /,
    );
  }
});

function routeUnder(limit: object): object {
  return { name: 'voice', match: { path: '/*' }, upstream: 'voice', limits: [{ by: ['route'], ...limit }] };
}

test('a stream goes on while reloads give its store another prefix and another password, and when one removes it', async (t) => {
  const store = await scriptedServer(t, new Purse(100_000).answer);
  const demo = await startDemo(t);
  const limit = { count: 'messages', rate: '50/s', burst: 2 };
  const given = { redis: `redis://127.0.0.1:${store.port}`, failure: 'closed' };
  const proxy = await startReloadingProxy(t, {
    upstreams: { voice: { endpoints: [demo.address] } },
    routes: [routeUnder({ ...limit, store: 'fleet' })],
    stores: { fleet: given },
  });
  await proxy.line('the store of shared limits answers');
  const client = connectVoiceClient({ address: `127.0.0.1:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  const talk = new Talk(client, 0);
  let sent = 0;
  // The stream waits for tokens while the reload takes place.
  const send = (): void => {
    for (let more = 0; more < 60; more++) talk.stream.send({ sequence: sent++ });
  };
  const goesOn = async (): Promise<void> => {
    await eventually(`${sent} messages have passed`, () => talk.arrived === sent);
  };
  send();
  await eventually('the first messages have passed', () => talk.arrived > 4);
  const passwordFile = join(proxy.folder, 'password');
  for (const password of ['the-first-password', 'the-second-password']) {
    writeFileSync(passwordFile, password);
    proxy.write({ stores: { fleet: { ...given, prefix: 'other', password: { file: passwordFile } } } });
    send();
    assert.equal((await proxy.reload()).body.result, 'reloaded');
    await goesOn();
    assert.equal(store.credentials.at(-1), password);
  }
  proxy.write({ stores: {}, routes: [routeUnder(limit)] });
  send();
  assert.equal((await proxy.reload()).body.result, 'reloaded');
  await goesOn();
  talk.stream.finish();
  assert.equal((await talk.stream.outcome).code, status.OK);
});

test('streams that wait for a store go on without it where it is open', async (t) => {
  const { clients, store } = await start(t, new Purse(0), { ...SLOW, rate: '1/h', burst: 1 }, 'open');
  const talks = clients.map((client) => new Talk(client, MESSAGES));
  await eventually(
    'both have asked',
    () => store.commands.filter((name) => name.startsWith('EVAL')).length > 6,
  );
  await store.stop();
  for (const { stream } of talks) stream.finish();
  for (const { stream } of talks) assert.equal((await stream.outcome).code, status.OK);
  assert.equal(sumOf(talks), PROXIES * MESSAGES);
});

test('a stream that a shared limit ends has passed all messages before, and is told when to come again', async (t) => {
  const purse = new Purse(20);
  // Of responses, so that the client gets all that has passed.
  const limit = { ...SLOW, direction: 'response', exceed: 'end' };
  const { clients } = await start(t, purse, limit, 'local');
  const talks = clients.map((client) => new Talk(client, MESSAGES));
  for (const { stream } of talks) {
    const { code, trailingMetadata } = await stream.outcome;
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(String(trailingMetadata.get('grpc-retry-pushback-ms')), /^[0-9]+$/);
  }
  const passed = sumOf(talks);
  // What the store had, half a burst in advance, two leases of two messages each, and the local share if the store was late.
  assert.ok(passed >= 20 && passed <= 20 + 20 + 2 * PROXIES * 2 + 40, `${passed} messages have passed`);
});
