// How many questions one worker is asked at a time.

import assert from 'node:assert/strict';
import { ChildProcess } from 'node:child_process';
import { test } from 'node:test';
import { type WorkerEvents, WorkerProcess } from '../../src/workers/worker-process.ts';
import { settled } from '../support/settled.ts';

/** One that was never started. */
class Child extends ChildProcess {
  override readonly connected = true;
  readonly sent: unknown[] = [];
  override readonly send = (message: unknown): boolean => this.sent.push(message) > 0;
}

const unexpected = (): never => assert.fail('nothing else happens to this worker');
const events: WorkerEvents = {
  onServing: unexpected,
  onFailed: unexpected,
  onLoad: unexpected,
  onPrepared: unexpected,
  onConnectFailed: unexpected,
  onKeysWanted: unexpected,
  onQuotaReport: unexpected,
  onLeaseAsk: unexpected,
  onOutage: unexpected,
  onSpans: unexpected,
  onDiagnosed: unexpected,
  onEndpointChanges: unexpected,
  onEvents: unexpected,
  onLogNews: unexpected,
  onFarewell: unexpected,
  onLastWords: unexpected,
  onCommitted: unexpected,
  onGone: () => undefined,
};

test('a worker with 32 questions gets no more of them, and counts as one that does not answer, until it has answered', async () => {
  const child = new Child();
  const worker = new WorkerProcess(1, child, unexpected, events);
  const asked = Array.from({ length: 32 }, () => worker.ask('report'));
  assert.equal(await worker.ask('report'), undefined);
  assert.equal(child.sent.length, 32);
  for (let question = 1; question <= 32; question++)
    child.emit('message', { type: 'answer', question, body: {} });
  await Promise.all(asked);
  await settled();
  void worker.ask('report');
  assert.equal(child.sent.length, 33);
  child.emit('close', 0, null);
});
