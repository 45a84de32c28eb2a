// The connection of the page to the proxy: what is told of it, and when it is tried again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FeedState, FiguresFeed } from '../../dashboard/feed/figures-feed.ts';
import type { DashboardMessage } from '../../src/admin/dashboard-figures.ts';
import { eventually } from '../support/eventually.ts';

const opening = {
  event: 'open',
  startedAtEpochMs: 1,
  version: '1',
  everyMs: 1000,
  bucketBoundsMs: [],
  history: [],
};

class Scene {
  readonly states: FeedState[] = [];
  readonly messages: DashboardMessage[] = [];
  readonly requests: RequestInit[] = [];
  readonly waits: { readonly ms: number; readonly end: () => void }[] = [];
  token: string | undefined = undefined;
  readonly feed: FiguresFeed;

  /** @param answers in the order of the requests; the last one answers all further requests */
  constructor(...answers: readonly (() => Response)[]) {
    const listener = {
      message: (message: DashboardMessage) => this.messages.push(message),
      state: (state: FeedState) => this.states.push(state),
    };
    this.feed = new FiguresFeed(listener, {
      token: () => this.token,
      now: () => 0,
      fetch: async (_url, options) => {
        this.requests.push(options);
        return (answers[this.requests.length - 1] ?? answers.at(-1))?.() ?? new Response();
      },
      sleep: (ms, signal) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        signal.addEventListener('abort', () => resolve());
        this.waits.push({ ms, end: resolve });
        return promise;
      },
    });
  }

  get kinds(): readonly string[] {
    return this.states.map(({ kind }) => kind);
  }

  /** Ends the newest wait of this length. */
  async passes(ms: number): Promise<void> {
    const wait = await eventually(`a wait of ${ms} ms`, () => this.waits.findLast((one) => one.ms === ms));
    wait.end();
  }
}

function streamOf(...messages: readonly unknown[]): Response {
  return new Response(messages.map((message) => `data: ${JSON.stringify(message)}\n\n`).join(''));
}

function fails(): Response {
  throw new TypeError('fetch failed');
}

function silentStream(): Response {
  return new Response(
    new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(': \n\n')) }),
  );
}

test('passes messages on, says why the proxy has closed, and connects again', async () => {
  const scene = new Scene(() => streamOf(opening, { event: 'closing', reason: 'the admin server closes' }));
  scene.feed.connect();
  await eventually('the connection is lost', () => scene.states.some(({ kind }) => kind === 'lost'));
  assert.deepEqual(scene.kinds, ['connecting', 'open', 'lost']);
  assert.deepEqual(scene.states.at(-1), { kind: 'lost', why: 'the admin server closes', tryAtEpochMs: 500 });
  assert.deepEqual(
    scene.messages.map(({ event }) => event),
    ['open', 'closing'],
  );
  await scene.passes(500);
  await eventually('another request', () => scene.requests.length === 2);
  scene.feed.close();
});

test('waits longer after each failure, up to a quarter of a minute, and less again once it was connected', async () => {
  const scene = new Scene(fails, fails, fails, fails, fails, fails, fails, () => streamOf(opening));
  scene.feed.connect();
  for (const [count, ms] of [500, 1000, 2000, 4000, 8000, 15_000, 15_000].entries()) {
    await eventually(
      'the connection is lost',
      () => scene.requests.length === count + 1 && scene.kinds.at(-1) === 'lost',
    );
    assert.equal(scene.waits.at(-1)?.ms, ms);
    scene.waits.at(-1)?.end();
  }
  await eventually(
    'it is connected and lost',
    () => scene.kinds.includes('open') && scene.kinds.at(-1) === 'lost',
  );
  assert.ok(
    scene.states.some((state) => state.kind === 'lost' && state.why === 'nothing answers at its address'),
  );
  await eventually('a short wait', () => scene.waits.at(-1)?.ms === 500);
  scene.feed.close();
});

test('a proxy that says nothing for ten seconds is gone', async () => {
  const scene = new Scene(silentStream);
  scene.feed.connect();
  await eventually('another wait', () => scene.waits.length >= 2);
  await scene.passes(10_000);
  await eventually('another state', () => scene.kinds.at(-1) === 'lost');
  assert.deepEqual(scene.states.at(-1), {
    kind: 'lost',
    why: 'it has sent nothing for 10 s',
    tryAtEpochMs: 500,
  });
  scene.feed.close();
});

test('asks for a token once, and sends it as a header and nowhere else', async () => {
  const scene = new Scene(
    () => new Response('this needs the token', { status: 401 }),
    () => new Response('this is not the token', { status: 401 }),
    () => streamOf(opening),
  );
  scene.feed.connect();
  await eventually('another state', () => scene.kinds.at(-1) === 'token needed');
  assert.deepEqual(scene.states.at(-1), { kind: 'token needed', isWrong: false });
  scene.token = 'wrong';
  scene.feed.connect();
  await eventually(
    'another request',
    () => scene.requests.length === 2 && scene.kinds.at(-1) === 'token needed',
  );
  assert.deepEqual(scene.states.at(-1), { kind: 'token needed', isWrong: true });
  scene.token = 'right';
  scene.feed.connect();
  await eventually('another state', () => scene.kinds.includes('open'));
  assert.deepEqual(
    scene.requests.map(({ headers }) => new Headers(headers).get('authorization')),
    [null, 'Bearer wrong', 'Bearer right'],
  );
  scene.feed.close();
});

test('a refusal is told in the words of the proxy', async () => {
  const error = 'there are 8 subscribers already, which is the most there may be';
  const scene = new Scene(() => Response.json({ error }, { status: 503 }));
  scene.feed.connect();
  await eventually('another state', () => scene.kinds.at(-1) === 'lost');
  assert.deepEqual(scene.states.at(-1), { kind: 'lost', why: error, tryAtEpochMs: 500 });
  scene.feed.close();
});

test('nothing is read or told any more once it is closed', async () => {
  const scene = new Scene(silentStream);
  scene.feed.connect();
  await eventually('another request', () => scene.requests.length === 1);
  scene.feed.close();
  await eventually('another request', () => scene.requests[0].signal?.aborted === true);
  assert.deepEqual(scene.kinds, ['connecting']);
});
