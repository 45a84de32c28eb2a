// Streams through three whole proxies that share limits of messages in a real Redis, which is killed and started again meanwhile: how much
// passes in all, whether a message is lost, and how streams end that may not go on without the store.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { status } from '../../../src/demo/grpc.ts';
import type { LeaseTerms } from '../../../src/limits/lease-terms.ts';
import { mostAdmitted } from '../../limits/lease-bound.ts';
import { eventually, START_TIMEOUT_MS } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { type ProxyProcess, startProxyProcess, startServiceProcess } from '../../support/proxy-process.ts';
import { standIn } from '../../support/stand-in.ts';
import {
  type CallOutcome,
  connectVoiceClient,
  metadataOf,
  type TestVoiceClient,
} from '../../support/voice-client.ts';
import { startRedis, stopRedis } from './redis-programs.ts';

/** How many processes carry calls in each proxy. */
const WORKERS = [1, 1, 2];
const HOLDERS = 4;
const STREAMS_EACH = 2;
/** So large that a stream has few of them on the way. */
const AUDIO = Buffer.alloc(1000);
const UNAVAILABLE: number = status.UNAVAILABLE;
const EXHAUSTED: number = status.RESOURCE_EXHAUSTED;

const PACED: LeaseTerms = { store: 'fleet', limit: 'paced', ratePerSecond: 400, burst: 200 };
const ENDED: LeaseTerms = { store: 'strict', limit: 'ended', ratePerSecond: 60 / 3600, burst: 60 };

function route(name: string, limit: object): object {
  return {
    name,
    match: { path: '/*', headers: { 'x-limit': name } },
    upstream: 'voice',
    limits: [{ count: 'messages', by: ['route'], ...limit }],
  };
}

function sections(port: number): Readonly<Record<string, unknown>> {
  const redis = `redis://127.0.0.1:${port}`;
  return {
    routes: [
      route('paced', { rate: `${PACED.ratePerSecond}/s`, burst: PACED.burst, store: 'fleet' }),
      // Of responses, so that the client gets all that has passed.
      route('ended', {
        direction: 'response',
        rate: '60/h',
        burst: ENDED.burst,
        exceed: 'end',
        // A process that is not run in time has no answer in time; its own share would come on top.
        store: 'strict',
      }),
      route('strict', { rate: '100/s', store: 'strict' }),
    ],
    admin: { address: '127.0.0.1:0' },
    stores: { fleet: { redis, failure: 'local' }, strict: { redis, failure: 'closed', prefix: 'strict' } },
  };
}

/** A stream whose client sends as much as it can. The service answers each message. */
class FullStream {
  /** How many messages have come back. Each was the next one of those that were sent. */
  arrived = 0;
  outcome: CallOutcome | undefined = undefined;
  readonly #cancel: () => void;

  constructor(client: TestVoiceClient, limit: string) {
    const stream = client.streamAudio({ metadata: metadataOf(['x-limit', limit]) });
    this.#cancel = () => stream.cancel();
    let sent = 0;
    const send = (): void => {
      while (this.outcome === undefined && stream.send({ sequence: sent++, audio: AUDIO }));
    };
    stream.call.on('drain', send);
    send();
    void this.#await(stream.outcome);
    void this.#read(() => stream.next());
  }

  async #await(outcome: Promise<CallOutcome>): Promise<void> {
    this.outcome = await outcome;
  }

  async #read(next: () => Promise<{ readonly sequence: number } | undefined>): Promise<void> {
    for (let event = await next(); event !== undefined; event = await next()) {
      assert.equal(event.sequence, this.arrived, 'a message was lost');
      this.arrived++;
    }
  }

  end(): void {
    this.#cancel();
  }
}

interface Scene {
  readonly proxies: readonly ProxyProcess[];
  readonly clients: readonly TestVoiceClient[];
}

async function start(t: TestContext, port: number): Promise<Scene> {
  const { address } = await startServiceProcess(t);
  const proxies = await Promise.all(
    WORKERS.map((workers) =>
      startProxyProcess(t, { endpoints: [address], sections: { ...sections(port), workers } }),
    ),
  );
  const clients: TestVoiceClient[] = [];
  for (const proxy of proxies) clients.push(connectVoiceClient({ address: await proxy.address('clear') }));
  t.after(() => {
    for (const client of clients) client.close();
  });
  await eventually('all know of each other', () => knowAll(proxies), START_TIMEOUT_MS);
  return { proxies, clients };
}

