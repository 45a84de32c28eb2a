// The queue of spans in front of collectors of every temper.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Span } from '../../src/tracing/span.ts';
import type { ExportResult, SpanExporter } from '../../src/tracing/span-exporter.ts';
import { BATCH_SPANS, MOST_SPANS, SpanQueue, type SpanQueueParts } from '../../src/tracing/span-queue.ts';
import { eventually } from '../support/eventually.ts';
import { standIn } from '../support/stand-in.ts';

const EXPORTED: ExportResult = { kind: 'exported', rejected: 0 };
const TEMPORARY: ExportResult = { kind: 'failed', isTemporary: true, code: 'ECONNREFUSED' };
const FATAL: ExportResult = { kind: 'failed', isTemporary: false, code: '400' };
const LONG_MS = 600_000;

/** An exporter whose results a test decides, one by one. */
class Scripted implements SpanExporter {
  readonly batches: (readonly Span[])[] = [];
  closed = 0;
  /** Undefined: the export never ends. */
  next: () => ExportResult | undefined = () => EXPORTED;

  export(spans: readonly Span[]): Promise<ExportResult> {
    this.batches.push(spans);
    const result = this.next();
    return result === undefined ? new Promise(() => undefined) : Promise.resolve(result);
  }

  close(): void {
    this.closed++;
  }
}

function scene(t: TestContext, parts: Partial<SpanQueueParts> = {}) {
  const exporter = new Scripted();
  const counts = { exported: 0, failed: 0, rejected: 0, dropped: 0 };
  const told: string[] = [];
  const queue = new SpanQueue({
    makeExporter: () => exporter,
    counts,
    onCounted: () => undefined,
    onFailed: (code, lost) => told.push(lost === 0 ? code : `${code}: ${lost} lost`),
    onRecovered: () => told.push('recovered'),
    onRejected: (spans) => told.push(`${spans} rejected`),
    delayMs: 1,
    firstPauseMs: 1,
    ...parts,
  });
  t.after(() => queue.close(0));
  return { exporter, counts, told, queue };
}

