// What a process that carries calls has for the exporter.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpanBatch } from '../../src/tracing/span-lines.ts';
import { MOST_WAITING_SPANS, SpanOutbox } from '../../src/tracing/span-outbox.ts';
import { eventually } from '../support/eventually.ts';

const LONG_MS = 600_000;

function scene(delayMs: number) {
  const outbox = new SpanOutbox(delayMs);
  const batches: SpanBatch[] = [];
  const takens: (() => void)[] = [];
  outbox.deliver = (batch, taken) => {
    batches.push(batch);
    takens.push(taken);
  };
  return { outbox, batches, takens };
}

test('what waits is sent as one batch after a while', async () => {
  const { outbox, batches } = scene(1);
  outbox.add('a', 2);
  outbox.add('b', 1);
  assert.equal(batches.length, 0, 'not within the event');
  await eventually('it is sent', () => batches.length === 1);
  assert.deepEqual(batches, [{ lines: 'a\nb', count: 3, dropped: 0, limited: 0 }]);
  assert.equal(outbox.length, 0);
});

test('a whole batch is sent at once', async () => {
  const { outbox, batches } = scene(LONG_MS);
  outbox.add('a', 300);
  await eventually('it is sent', () => batches.length === 1);
});

test('the next batch waits until the one before is taken', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { outbox, batches, takens } = scene(1);
  outbox.add('a', 1);
  t.mock.timers.tick(1);
  outbox.add('b', 1);
  outbox.add('c', 300);
  t.mock.timers.tick(LONG_MS);
  assert.equal(batches.length, 1);
  takens[0]();
  t.mock.timers.tick(1);
  assert.equal(batches[1].lines, 'b\nc');
});

test('a number of spans waits, and what finds no room is counted with the next batch', async () => {
  const { outbox, batches, takens } = scene(1);
  outbox.add('a', 1);
  await eventually('it is sent', () => batches.length === 1);
  let added = 0;
  for (; added < MOST_WAITING_SPANS + 10 && outbox.hasRoomFor(1); added++) outbox.add('x', 1);
  assert.equal(added, MOST_WAITING_SPANS);
  assert.equal(outbox.hasRoomFor(2), false);
  outbox.limit(4);
  takens[0]();
  await eventually('the rest is sent', () => batches.length === 2);
  const { count, dropped, limited } = batches[1];
  assert.deepEqual([count, dropped, limited], [MOST_WAITING_SPANS, 3, 4]);
});

test('at the end nothing waits for the batch before it', async () => {
  const { outbox, batches } = scene(LONG_MS);
  outbox.add('a', 1);
  outbox.flush();
  outbox.add('b', 1);
  outbox.flush();
  outbox.flush();
  assert.deepEqual(
    batches.map(({ lines }) => lines),
    ['a', 'b'],
  );
});
