// How an exchange ended is decided once, unless the decision cannot reach the client any more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { Outcome } from '../../src/relay/outcome.ts';

function said({ endedBy, grpcStatus, reason }: Outcome): string {
  return `${endedBy} ${grpcStatus} ${reason}`;
}

test('the first decision stands', () => {
  const outcome = new Outcome(true);
  outcome.decide('downstream', 'CANCELLED', 'first');
  outcome.decide('upstream', 'OK', '');
  outcome.decide('framegate', 'INTERNAL', 'third');
  assert.equal(said(outcome), 'downstream CANCELLED first');
});

test('an ordinary end is a decision too', () => {
  const outcome = new Outcome(true);
  outcome.decide('upstream', '', '');
  outcome.decide('downstream', 'CANCELLED', 'late');
  assert.equal(said(outcome), 'upstream  ');
});

test('overruling replaces what was decided, and stands itself', () => {
  const outcome = new Outcome(true);
  outcome.decide('upstream', 'OK', '');
  outcome.overrule('framegate', 'DEADLINE_EXCEEDED', 'too late');
  outcome.decide('downstream', 'CANCELLED', 'later');
  assert.equal(said(outcome), 'framegate DEADLINE_EXCEEDED too late');
});

for (const [what, decide] of [
  ['a call in another protocol', (outcome: Outcome) => outcome.decideMismatch('UNIMPLEMENTED', 'first')],
  ['a mistake of the client', (outcome: Outcome) => outcome.decideFailure(failure('no_route', 'why'), '')],
  ['an answer', (outcome: Outcome) => outcome.decideAnswer('UNAVAILABLE', 'first')],
] as const)
  test(`nothing is left of ${what} when it is overruled`, () => {
    const outcome = new Outcome(true);
    decide(outcome);
    assert.notEqual(outcome.isClientMistake, outcome.isAnswer);
    outcome.overrule('framegate', 'INTERNAL', 'a fault');
    assert.deepEqual([outcome.isClientMistake, outcome.isAnswer], [false, false]);
  });

test('an exchange that is not gRPC has no gRPC status, however it ended', () => {
  const outcome = new Outcome(false);
  outcome.decide('downstream', 'CANCELLED', 'The client went away.');
  assert.equal(said(outcome), 'downstream  The client went away.');
});