/** Lets everything run that waits for nothing but promises. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

function add(queue: SpanQueue, count: number): number {
  let added = 0;
  for (; added < count && queue.hasRoomFor(1); added++) {
    const span = standIn<Span>({ name: String(added) });
    queue.add({ count: 1, make: () => [span] });
  }
  return added;
}

test('spans are exported in batches, in their order', async (t) => {
  const { exporter, counts, queue } = scene(t);
  add(queue, 2000);
  await eventually('all are exported', () => counts.exported === 2000);
  assert.deepEqual(
    exporter.batches.flat().map(({ name }) => Number(name)),
    Array.from({ length: 2000 }, (_, index) => index),
  );
  assert.ok(exporter.batches.every(({ length }) => length <= BATCH_SPANS));
});

test('a collector that never answers holds a bounded number of spans, and what finds no room is counted', async (t) => {
  const { exporter, counts, queue } = scene(t, { overdueMs: LONG_MS });
  exporter.next = () => undefined;
  assert.equal(add(queue, MOST_SPANS + 100), MOST_SPANS);
  await eventually('an export has begun', () => exporter.batches.length === 1);
  assert.equal(queue.length, MOST_SPANS);
  assert.equal(counts.dropped, 1);
  assert.equal(queue.hasRoomFor(2), false);
  assert.equal(counts.dropped, 3);
});

test('an export that takes too long is given up together with its exporter, and its spans are sent by another', async (t) => {
  const made: Scripted[] = [];
  const { counts, told, queue } = scene(t, {
    overdueMs: 1,
    makeExporter: () => {
      const exporter = new Scripted();
      if (made.push(exporter) === 1) exporter.next = () => undefined;
      return exporter;
    },
  });
  add(queue, 3);
  await eventually('they are exported', () => counts.exported === 3);
  assert.deepEqual([made.length, made[0].closed], [2, 1]);
  assert.deepEqual(told, ['timeout', 'recovered']);
});

test('a batch stays while the collector is away, and goes when it is back', async (t) => {
  const { exporter, counts, told, queue } = scene(t);
  let tries = 0;
  exporter.next = () => (++tries < 4 ? TEMPORARY : EXPORTED);
  add(queue, 5);
  await eventually('they are exported', () => counts.exported === 5);
  assert.deepEqual(told, ['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED', 'recovered']);
  assert.deepEqual([counts.failed, counts.dropped], [0, 0]);
});

test('a batch that fails again and again is given up, and those behind it are not', async (t) => {
  const { exporter, counts, queue } = scene(t);
  exporter.next = () => (exporter.batches.at(-1)?.[0].name === '0' ? TEMPORARY : EXPORTED);
  add(queue, BATCH_SPANS + 100);
  await eventually('the rest is exported', () => counts.exported === 100);
  assert.equal(counts.failed, BATCH_SPANS);
});

test('the failures of a batch do not count against the next one, whatever has become of it', async (t) => {
  for (const [first, failed] of [
    [4, 0],
    [5, BATCH_SPANS],
  ] as const) {
    const { exporter, counts, queue } = scene(t);
    const left = new Map([
      ['0', first],
      [String(BATCH_SPANS), 4],
    ]);
    exporter.next = () => {
      const name = exporter.batches.at(-1)?.[0].name ?? '';
      const failures = left.get(name) ?? 0;
      left.set(name, failures - 1);
      return failures > 0 ? TEMPORARY : EXPORTED;
    };
    add(queue, BATCH_SPANS + 100);
    await eventually('all are done', () => counts.exported + counts.failed === BATCH_SPANS + 100);
    assert.equal(counts.failed, failed);
  }
});

test('spans of a batch that the collector rejects are counted apart, and told', async (t) => {
  const { exporter, counts, told, queue } = scene(t);
  exporter.next = () => ({ kind: 'exported', rejected: 2 });
  add(queue, 5);
  await eventually('they are counted', () => counts.exported === 3);
  assert.deepEqual([counts.rejected, counts.failed, told], [2, 0, ['2 rejected']]);
});

test('what a collector refuses for good is not sent again', async (t) => {
  const { exporter, counts, queue } = scene(t);
  exporter.next = () => FATAL;
  add(queue, 3);
  await eventually('they have failed', () => counts.failed === 3);
  assert.equal(exporter.batches.length, 1);
  assert.equal(queue.length, 0);
});

for (const [what, result, tries] of [
  ['refused at once', FATAL, 1],
  ['given up after several tries', TEMPORARY, 5],
] as const) {
  test(`spans that come after a batch that was ${what}, with nothing behind it, are exported`, async (t) => {
    const { exporter, counts, told, queue } = scene(t);
    exporter.next = () => result;
    add(queue, 3);
    await eventually('they have failed', () => counts.failed === 3);
    assert.equal(exporter.batches.length, tries);
    assert.equal(told.at(-1), `${result.code}: 3 lost`);
    exporter.next = () => EXPORTED;
    add(queue, 2);
    await eventually('the next are exported', () => counts.exported === 2);
    add(queue, 1);
    await eventually('and those after them', () => counts.exported === 3);
    assert.equal(told.at(-1), 'recovered');
  });

  test(`spans are not sent before the pause after a batch that was ${what} is over`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { exporter, counts, queue } = scene(t, { firstPauseMs: 1000, overdueMs: LONG_MS });
    exporter.next = () => result;
    add(queue, 3);
    for (let pauseMs = 1; counts.failed === 0; pauseMs = Math.max(1000, 2 * pauseMs)) {
      t.mock.timers.tick(pauseMs);
      await turns();
    }
    assert.equal(exporter.batches.length, tries);
    exporter.next = () => EXPORTED;
    const pauseMs = 1000 * 2 ** (tries - 1);
    add(queue, BATCH_SPANS);
    t.mock.timers.tick(pauseMs - 1);
    await turns();
    assert.equal(exporter.batches.length, tries);
    t.mock.timers.tick(1);
    await turns();
    assert.equal(counts.exported, BATCH_SPANS);
  });

  test(`once the pause after a batch that was ${what} is over, the next span waits for others as ever`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { exporter, counts, queue } = scene(t, { firstPauseMs: 1000, overdueMs: LONG_MS });
    exporter.next = () => result;
    add(queue, 3);
    for (let pauseMs = 1; counts.failed === 0; pauseMs = Math.max(1000, 2 * pauseMs)) {
      t.mock.timers.tick(pauseMs);
      await turns();
    }
    t.mock.timers.tick(LONG_MS);
    await turns();
    exporter.next = () => EXPORTED;
    add(queue, 1);
    t.mock.timers.tick(1);
    await turns();
    assert.equal(counts.exported, 1);
  });
}

test('after a temporary failure the next try has an exporter of its own, which dials at once', async (t) => {
  const made: Scripted[] = [];
  const { counts, queue } = scene(t, {
    makeExporter: () => {
      const exporter = new Scripted();
      if (made.push(exporter) < 3) exporter.next = () => TEMPORARY;
      return exporter;
    },
  });
  add(queue, 3);
  await eventually('they are exported', () => counts.exported === 3);
  assert.deepEqual(
    made.map(({ closed }) => closed),
    [1, 1, 0],
  );
});

test('an exporter that cannot be made or throws costs its batch and nothing else', async (t) => {
  const { counts, queue } = scene(t, {
    makeExporter: () => {
      throw new Error('no exporter');
    },
  });
  add(queue, 3);
  await eventually('they have failed', () => counts.failed === 3);
});

test('the end exports what is left', async (t) => {
  const { exporter, counts, queue } = scene(t, { delayMs: LONG_MS });
  add(queue, 300);
  await queue.close(LONG_MS);
  assert.deepEqual([counts.exported, exporter.closed], [300, 1]);
  assert.equal(queue.hasRoomFor(1), false, 'no further spans');
});

test('the end is bounded, and what is left is counted as dropped', async (t) => {
  const { exporter, counts, queue } = scene(t, { delayMs: LONG_MS, overdueMs: LONG_MS });
  exporter.next = () => undefined;
  add(queue, 300);
  await queue.close(1);
  assert.deepEqual([counts.exported, counts.dropped, exporter.closed], [0, 300, 1]);
});

test('an export that ends after the end is counted once, and not told', async (t) => {
  const { promise, resolve } = Promise.withResolvers<ExportResult>();
  const exporter = new Scripted();
  exporter.export = () => promise;
  const { counts, told, queue } = scene(t, {
    delayMs: LONG_MS,
    overdueMs: LONG_MS,
    makeExporter: () => exporter,
  });
  add(queue, 3);
  await queue.close(1);
  resolve(FATAL);
  await promise;
  await new Promise(setImmediate);
  assert.deepEqual([counts.failed, counts.dropped, told], [0, 3, []]);
});

test('at the end a collector that fails is asked once', async (t) => {
  const { exporter, counts, queue } = scene(t, { delayMs: LONG_MS, firstPauseMs: LONG_MS });
  exporter.next = () => TEMPORARY;
  add(queue, 300);
  await queue.close(LONG_MS);
  assert.deepEqual([exporter.batches.length, counts.dropped], [1, 300]);
});
