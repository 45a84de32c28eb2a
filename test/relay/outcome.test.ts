// How an exchange ended is decided once, unless the decision cannot reach the client any more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('an exchange that is not gRPC has no gRPC status, however it ended', () => {
  const outcome = new Outcome(false);
  outcome.decide('downstream', 'CANCELLED', 'The client went away.');
  assert.equal(said(outcome), 'downstream  The client went away.');
});
