// A question of a policy to a service: what becomes of the call, of the count, and of the next question.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, tooManyCancelled } from '../../src/calls/failure.ts';
import type { PendingQuestion, Questioner } from '../../src/calls/policy.ts';
import type { AskedQuestion } from '../../src/calls/question-observer.ts';
import type { UnaryListener } from '../../src/calls/unary-service.ts';
import { type Inquiry, ServiceQuestion } from '../../src/policies/service-question.ts';

class Scene {
  readonly told: string[] = [];
  readonly counted: AskedQuestion[] = [];
  listener: UnaryListener | undefined = undefined;
  readonly questioner: Questioner = {
    admit: () => void this.told.push('admitted'),
    refuse: ({ token }) => void this.told.push(token),
  };
  readonly question: PendingQuestion;

  constructor(passesUnanswered: boolean, inquiry: Partial<Inquiry> = {}) {
    const terms = {
      key: 'authorize',
      upstream: 'authorizer',
      timeoutMs: 100,
      timeoutKey: 'authorize.timeout',
      passesUnanswered,
      observer: { asked: (question: AskedQuestion) => void this.counted.push(question) },
      tokenOfSilence: 'authorizer_unavailable',
      unanswered: (why: string) => failure('authorizer_unavailable', why),
    };
    this.question = new ServiceQuestion(terms, this.questioner, {
      begin: (listener) => {
        this.listener = listener;
        return {
          cancel: () => void this.told.push('cancelled'),
          expire: () => void this.told.push('expired'),
        };
      },
      judge: () => undefined,
      passes: () => void this.told.push('passes'),
      ...inquiry,
    });
  }

  get results(): readonly string[] {
    return this.counted.map(({ result }) => result);
  }
}

const CAUSE = tooManyCancelled(200);

test('a client that must not be asked about is refused whatever failure says, and counted', () => {
  for (const passesUnanswered of [false, true]) {
    const scene = new Scene(passesUnanswered);
    scene.listener?.refused(CAUSE);
    assert.deepEqual([scene.told, scene.results], [[CAUSE.token], ['failed']]);
    assert.ok(!scene.counted[0]?.why.endsWith('.') && scene.counted[0]?.why !== '');
  }
});

test('a stream that runs does not pay for other calls of its client: failure decides', () => {
  const ended = new Scene(false, { isOfRunningCall: true });
  ended.listener?.refused(CAUSE);
  assert.deepEqual([ended.told, ended.results], [['authorizer_unavailable'], ['failed']]);
  const kept = new Scene(true, { isOfRunningCall: true });
  kept.listener?.refused(CAUSE);
  assert.deepEqual([kept.told, kept.results], [['admitted', 'passes'], ['passed']]);
});

test('the next question is arranged once this one has its answer', () => {
  const allowed = new Scene(false);
  allowed.listener?.answered(Buffer.alloc(0));
  assert.deepEqual([allowed.told, allowed.results], [['admitted', 'passes'], ['allowed']]);
  const unanswered = new Scene(true);
  unanswered.listener?.failed('nobody is there');
  assert.deepEqual([unanswered.told, unanswered.results], [['admitted', 'passes'], ['passed']]);
  const late = new Scene(true);
  assert.equal(late.question.timeOver?.(), undefined);
  assert.deepEqual([late.told, late.results], [['expired', 'passes'], ['passed']]);
});

test('a refused call asks no further question', () => {
  const scene = new Scene(false, { judge: () => CAUSE });
  scene.listener?.answered(Buffer.alloc(0));
  assert.deepEqual([scene.told, scene.results], [[CAUSE.token], ['denied']]);
  const late = new Scene(false);
  assert.equal(late.question.timeOver?.()?.token, 'authorizer_unavailable');
  assert.deepEqual(late.told, ['expired']);
});

test('a service that ends a question itself because its time is over is late, and one that says so at once has a trouble of its own', (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const told = '127.0.0.1:1 answered with DEADLINE_EXCEEDED: Deadline Exceeded';
  const late = 'the service of upstream authorizer has not answered in 100 ms (authorize.timeout)';
  for (const passesUnanswered of [false, true])
    for (const [tookMs, status, why] of [
      [99, 'DEADLINE_EXCEEDED', late],
      [5, 'DEADLINE_EXCEEDED', told],
      [99, 'UNAVAILABLE', told],
      [99, undefined, told],
    ] as const) {
      nowMs = 0;
      const scene = new Scene(passesUnanswered);
      nowMs = tookMs;
      scene.listener?.failed(told, status);
      assert.equal(scene.counted[0]?.why, why, `${status} after ${tookMs} ms`);
      assert.deepEqual(scene.results, [passesUnanswered ? 'passed' : 'failed']);
    }
});
