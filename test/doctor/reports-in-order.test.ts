import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckReport } from '../../src/doctor/check.ts';
import { ReportsInOrder } from '../../src/doctor/reports-in-order.ts';
import { eventually } from '../support/eventually.ts';

function report(id: string): CheckReport {
  return { id, group: 'config', title: `title of ${id}`, verdict: 'ok', findings: [], durationMs: 1 };
}

test('reports are told in the order of the plan, each as soon as those before it are there', () => {
  const told: string[] = [];
  const reports = new ReportsInOrder({ onReport: ({ id }) => told.push(id) });
  reports.follow(['one', 'two', 'three'].map(report));
  reports.add(report('two'));
  assert.deepEqual(told, []);
  reports.add(report('one'));
  assert.deepEqual(told, ['one', 'two']);
  reports.add(report('two'));
  reports.add(report('three'));
  assert.deepEqual(told, ['one', 'two', 'three'], 'each is told once');
});

test('a report with another verdict than the one that was told is told at once, and an equal one is not', () => {
  const told: string[] = [];
  const reports = new ReportsInOrder({ onReport: ({ id, verdict }) => told.push(`${id} ${verdict}`) });
  reports.follow(['one', 'two'].map(report));
  reports.add(report('one'));
  reports.add(report('one'));
  reports.add({ ...report('one'), verdict: 'failed' });
  reports.add({ ...report('one'), verdict: 'failed' });
  assert.deepEqual(told, ['one ok', 'one failed']);
  reports.add(report('two'));
  assert.deepEqual(told, ['one ok', 'one failed', 'two ok']);
});

test('progress names the first check that has no report, and stops at the end', async () => {
  const awaited: string[] = [];
  const reports = new ReportsInOrder({
    onReport: () => undefined,
    onProgress: (title) => void awaited.push(title),
  });
  reports.follow(['one', 'two'].map(report));
  reports.add(report('one'));
  await eventually('progress is told', () => awaited.length > 0);
  reports.end();
  assert.equal(awaited[0], 'title of two');
});
