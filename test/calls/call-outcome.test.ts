import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isClientMistake,
  outcomeOfAnswer,
  outcomeOfHttp,
  outcomeOfStatus,
} from '../../src/calls/call-outcome.ts';
import { failure, memoryPressure } from '../../src/calls/failure.ts';
import { GrpcStatus } from '../../src/grpc/status.ts';

test('a gRPC status says whose fault it is', () => {
  const byOutcome = Object.groupBy(Object.keys(GrpcStatus), outcomeOfStatus);
  assert.deepEqual(byOutcome.ok, ['OK']);
  assert.deepEqual(byOutcome.cancelled, ['CANCELLED']);
  assert.deepEqual(byOutcome.failed?.toSorted(), [
    'DATA_LOSS',
    'DEADLINE_EXCEEDED',
    'INTERNAL',
    'UNAVAILABLE',
    'UNIMPLEMENTED',
    'UNKNOWN',
  ]);
  assert.ok(byOutcome.clientFault?.includes('PERMISSION_DENIED'));
});

test('without a gRPC status, the HTTP status and the end of the answer say it', () => {
  const whole = { endedBy: 'upstream', reason: '' } as const;
  assert.equal(outcomeOfHttp({ ...whole, httpStatus: 200 }), 'ok');
  assert.equal(outcomeOfHttp({ ...whole, httpStatus: 101 }), 'ok');
  assert.equal(outcomeOfHttp({ ...whole, httpStatus: 404 }), 'clientFault');
  assert.equal(outcomeOfHttp({ ...whole, httpStatus: 503 }), 'failed');
  assert.equal(outcomeOfHttp({ httpStatus: 200, endedBy: 'upstream', reason: 'It broke off.' }), 'failed');
  assert.equal(outcomeOfHttp({ httpStatus: 200, endedBy: 'downstream', reason: 'It left.' }), 'cancelled');
  assert.equal(outcomeOfHttp({ httpStatus: 0, endedBy: 'downstream', reason: '' }), 'cancelled');
  assert.equal(outcomeOfHttp({ httpStatus: 0, endedBy: 'framegate', reason: 'no' }), 'failed');
});

test('what a route answers itself has not failed, whatever the answer is', () => {
  const answer = {
    endedBy: 'framegate',
    reason: 'route_responds: The route answers.',
    isAnswer: true,
  } as const;
  assert.equal(outcomeOfHttp({ ...answer, httpStatus: 200 }), 'ok');
  assert.equal(outcomeOfHttp({ ...answer, httpStatus: 308 }), 'ok');
  assert.equal(outcomeOfHttp({ ...answer, httpStatus: 410 }), 'clientFault');
  assert.equal(outcomeOfHttp({ ...answer, httpStatus: 503 }), 'clientFault');
  assert.deepEqual(['OK', 'UNAVAILABLE', 'NOT_FOUND'].map(outcomeOfAnswer), [
    'ok',
    'clientFault',
    'clientFault',
  ]);
});

test('a mistake of a client is one of which its status would blame the service', () => {
  const tokens = [
    'plaintext_on_tls_port',
    'no_route',
    'connect_unsupported',
    'timeout_malformed',
    'authority_invalid',
    'path_invalid',
    'field_invalid',
  ] as const;
  for (const token of tokens) assert.ok(isClientMistake(failure(token, 'why')), token);
  // These statuses blame nobody but the client.
  assert.ok(!isClientMistake(failure('request_headers_too_large', 'why')));
  assert.ok(!isClientMistake(failure('draining', 'why')));
  assert.ok(!isClientMistake(failure('upstream_connection_lost', 'why')));
  assert.ok(!isClientMistake(memoryPressure()));
  const refused = { httpStatus: 501, endedBy: 'framegate', reason: 'why', isClientMistake: true } as const;
  assert.equal(outcomeOfHttp(refused), 'clientFault');
  assert.equal(outcomeOfHttp({ ...refused, httpStatus: 0 }), 'clientFault');
});
