import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerLoad } from '../../src/workers/worker-load.ts';

test('a connection counts as one stream for half a second, as its client has not called yet', () => {
  const load = new WorkerLoad();
  load.report(10);
  load.handedOver(1000);
  load.handedOver(1200);
  assert.equal(load.streamsAt(1200), 12);
  assert.equal(load.streamsAt(1499), 12);
  assert.equal(load.streamsAt(1500), 11);
  assert.equal(load.streamsAt(1700), 10);
});

test('a report replaces the one before, and leaves what has just been handed over', () => {
  const load = new WorkerLoad();
  load.report(10);
  load.handedOver(0);
  load.report(4);
  assert.equal(load.reportedStreams, 4);
  assert.equal(load.streamsAt(100), 5);
});