async function knowAll(proxies: readonly ProxyProcess[]): Promise<boolean> {
  const answers = await Promise.all(
    proxies.map(async (proxy) => {
      const metrics = await fetch(`http://${await proxy.address('admin')}/metrics`);
      return metrics.text();
    }),
  );
  return answers.every((text) =>
    ['fleet', 'strict'].every((store) =>
      text.includes(`framegate_store_processes{store="${store}"} ${HOLDERS}\n`),
    ),
  );
}

function said(proxies: readonly ProxyProcess[], message: string): boolean {
  return proxies.every((proxy) => proxy.lines().some(({ msg }) => String(msg).startsWith(message)));
}

function sumOf(all: readonly FullStream[]): number {
  return all.reduce((sum, { arrived }) => sum + arrived, 0);
}

/** Each proxy ends streams of its own until nothing is left. */
async function useUp(clients: readonly TestVoiceClient[]): Promise<void> {
  let passed = 0;
  await Promise.all(
    clients.map(async (client) => {
      for (let idle = 0; idle < 3; ) {
        const stream = new FullStream(client, 'ended');
        const { code, details } = await eventually('the stream ends', () => stream.outcome);
        assert.ok(code === EXHAUSTED || code === UNAVAILABLE, details);
        passed += stream.arrived;
        if (stream.arrived > 0) idle = 0;
        else if (code === EXHAUSTED) idle++;
      }
    }),
  );
  const most = Math.floor(mostAdmitted(ENDED, HOLDERS, 0));
  console.log(`  ended streams: ${passed} messages have passed, at most ${most}`);
  assert.ok(passed >= ENDED.burst && passed <= most);
}

async function play(t: TestContext): Promise<void> {
  const port = await freePort();
  const redis = await startRedis(port);
  const { proxies, clients } = await start(t, port);
  await useUp(clients);
  const strict = clients.map((client) => new FullStream(client, 'strict'));
  const startedAtMs = performance.now();
  const paced = clients.flatMap((client) =>
    Array.from({ length: STREAMS_EACH }, () => new FullStream(client, 'paced')),
  );
  const compare = (what: string, more: number, least: number): void => {
    const durationMs = performance.now() - startedAtMs;
    const passed = sumOf(paced);
    const most = mostAdmitted(PACED, HOLDERS, durationMs) + more;
    const figures = `${passed} messages have passed in ${Math.round(durationMs)} ms, at most ${Math.floor(most)}`;
    console.log(`  paced streams, ${what}: ${figures}`);
    assert.ok(passed <= most);
    assert.ok(
      passed >= (least * PACED.ratePerSecond * durationMs) / 1000,
      'much less than the limit has passed',
    );
  };
  await wait(6000);
  compare('with Redis', 0, 0.9);
  assert.ok(strict.every(({ outcome }) => outcome === undefined));
  await stopRedis(redis);
  await eventually('all have noticed', () => said(proxies, 'the store of shared limits does not answer'));
  await eventually('streams of the closed store end', () =>
    strict.every(({ outcome }) => outcome !== undefined),
  );
  for (const { outcome } of strict) assert.equal(outcome?.code, UNAVAILABLE, outcome?.details);
  await wait(4000);
  // One process has no stream, and so nobody uses its share.
  compare('without Redis', PACED.burst, 0.65);
  const again = await startRedis(port);
  await eventually('all have noticed', () => said(proxies, 'the store answers again'), 30_000);
  await wait(4000);
  compare('with Redis again', 2 * PACED.burst, 0.65);
  for (const { outcome } of paced) assert.equal(outcome, undefined, outcome?.details);
  for (const stream of paced) stream.end();
  await stopRedis(again);
}

export async function streams(): Promise<void> {
  const ends: NonNullable<Parameters<TestContext['after']>[0]>[] = [];
  const t = standIn<TestContext>({
    after: (end) => {
      if (end !== undefined) ends.push(end);
    },
  });
  try {
    await play(t);
  } finally {
    for (const end of ends.toReversed()) await end(t, () => undefined);
  }
}
