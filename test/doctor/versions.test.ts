// What is said of the versions of clients.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeClients } from '../../src/doctor/versions.ts';

test('of many clients the eight are named that were seen last and have a known library', () => {
  const clients = Array.from({ length: 20 }, (_, index) => ({
    library: index % 2 === 0 ? 'tonic' : 'other',
    version: `0.${index}.0`,
    connections: 1,
    lastAtEpochMs: 1000 - index,
  }));
  const texts = judgeClients(clients).map(({ text }) => /tonic 0\.(\d+)/.exec(text)?.[1]);
  assert.deepEqual(texts, ['0', '2', '4', '6', '8', '10', '12', '14']);
});
