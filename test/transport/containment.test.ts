// A fault of ours ends the connection it happened in and is reported; nothing is thrown at the emitter of the event.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Containment } from '../../src/transport/containment.ts';

function setting() {
  const reports: unknown[][] = [];
  const containment = new Containment('http1_client', (...report) => reports.push(report));
  return { containment, reports };
}

const FAULT = new Error('a fault of ours');

function fail(): never {
  throw FAULT;
}

test('what a guarded listener throws is reported and ends its connection, and the emitter goes on', () => {
  const { containment, reports } = setting();
  const source = new EventEmitter();
  const seen: string[] = [];
  source.on(
    'data',
    containment.guard(
      () => seen.push('ended'),
      () => fail(),
    ),
  );
  source.on('data', () => seen.push('the next listener'));
  source.emit('data');
  assert.deepEqual(seen, ['ended', 'the next listener']);
  assert.deepEqual(reports, [['http1_client', FAULT]]);
});

test('a guarded listener gets what was emitted, and nothing is ended when it returns', () => {
  const { containment, reports } = setting();
  const seen: unknown[] = [];
  const guarded = containment.guard(fail, (one: number, other: string) => seen.push(one, other));
  guarded(1, 'two');
  assert.deepEqual(seen, [1, 'two']);
  assert.deepEqual(reports, []);
});

test('an end that throws is reported as well, and goes no further', () => {
  const { containment, reports } = setting();
  containment.run(fail, fail);
  assert.deepEqual(reports, [
    ['http1_client', FAULT],
    ['http1_client', FAULT],
  ]);
});
