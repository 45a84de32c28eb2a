// A worker loses nothing of what it is told while it starts: messages that come in one piece with the first one are kept. What it cannot
// read it says, and ends.

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { LogFields } from '../../src/observability/logger.ts';
import { isFromWorker } from '../../src/workers/message-shapes.ts';
import { type FromWorker, PROTOCOL_VERSION, type ToWorker } from '../../src/workers/messages.ts';
import { CrashLoop } from '../../src/workers/restart-backoff.ts';
import { WorkerPool } from '../../src/workers/worker-pool.ts';
import { START_TIMEOUT_MS } from '../support/eventually.ts';
import { addressOf } from '../support/object-source.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';
import { silentLogger } from '../support/silent-logger.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');

interface Started {
  readonly send: (message: ToWorker | object) => void;
  /** Resolves to the exit code. */
  readonly exited: Promise<number | null>;
  readonly next: <Type extends FromWorker['type']>(
    type: Type,
  ) => Promise<Extract<FromWorker, { type: Type }>>;
}

function forkWorker(): ChildProcess {
  return fork(mainFile, ['worker'], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', 2],
  });
}

function startWorker(t: TestContext): Started {
  const child = forkWorker();
  t.after(() => child.kill('SIGKILL'));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    exited,
    send: (message) => child.send(message),
    next: (type) =>
      new Promise((resolve, reject) => {
        const fail = (): void => reject(new Error(`no message ${type}`));
        const timer = setTimeout(fail, START_TIMEOUT_MS);
        child.once('exit', fail);
        const look = (message: unknown): void => {
          if (!isFromWorker(message) || !isOf(message, type)) return;
          clearTimeout(timer);
          child.off('message', look);
          resolve(message);
        };
        child.on('message', look);
      }),
  };
}

function isOf<Type extends FromWorker['type']>(
  message: FromWorker,
  type: Type,
): message is Extract<FromWorker, { type: Type }> {
  return message.type === type;
}

async function startMessage(): Promise<Extract<ToWorker, { type: 'start' }>> {
  const listeners = [{ name: 'clear', address: '127.0.0.1:0' }];
  const config = configOf(await proxyConfigText({ sections: { listeners, log: { level: 'silent' } } }));
  const places = [{ socket: 1, address: '127.0.0.1:1', port: 1 }];
  return {
    type: 'start',
    version: PROTOCOL_VERSION,
    worker: 1,
    assignment: { config, epoch: 1, places, workers: 1 },
    endpoints: [],
    subscriptions: [],
    health: [],
    weights: [],
    keys: [],
    stores: [],
    ticketKeys: Buffer.alloc(48),
  };
}

test('endpoints that are told right behind the configuration are taken over', async (t) => {
  const worker = startWorker(t);
  await worker.next('hello');
  const serving = worker.next('serving');
  // What comes before the configuration is part of it already.
  worker.send({ type: 'ticketKeys', keys: Buffer.alloc(48) });
  worker.send(await startMessage());
  for (let version = 1; version <= 5; version++) {
    const endpoints = [endpointAt(addressOf(`127.0.0.1:${version}`))];
    worker.send({ type: 'endpoints', update: { upstream: 'voice', version, endpoints } });
  }
  await serving;
  const answer = worker.next('answer');
  worker.send({ type: 'ask', question: 1, topic: 'metrics' });
  const { metrics = [] } = (await answer).body;
  const family = metrics.find(({ name }) => name === 'framegate_endpoint_updates_applied_total');
  assert.deepEqual([...(family?.values ?? [])], [5]);
});

function ignore(): void {
  // Nothing of this happens to workers that do not start.
}

const UNREADABLE: readonly (readonly [what: string, change: object, told: RegExp])[] = [
  [
    'of another form',
    { endpoints: 'none', ticketKeys: undefined },
    /"start" that .*: endpoints, ticketKeys$/,
  ],
  ['of another version', { version: PROTOCOL_VERSION + 1 }, /speaks version \d+ of .* restart the service/],
  ['of a type that it does not know', { type: 'begin' }, /a type that this worker does not know: "begin"$/],
];

for (const [what, change, told] of UNREADABLE) {
  test(`a worker whose first message is ${what} says so and ends`, async (t) => {
    const worker = startWorker(t);
    await worker.next('hello');
    const failed = worker.next('failed');
    worker.send({ ...(await startMessage()), ...change });
    assert.match((await failed).message, told);
    assert.equal(await worker.exited, 1);
  });
}

test('workers that cannot read their configuration are reported and started later and later, and then the start is given up', async (t) => {
  const lines: string[] = [];
  const say = (_fields: LogFields, message: string): void => {
    lines.push(message);
  };
  const unreadable = await startMessage();
  Object.assign(unreadable, { ticketKeys: 'none' });
  const pool = new WorkerPool({
    logger: { ...silentLogger, warn: say, error: say },
    fork: forkWorker,
    makeStart: () => unreadable,
    events: {
      onLoad: ignore,
      onPrepared: ignore,
      onCommitted: ignore,
      onLastWords: ignore,
      onEvents: ignore,
      onDiagnosed: ignore,
      onEndpointChanges: ignore,
      onFarewell: ignore,
      onKeysWanted: () => undefined,
      onQuotaReport: () => undefined,
      onConnectFailed: ignore,
      onLeaseAsk: ignore,
      onOutage: ignore,
      onSpans: () => undefined,
      onLogNews: ignore,
    },
    onReady: ignore,
    onGone: ignore,
    lossOf: () => ({ connections: 0, calls: 0 }),
  });
  t.after(() => pool.kill());
  await assert.rejects(pool.start(1), CrashLoop);
  const reports = lines.filter((line) => /^a worker cannot serve: .* cannot read: ticketKeys$/.test(line));
  assert.equal(reports.length, 5);
  assert.ok(lines.includes('the worker ended soon after its start: the next one is started later'));
});
