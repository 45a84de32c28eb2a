import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { chooseWorker } from '../../src/workers/worker-choice.ts';

test('a connection goes to the worker with the fewest open streams, however many connections that has', () => {
  const candidates = [
    { streams: 7, connections: 0 },
    { streams: 3, connections: 90 },
    { streams: 5, connections: 1 },
  ];
  for (let turn = 0; turn < 5; turn++) assert.equal(chooseWorker(candidates, turn), 1);
});

test('among workers with as many streams the one with the fewest connections gets it', () => {
  const candidates = [
    { streams: 3, connections: 4 },
    { streams: 3, connections: 2 },
    { streams: 3, connections: 3 },
  ];
  for (let turn = 0; turn < 5; turn++) assert.equal(chooseWorker(candidates, turn), 1);
});

test('workers that are alike get connections in turn', () => {
  const candidates = [0, 1, 2].map(() => ({ streams: 1, connections: 1 }));
  const chosen = [0, 1, 2, 3, 4, 5].map((turn) => chooseWorker(candidates, turn));
  assert.deepEqual(chosen, [0, 1, 2, 0, 1, 2]);
});

test('where there is no worker nobody is chosen', () => {
  assert.equal(chooseWorker([], 3), -1);
});

test('no worker ever has two streams more than another when each connection brings one and none ends', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 0, max: 200 }), (workers, connections) => {
      const counts = Array.from({ length: workers }, () => 0);
      for (let turn = 0; turn < connections; turn++) {
        const candidates = counts.map((count) => ({ streams: count, connections: count }));
        counts[chooseWorker(candidates, turn)]++;
      }
      return Math.max(...counts) - Math.min(...counts) <= 1;
    }),
  );
});
