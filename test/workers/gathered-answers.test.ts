// The diagnoses of workers, added up: what is counted never goes back when a worker is slow or ends.

import assert from 'node:assert/strict';
import { ChildProcess } from 'node:child_process';
import { test } from 'node:test';
import { type DiagnosisReport, DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import { GatheredAnswers } from '../../src/workers/gathered-answers.ts';
import { type WorkerEvents, WorkerProcess } from '../../src/workers/worker-process.ts';

/** One that was never started. It answers as the test says. */
class Child extends ChildProcess {
  override readonly connected = true;
  answer: DiagnosisReport | undefined = undefined;
  readonly sent: unknown[] = [];
  override readonly send = (message: unknown): boolean => {
    this.sent.push(message);
    const question: unknown = Reflect.get(Object(message), 'question');
    const { answer } = this;
    queueMicrotask(() =>
      this.emit('message', {
        type: 'answer',
        question,
        body: answer === undefined ? {} : { diagnoses: answer },
      }),
    );
    return true;
  };
}

function reportOf(count: number): DiagnosisReport {
  const ring = new DiagnosisRing();
  for (let index = 0; index < count; index++)
    ring.record({ code: 'FG1001', token: 'plaintext_on_tls_port', sentence: 'a' }, 'a');
  return ring.report();
}

const unexpected = (): never => assert.fail('nothing else happens to this worker');
const NOTHING_ELSE = {
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
  onEndpointChanges: unexpected,
  onEvents: unexpected,
  onLogNews: unexpected,
  onFarewell: unexpected,
  onLastWords: unexpected,
  onCommitted: unexpected,
};

test('what a worker has told counts while it does not answer, and once it has ended, and never twice', async () => {
  const living = new Set<WorkerProcess>();
  const gathered = new GatheredAnswers(() => [...living]);
  const events: WorkerEvents = {
    ...NOTHING_ELSE,
    onDiagnosed: (worker, diagnoses) => gathered.keep(worker, { diagnoses }),
    onGone: (worker) => {
      living.delete(worker);
      gathered.gone(worker);
    },
  };
  const children = [new Child(), new Child()];
  for (const [index, child] of children.entries())
    living.add(new WorkerProcess(index + 1, child, unexpected, events));
  const [first, second] = children;
  const count = async (): Promise<number | undefined> => (await gathered.diagnoses()).counts['FG1001'];
  first.emit('message', { type: 'diagnosed', report: reportOf(3) });
  second.answer = reportOf(2);
  assert.equal(await count(), 5);
  first.emit('message', { type: 'diagnosed', report: reportOf(4) });
  second.answer = undefined;
  assert.equal(await count(), 6, 'neither answers');
  const asked = count();
  first.emit('close', null, 'SIGKILL');
  assert.equal(await asked, 6, 'one ends while it is asked');
  second.emit('close', null, 'SIGKILL');
  assert.equal(await count(), 6);
  assert.equal((await gathered.diagnoses()).recent.length, 2);
});

test('each worker is told whether to say how many calls endpoints hold up', async () => {
  const child = new Child();
  const worker = new WorkerProcess(1, child, unexpected, {
    ...NOTHING_ELSE,
    onDiagnosed: unexpected,
    onGone: unexpected,
  });
  const gathered = new GatheredAnswers(() => [worker]);
  for (const heldUp of [true, false]) {
    assert.deepEqual((await gathered.upstreams({ heldUp })).unanswered, [1]);
    assert.deepEqual(Reflect.get(Object(child.sent.at(-1)), 'upstreams'), { heldUp });
  }
});
