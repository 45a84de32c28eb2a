// The supervisor of the process that exports spans, with processes of the test's own.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { FromExporter, ToExporter } from '../../src/tracing/exporter-messages.ts';
import { ExporterProcess } from '../../src/tracing/exporter-process.ts';
import { MOST_SPANS } from '../../src/tracing/span-queue.ts';
import { eventually } from '../support/eventually.ts';

const OPTIONS = {
  protocol: 'http',
  url: 'http://127.0.0.1:1/v1/traces',
  headers: new Map([['authorization', 'a secret']]),
  source: { service: 'framegate', version: '1', instance: 'one' },
} as const;

/** A process that does what a test says. */
class Scripted extends EventEmitter {
  readonly pid = 1;
  connected = true;
  readonly got: ToExporter[] = [];
  /** Whether it ends when it is asked to. */
  obeys = true;

  send(message: ToExporter, sent: () => void): boolean {
    this.got.push(message);
    sent();
    if (message.type === 'close' && this.obeys) queueMicrotask(() => this.end(0, null));
    return true;
  }

  kill(signal: NodeJS.Signals): boolean {
    queueMicrotask(() => this.end(null, signal));
    return true;
  }

  end(code: number | null, signal: NodeJS.Signals | null): void {
    if (!this.connected) return;
    this.connected = false;
    this.emit('disconnect');
    this.emit('close', code, signal);
  }

  says(message: FromExporter): void {
    this.emit('message', message);
  }
}

function isChild(_value: unknown): _value is ChildProcess {
  return true;
}

/** @param failingFork which fork fails */
async function scene(t: TestContext, { failingFork = 0, isReady = true } = {}) {
  let forks = 0;
  const children: Scripted[] = [];
  const counts = {
    exported: 0,
    failed: 0,
    rejected: 0,
    dropped: { queueFull: 0, exporterEnded: 0, stopped: 0 },
  };
  const told: string[] = [];
  const exporter = new ExporterProcess({
    fork: () => {
      if (++forks === failingFork) throw new Error('no memory');
      const child: unknown = new Scripted();
      if (!(child instanceof Scripted) || !isChild(child)) throw new Error('unreachable');
      children.push(child);
      return child;
    },
    options: OPTIONS,
    counts,
    events: {
      onFailing: (code, lost) => told.push(`failing ${code} ${lost}`),
      onRecovered: () => told.push('recovered'),
      onRejected: (spans) => told.push(`rejected ${spans}`),
      onEnded: (how, fault) => told.push(`ended: ${how} ${fault?.name ?? ''}`),
      onStartedAgain: () => told.push('started again'),
    },
    firstPauseMs: 1,
  });
  t.after(() => exporter.kill());
  const started = exporter.start();
  if (isReady) {
    children[0].says({ type: 'ready' });
    await started;
  }
  const take = (count: number): boolean => {
    let isTaken = false;
    exporter.take('lines', count, () => {
      isTaken = true;
    });
    return isTaken;
  };
  return { children, counts, told, exporter, started, take };
}

const COUNTS = { type: 'counts', exported: 0, failed: 0, rejected: 0, dropped: 0 } as const;

test('it is started with its options, and is sent spans', async (t) => {
  const { children, take } = await scene(t);
  assert.equal(take(2), true);
  assert.deepEqual(
    children[0].got.map(({ type }) => type),
    ['start', 'spans'],
  );
});

test('spans that it has not reported on are bounded, and what finds no room is counted', async (t) => {
  const { children, counts, take } = await scene(t);
  take(MOST_SPANS - 1);
  assert.equal(take(2), true, 'the next batch may come');
  assert.deepEqual([children[0].got.length, counts.dropped.queueFull], [2, 2]);
  children[0].says({ ...COUNTS, exported: 10, failed: 5, rejected: 1 });
  take(16);
  assert.deepEqual([children[0].got.length, counts.dropped.queueFull], [3, 2]);
  assert.deepEqual([counts.exported, counts.failed, counts.rejected], [10, 5, 1]);
  children[0].says({ ...COUNTS, exported: 12, failed: 5, rejected: 1 });
  assert.equal(counts.exported, 12, 'its counts are sums');
});

test('the spans of one that ends are counted, and another is started', async (t) => {
  const { children, counts, told, take } = await scene(t);
  take(10);
  children[0].says({ ...COUNTS, exported: 4 });
  children[0].says({ type: 'fault', name: 'RangeError', places: '' });
  children[0].end(70, null);
  assert.equal(counts.dropped.exporterEnded, 6);
  assert.equal(take(3), true);
  assert.equal(counts.dropped.exporterEnded, 9, 'none runs');
  await eventually('another one is started', () => children.length === 2);
  take(5);
  children[1].says({ type: 'ready' });
  children[1].says({ ...COUNTS, exported: 5 });
  assert.deepEqual([counts.exported, counts.dropped.exporterEnded], [9, 9]);
  assert.deepEqual(told, ['ended: exit code 70 RangeError', 'started again']);
});

test('one that says what no exporter says is ended', async (t) => {
  for (const message of [
    null,
    'x',
    {},
    { type: 'counts', exported: -1 },
    { type: 'failing', code: 'a\nb', lost: 0 },
    { type: 'failing', code: '401' },
  ]) {
    const { children, told } = await scene(t);
    children[0].emit('message', message);
    await eventually('it is ended', () => told.length > 0);
    assert.match(told[0], /^ended: signal SIGKILL/);
  }
});

test('one that has spans and says nothing for three minutes is ended without a further call, and one that speaks or has none is not', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { children, told, take } = await scene(t);
  const pass = async (seconds: number): Promise<void> => {
    for (let passed = 0; passed < seconds; passed += 15) t.mock.timers.tick(15_000);
    await new Promise(setImmediate);
  };
  await pass(600);
  take(3);
  await pass(180);
  children[0].says({ type: 'failing', code: '401', lost: 0 });
  await pass(180);
  assert.deepEqual(told, ['failing 401 0'], 'it speaks');
  children[0].says({ ...COUNTS, failed: 3 });
  await pass(600);
  assert.equal(told.length, 1, 'it has none');
  take(3);
  await pass(195);
  assert.deepEqual(told.slice(1), ['ended: it had spans, and said nothing for three minutes ']);
});

test('an error of fork() is no error of the proxy', async (t) => {
  const { children, told } = await scene(t, { failingFork: 2 });
  children[0].end(1, null);
  await eventually('it is tried again', () => children.length === 2);
  assert.deepEqual(told.slice(0, 2), ['ended: exit code 1 ', 'ended: no memory ']);
});

test('one that cannot work, or ends before it is ready, is not started again', async (t) => {
  const unusable = await scene(t, { isReady: false });
  unusable.children[0].says({ type: 'unusable', message: 'a package is missing' });
  await assert.rejects(unusable.started, /a package is missing/);
  const ended = await scene(t, { isReady: false });
  ended.children[0].end(1, null);
  await assert.rejects(ended.started, /has ended: exit code 1/);
  assert.deepEqual([unusable.children.length, ended.children.length, ended.told], [1, 1, []]);
});

test('at the end it has some time for what is left, and what it has left then is counted', async (t) => {
  const { children, counts, exporter, take } = await scene(t);
  take(10);
  children[0].obeys = false;
  const closed = exporter.close(50);
  assert.deepEqual(children[0].got.at(-1), { type: 'close', mostMs: 50 });
  children[0].says({ ...COUNTS, exported: 3, dropped: 1 });
  await closed;
  assert.equal(counts.dropped.stopped, 7);
  take(2);
  assert.equal(counts.dropped.stopped, 9);
  await exporter.close(50);
});
