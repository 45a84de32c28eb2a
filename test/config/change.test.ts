// Changes in two steps: all or nothing, and everything that is wrong at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Change, NO_CHANGE, prepareAll, prepareBoth } from '../../src/config/change.ts';
import { findingOf, UnusableConfig } from '../../src/config/unusable-config.ts';

function part(name: string, log: string[]): () => Change {
  return () => {
    log.push(`prepare ${name}`);
    return {
      commit: () => void log.push(`commit ${name}`),
      discard: () => void log.push(`discard ${name}`),
    };
  };
}

function refused(name: string, log: string[]): () => Promise<Change> {
  return async () => {
    log.push(`refuse ${name}`);
    throw new UnusableConfig([findingOf([name], new Error(`${name} is wrong`))]);
  };
}

test('all are committed in their order and in one turn, or all discarded', async () => {
  const log: string[] = [];
  const change = await prepareAll([part('a', log), () => NO_CHANGE, part('b', log)]);
  assert.deepEqual(log.splice(0), ['prepare a', 'prepare b']);
  const committed = change.commit();
  assert.deepEqual(log.splice(0), ['commit a', 'commit b']);
  await committed;
  await change.discard();
  assert.deepEqual(log, ['discard a', 'discard b']);
});

test('everything that is wrong is found at once, and nothing stays prepared', async () => {
  const log: string[] = [];
  await assert.rejects(
    prepareAll([refused('a', log), part('b', log), refused('c', log)]),
    (error) =>
      error instanceof UnusableConfig &&
      error.findings.map(({ message }) => message).join() === 'a is wrong,c is wrong',
  );
  assert.deepEqual(log, ['refuse a', 'prepare b', 'refuse c', 'discard b']);
});

test('a fault of ours is passed on as it is, and leaves nothing prepared', async () => {
  const log: string[] = [];
  const fault = new Error('a fault of ours');
  const faulty = (): Change => {
    throw fault;
  };
  await assert.rejects(prepareBoth(part('a', log), faulty), fault);
  assert.deepEqual(log, ['prepare a', 'discard a']);
  await assert.rejects(prepareBoth(faulty, refused('b', log)), fault);
});

test('two that are told apart are given as they are', async () => {
  const log: string[] = [];
  const [one, other] = await prepareBoth(
    () => ({ ...part('a', log)(), size: 1 }),
    async () => ({ ...part('b', log)(), name: 'b' }),
  );
  assert.deepEqual([one.size, other.name], [1, 'b']);
});
