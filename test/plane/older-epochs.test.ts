import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeOlderEpochs } from '../../src/plane/older-epochs.ts';

test('exchanges on older configurations are added up by epoch, with the age of the oldest of all', () => {
  assert.deepEqual(
    mergeOlderEpochs([
      [
        { epoch: 1, exchanges: 2, oldestSeconds: 40 },
        { epoch: 3, exchanges: 1, oldestSeconds: 5 },
      ],
      [],
      [
        { epoch: 2, exchanges: 7, oldestSeconds: 9 },
        { epoch: 1, exchanges: 3, oldestSeconds: 70 },
      ],
    ]),
    [
      { epoch: 1, exchanges: 5, oldestSeconds: 70 },
      { epoch: 2, exchanges: 7, oldestSeconds: 9 },
      { epoch: 3, exchanges: 1, oldestSeconds: 5 },
    ],
  );
});
