// The diagnoses of the control process are shown beside those of the processes that carry calls.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Diagnoses } from '../../src/control/diagnoses.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';

test('the report has the diagnoses of all processes, and says which process has not told its own', async () => {
  const ofControl = new DiagnosisRing(() => 2);
  const clients = [{ library: 'grpc-go', version: '1.85', connections: 3, lastAtEpochMs: 1 }];
  const ofPlane = new DiagnosisRing(() => 1);
  ofPlane.record({ code: 'FG2001', token: 'upstream_connection_refused', sentence: 'No.' }, 'voice');
  let unanswered: readonly number[] | undefined = [2];
  const plane = {
    diagnoses: async () => ({ ...ofPlane.report(), clients, ...(unanswered && { unanswered }) }),
  };
  const diagnoses = new Diagnoses(plane, ofControl);
  assert.equal(diagnoses.countOfControl, 0);
  ofControl.record({ code: 'FG2061', token: 'store_unavailable', sentence: 'No.', store: 'fleet' }, 'fleet');
  assert.equal(diagnoses.countOfControl, 1);
  const { counts, recent, reasons, ...rest } = await diagnoses.report();
  assert.deepEqual(counts, { FG2001: 1, FG2061: 1 });
  assert.deepEqual(
    recent.map(({ code }) => code),
    ['FG2061', 'FG2001'],
  );
  assert.deepEqual(Object.keys(reasons), ['FG2001', 'FG2061']);
  assert.deepEqual(rest, { clients, unanswered: [2] });
  unanswered = undefined;
  assert.equal('unanswered' in (await diagnoses.report()), false);
});
