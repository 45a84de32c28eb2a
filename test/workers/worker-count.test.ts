import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workerCount } from '../../src/workers/worker-count.ts';

const MIB = 1024 * 1024;

function inContainer(memoryBytes: number): number {
  return workerCount({ workers: 'auto' }, () => ({ cores: 8, memoryBytes }));
}

test('a number of workers is taken as it is', () => {
  assert.equal(
    workerCount({ workers: 7 }, () => ({ cores: 2, memoryBytes: 64 * MIB })),
    7,
  );
});

test('auto is a worker for each core', () => {
  assert.equal(
    workerCount({ workers: 'auto' }, () => ({ cores: 6, memoryBytes: undefined })),
    6,
  );
});

test('auto is fewer where a container has too little memory for so many, and never none', () => {
  assert.equal(inContainer(512 * MIB), 3);
  assert.equal(inContainer(4096 * MIB), 8);
  assert.equal(inContainer(64 * MIB), 1);
});
