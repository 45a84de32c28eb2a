import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnusableConfig } from '../../src/config/unusable-config.ts';
import type { ToWorker } from '../../src/workers/messages.ts';
import { PoolChange, type Voter } from '../../src/workers/pool-change.ts';
import type { PreparedVote, WorkerState } from '../../src/workers/worker-process.ts';

class StandInWorker implements Voter {
  readonly number: number;
  epoch = 1;
  state: WorkerState = 'serving';
  readonly heard: ToWorker[] = [];

  constructor(number: number) {
    this.number = number;
  }

  send(message: ToWorker): void {
    this.heard.push(message);
  }

  get types(): readonly string[] {
    return this.heard.map(({ type }) => type);
  }
}

const CHANGE = 7;
const yes: PreparedVote = { change: CHANGE, outcome: 'changed', message: '', findings: [] };

function begin(count: number): { readonly change: PoolChange; readonly workers: readonly StandInWorker[] } {
  const workers = Array.from({ length: count }, (_, index) => new StandInWorker(index + 1));
  const change = new PoolChange(
    { type: 'prepareTls', change: CHANGE, kind: 'listener', name: 'tls' },
    workers,
  );
  return { change, workers };
}

test('all say yes: all are told to put it to use', async () => {
  const { change, workers } = begin(2);
  const prepared = change.prepare();
  for (const worker of workers) change.prepared(worker, yes);
  await prepared;
  assert.equal(change.isChanged, true);
  const committed = change.commit();
  for (const worker of workers) change.committed(worker, CHANGE);
  await committed;
  for (const { types } of workers) assert.deepEqual(types, ['prepareTls', 'commit']);
});

test('one refuses: all forget it, and what is wrong is told once', async () => {
  const { change, workers } = begin(3);
  const prepared = change.prepare();
  const finding = {
    severity: 'error',
    path: ['listeners', 0, 'tls'],
    at: 'value',
    message: 'no such file',
  } as const;
  const no: PreparedVote = { change: CHANGE, outcome: 'refused', message: 'no', findings: [finding] };
  change.prepared(workers[0], no);
  change.prepared(workers[1], yes);
  change.prepared(workers[2], no);
  await assert.rejects(prepared, (error) => {
    assert.ok(error instanceof UnusableConfig);
    assert.deepEqual(error.findings, [finding]);
    return true;
  });
  for (const { types } of workers) assert.deepEqual(types, ['prepareTls', 'discard']);
});

test('a fault of ours is no fault of the configuration', async () => {
  const { change, workers } = begin(2);
  const prepared = change.prepare();
  change.prepared(workers[0], yes);
  change.prepared(workers[1], {
    change: CHANGE,
    outcome: 'failed',
    message: 'undefined is no function',
    findings: [],
  });
  await assert.rejects(
    prepared,
    (error) => !(error instanceof UnusableConfig) && /no function/.test(String(error)),
  );
});

test('a worker that dies is not waited for, before its vote and before it has done it', async () => {
  const { change, workers } = begin(3);
  const [first, second, third] = workers;
  const prepared = change.prepare();
  change.prepared(first, yes);
  second.state = 'gone';
  change.gone(second);
  change.prepared(third, yes);
  await prepared;
  const committed = change.commit();
  change.committed(first, CHANGE);
  third.state = 'gone';
  change.gone(third);
  await committed;
  assert.deepEqual(second.types, ['prepareTls'], 'nothing is sent to the dead');
});

test('where no worker is left to try it nothing is changed', async () => {
  const { change, workers } = begin(1);
  const prepared = change.prepare();
  workers[0].state = 'gone';
  change.gone(workers[0]);
  await assert.rejects(prepared, /no worker is there to try it/);
});

test('an answer to another question is none to this one', async () => {
  const { change, workers } = begin(1);
  const prepared = change.prepare();
  change.prepared(workers[0], { ...yes, change: CHANGE - 1, outcome: 'refused' });
  change.prepared(workers[0], { ...yes, outcome: 'same' });
  await prepared;
  assert.equal(change.isChanged, false);
});
