// The times of the spans of a call, and their names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spansOf } from '../../src/tracing/call-spans.ts';
import type { FinishedAttempt, FinishedCall } from '../../src/tracing/finished-call.ts';

const BEGAN = 1_800_000_000_000;
const call: FinishedCall = {
  traceId: '1'.repeat(32),
  spanId: '2'.repeat(16),
  parentId: '',
  state: '',
  isGrpc: true,
  isMethodNamed: false,
  httpMethod: 'POST',
  listener: 'public',
  client: '192.0.2.1:1234',
  tls: '',
  authority: 'a.test',
  method: '/a.B/C',
  route: 'all',
  upstream: 'voice',
  grpcStatus: 'RESOURCE_EXHAUSTED',
  httpStatus: 200,
  reason: '',
  endedBy: 'framegate',
  blockedBy: '',
  deadlineMs: -1,
  dryRun: '',
  fault: '',
  startedAtEpochMs: BEGAN,
  durationMs: 2,
  requestBytes: 0,
  responseBytes: 0,
  requestMessages: 0,
  responseMessages: 0,
  attemptCount: 1,
  attempts: [],
};

function attempt(beganMs: number, endedMs: number | undefined): FinishedAttempt {
  return {
    spanId: '3'.repeat(16),
    endpoint: '192.0.2.2:1',
    beganEpochMs: BEGAN + beganMs,
    endedEpochMs: endedMs === undefined ? -1 : BEGAN + endedMs,
    outcome: '',
    grpcStatus: '',
    event: '',
    detail: '',
  };
}

test('no span of an attempt ends before it begins, or lies outside of its call', () => {
  const times = [
    [2.001, undefined],
    [2.001, 2.002],
    [1, 0.999],
    [-0.001, -0.0005],
    [-0.001, 3],
    [0.5, 1],
  ] as const;
  for (const [began, ended] of times) {
    const [server, client] = spansOf({ ...call, attempts: [attempt(began, ended)] });
    const what = `${began} to ${ended ?? 'the end'}`;
    assert.ok(client.startEpochMs <= client.endEpochMs, what);
    assert.ok(client.startEpochMs >= server.startEpochMs && client.endEpochMs <= server.endEpochMs, what);
  }
  const [, client] = spansOf({ ...call, attempts: [attempt(0.5, 1)] });
  assert.deepEqual([client.startEpochMs, client.endEpochMs], [BEGAN + 0.5, BEGAN + 1]);
});

test('what a tried limit would have done, and an injected fault, are on the span of the call, and else nothing is', () => {
  const dryRun = 'would be refused by limits[0] (calls 100/s by client)';
  const [noted] = spansOf({ ...call, dryRun, fault: 'delay of 200 ms' });
  assert.equal(noted.attributes['framegate.dry_run'], dryRun);
  assert.equal(noted.attributes['framegate.fault'], 'delay of 200 ms');
  const [usual] = spansOf(call);
  assert.ok(!('framegate.dry_run' in usual.attributes) && !('framegate.fault' in usual.attributes));
});

/** @returns the name of the method and, if that is `_OTHER`, the method of the request */
function namesOf(parts: Partial<FinishedCall>): readonly unknown[] {
  const [{ name, attributes }] = spansOf({ ...call, ...parts });
  assert.equal(attributes['rpc.method'], name);
  return [name, attributes['rpc.method_original']];
}

test('a call that no service was asked for has the name of its method only if the configuration names it', () => {
  const named = ['a.B/C', undefined];
  const other = ['_OTHER', 'a.B/C'];
  for (const endedBy of ['framegate', 'downstream']) {
    assert.deepEqual(namesOf({ endedBy, attemptCount: 0 }), other, endedBy);
    assert.deepEqual(namesOf({ endedBy, attemptCount: 0, isMethodNamed: true }), named, endedBy);
    assert.deepEqual(namesOf({ endedBy, attemptCount: 1 }), named, endedBy);
  }
  assert.deepEqual(namesOf({ attemptCount: 0, route: '' }), other);
  assert.deepEqual(namesOf({ attemptCount: 0, isMethodNamed: true, method: '/a.B/C?token=1' }), named);
});

/** @returns status, `error.type` and outcome of each attempt */
function endsOf(parts: Partial<FinishedCall>): readonly (readonly unknown[])[] {
  return spansOf({ ...call, attemptCount: parts.attempts?.length ?? 0, ...parts })
    .slice(1)
    .map(({ attributes }) =>
      ['rpc.status_code', 'error.type', 'framegate.attempt.outcome'].map((key) => attributes[key]),
    );
}

test('an attempt that was given up with its call has the status of the call, also as its error', () => {
  for (const grpcStatus of ['DEADLINE_EXCEEDED', 'CANCELLED'])
    for (const outcome of ['given_up', ''])
      assert.deepEqual(endsOf({ grpcStatus, attempts: [{ ...attempt(0, 2), outcome }] }), [
        [grpcStatus, grpcStatus, 'given_up'],
      ]);
  const hedged = [attempt(0, 2), attempt(1, 2)].map((one) => ({ ...one, outcome: 'given_up' }));
  const late = ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'given_up'];
  assert.deepEqual(endsOf({ grpcStatus: 'DEADLINE_EXCEEDED', attempts: hedged }), [late, late]);
});

test('an attempt that was given up for another one has not the status of the call', () => {
  const attempts = [
    { ...attempt(0, 1), outcome: 'given_up' },
    { ...attempt(1, 2), outcome: 'answered', grpcStatus: 'OK' },
  ];
  assert.deepEqual(endsOf({ grpcStatus: 'OK', attempts }), [
    [undefined, 'cancelled', 'given_up'],
    ['OK', undefined, 'answered'],
  ]);
});

test('an attempt that is no gRPC, and was given up, was cancelled, whatever its call is answered with', () => {
  const attempts = [{ ...attempt(0, 2), outcome: 'given_up' }];
  const parts = { isGrpc: false, grpcStatus: '', httpStatus: 504, attempts };
  assert.deepEqual(endsOf(parts), [[undefined, 'cancelled', 'given_up']]);
});
