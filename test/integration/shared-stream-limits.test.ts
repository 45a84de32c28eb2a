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
const OK: number = status.OK;
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
  sent = 0;
  hasEnded = false;
  readonly stream: AudioStream;

  constructor(client: TestVoiceClient, messages: number) {
    this.stream = client.streamAudio();
    this.send(messages);
    void this.#read();
  }

  send(messages: number): void {
    for (let more = 0; more < messages; more++) this.stream.send({ sequence: this.sent++ });
  }

  /** @returns whether all messages have passed. False if the stream has ended before */
  async goesOn(): Promise<boolean> {
    const { sent } = this;
    await eventually(`${sent} messages have passed`, () => this.hasEnded || this.arrived === sent);
    return this.arrived === sent;
  }

  async #read(): Promise<void> {
    for (let event = await this.stream.next(); event !== undefined; event = await this.stream.next()) {
      assert.equal(event.sequence, this.arrived);
      this.arrived++;
    }
    this.hasEnded = true;
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

/** A store whose options have changed has so long to answer before streams end that must not go on without it. */
const STORE_HAS_MS = 1000;
/** How many streams may end because the machine takes longer than that to connect to the store and to ask it. */
const MOST_TRIES = 5;

/** @returns the first result that is not undefined. Fails if none of so many tries has one */
async function firstOf<Result>(
  tries: number,
  attempt: (number: number) => Promise<Result | undefined>,
): Promise<Result> {
  for (let number = 1; number <= tries; number++) {
    const result = await attempt(number);
    if (result !== undefined) return result;
  }
  return assert.fail(`none of ${tries} streams goes on`);
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
  const passwordFile = join(proxy.folder, 'password');
  // The stream waits for tokens while each reload takes place.
  const outlivesPasswords = async (talk: Talk, passwords: readonly string[]): Promise<boolean> => {
    for (const password of passwords) {
      writeFileSync(passwordFile, password);
      proxy.write({ stores: { fleet: { ...given, prefix: 'other', password: { file: passwordFile } } } });
      talk.send(60);
      const reloadsAtMs = performance.now();
      assert.equal((await proxy.reload()).body.result, 'reloaded');
      if (!(await talk.goesOn())) {
        assert.ok(performance.now() - reloadsAtMs >= STORE_HAS_MS, 'the store has its time to answer');
        return false;
      }
      assert.equal(store.credentials.at(-1), password);
    }
    return true;
  };
  const talk = await firstOf(MOST_TRIES, async (number) => {
    await eventually('a call is served', async () => (await client.say({})).code === OK);
    const begun = new Talk(client, 60);
    await eventually('the first messages have passed', () => begun.arrived > 4);
    const hasOutlived = await outlivesPasswords(begun, [`password-${number}-one`, `password-${number}-two`]);
    return hasOutlived ? begun : undefined;
  });
  proxy.write({ stores: {}, routes: [routeUnder(limit)] });
  talk.send(60);
  assert.equal((await proxy.reload()).body.result, 'reloaded');
  assert.ok(await talk.goesOn());
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
