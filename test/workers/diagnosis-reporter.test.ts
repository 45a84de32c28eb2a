// A worker tells what it has diagnosed at once, and no more than once a second.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DiagnosisReport, DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import { DiagnosisReporter } from '../../src/workers/diagnosis-reporter.ts';

test('the first diagnosis is told at the end of its turn, and later ones once a second, until there are no more', () => {
  const ring = new DiagnosisRing();
  const sent: DiagnosisReport[] = [];
  const due: (() => void)[] = [];
  const waits: number[] = [];
  const clock = {
    atEndOfTurn: (run: () => void) => void due.push(run),
    after: (ms: number, run: () => void) => {
      waits.push(ms);
      due.push(run);
    },
  };
  const reporter = new DiagnosisReporter(
    () => ring.report(),
    (report) => void sent.push(report),
    clock,
  );
  ring.watch(reporter.diagnosed);
  const diagnose = (): void =>
    ring.record({ code: 'FG1001', token: 'plaintext_on_tls_port', sentence: 'a' }, 'a');
  const counts = (): readonly (number | undefined)[] => sent.map((report) => report.counts['FG1001']);
  diagnose();
  diagnose();
  assert.deepEqual([counts(), due.length], [[], 1]);
  due.shift()?.();
  assert.deepEqual(counts(), [2]);
  diagnose();
  diagnose();
  assert.deepEqual([counts(), due.length, waits], [[2], 1, [1000]]);
  due.shift()?.();
  assert.deepEqual([counts(), due.length], [[2, 4], 1]);
  due.shift()?.();
  assert.deepEqual([counts(), due.length], [[2, 4], 0], 'nothing is sent while nothing is diagnosed');
  diagnose();
  due.shift()?.();
  assert.deepEqual(counts(), [2, 4, 5]);
});
