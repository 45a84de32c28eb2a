// The table of failures: only statuses a proxy may give, errors in HTTP too, and sentences that stay in bounds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  attemptTimedOut,
  connectionLost,
  deadlineExceeded,
  type Failure,
  failure,
  memoryPressure,
  noGrpcStatus,
  notGrpc,
  responseIdle,
  unavailable,
  upstreamBrokeRule,
} from '../../src/calls/failure.ts';
import { localResponse } from '../../src/calls/local-response.ts';
import { GrpcStatus, grpcStatusName } from '../../src/grpc/status.ts';

const MADE_HERE: readonly Failure[] = [
  failure('no_route', 'm'),
  failure('connect_unsupported', 'm'),
  failure('deadline_exceeded', 'm'),
  failure('timeout_malformed', 'm'),
  failure('request_headers_too_large', 'm'),
  failure('draining', 'm'),
  memoryPressure(),
  deadlineExceeded(100),
  connectionLost('a:1', 'r'),
  upstreamBrokeRule('a:1', 'v'),
  noGrpcStatus('a:1', 'w'),
  unavailable({ token: 'upstream_connection_refused', sentence: 's' }),
  ...Array.from({ length: 400 }, (_, index) => notGrpc('a:1', 200 + index, 'text/html')),
];

/** Those that belong to the service (gRPC "Status codes and their use"). */
const OF_SERVICES: ReadonlySet<number> = new Set([
  GrpcStatus.OK,
  GrpcStatus.INVALID_ARGUMENT,
  GrpcStatus.NOT_FOUND,
  GrpcStatus.ALREADY_EXISTS,
  GrpcStatus.FAILED_PRECONDITION,
  GrpcStatus.ABORTED,
  GrpcStatus.OUT_OF_RANGE,
  GrpcStatus.DATA_LOSS,
]);

test('no failure has a status that belongs to the service', () => {
  for (const { token, grpcStatus } of MADE_HERE) assert.ok(!OF_SERVICES.has(grpcStatus), token);
});

test('every failure is an error in HTTP as well, and has a name and a sentence', () => {
  for (const { token, httpStatus, message } of MADE_HERE) {
    assert.match(token, /^[a-z][a-z0-9_]+$/);
    assert.ok(httpStatus >= 400 && httpStatus <= 599, token);
    assert.ok(message.length > 0, token);
  }
});

test('long limits of time are told in seconds', () => {
  const { message } = deadlineExceeded(3_599_998);
  assert.equal(message, "The call's deadline of 3599.998 s passed (grpc-timeout).");
  assert.match(attemptTimedOut('a:1', 60_000).message, /has not responded in 60 s /);
});

test('each failure has the statuses its clients expect', () => {
  const statuses = Object.fromEntries(
    MADE_HERE.slice(0, 12).map(({ token, grpcStatus, httpStatus }) => [token, `${grpcStatus} ${httpStatus}`]),
  );
  assert.deepEqual(statuses, {
    no_route: '12 404',
    connect_unsupported: '12 501',
    deadline_exceeded: '4 504',
    timeout_malformed: '13 400',
    request_headers_too_large: '8 431',
    draining: '14 503',
    memory_pressure: '8 503',
    upstream_connection_lost: '14 502',
    upstream_protocol_error: '13 502',
    upstream_no_grpc_status: '2 502',
    upstream_connection_refused: '14 503',
  });
});

test('sentences name the endpoint, the reason and the deadline', () => {
  assert.match(deadlineExceeded(1500).message, /1500 ms/);
  assert.match(connectionLost('a:1', 'the peer reset the connection').message, /a:1 .*the peer reset/);
  assert.match(upstreamBrokeRule('a:1', 'data_on_connection').message, /a:1 .*\(data_on_connection\)/);
});

test('what an upstream says of its type is cut to 64 characters', () => {
  assert.ok(notGrpc('a:1', 200, 'x'.repeat(5000)).message.length < 250);
});

test('clients that are refused together come back between one second and two, each at its own time', () => {
  assert.equal(memoryPressure(() => 0).retryAfterMs, 1000);
  assert.equal(memoryPressure(() => 0.999_999).retryAfterMs, 1999);
  assert.match(memoryPressure(() => 0.5).message, /call again in 1500 ms/);
});

test('only what an endpoint has caused may be retried, and not what would come again or has no time left', () => {
  for (const { token, source, isRetryable } of MADE_HERE)
    if (isRetryable) assert.equal(source, 'endpoint', token);
  const retryable = new Set(MADE_HERE.filter((one) => one.isRetryable).map(({ token }) => token));
  assert.deepEqual(
    [...retryable].toSorted(),
    [
      'upstream_connection_lost',
      'upstream_connection_refused',
      'upstream_no_grpc_status',
      'upstream_not_grpc',
      'upstream_protocol_error',
    ].toSorted(),
  );
  for (const token of ['upstream_queue_full', 'upstream_streams_full']) {
    const { isRetryable, source, retryAfterMs = 0 } = unavailable({ token, sentence: 's' });
    assert.deepEqual([isRetryable, source, retryAfterMs > 0], [false, 'proxy', true]);
  }
  // A time limit of the route says nothing about the endpoint, but another may keep it.
  assert.deepEqual([attemptTimedOut('a', 1).source, attemptTimedOut('a', 1).isRetryable], ['policy', true]);
  assert.equal(responseIdle('a', 1).source, 'policy');
});

/** What a client sees of each fault that only a proxy can name: which status, and whether it is told when to call again. */
const ANSWERS: readonly (readonly [what: string, failure: Failure, status: string, hasPushback: boolean])[] =
  [
    ['no endpoint can be reached', unreachable('upstream_connection_refused'), 'UNAVAILABLE', false],
    ['a name is unknown', unreachable('upstream_name_not_found'), 'UNAVAILABLE', false],
    ['a certificate has expired', unreachable('upstream_certificate_not_trusted'), 'UNAVAILABLE', false],
    ['a service dies', connectionLost('a:1', 'r'), 'UNAVAILABLE', false],
    ['the deadline passes', deadlineExceeded(1), 'DEADLINE_EXCEEDED', false],
    ['an attempt takes too long, which is not the deadline', attemptTimedOut('a:1', 1), 'UNAVAILABLE', false],
    ['a service is silent, which is not the deadline', responseIdle('a:1', 1), 'UNAVAILABLE', false],
    ['the proxy stops', failure('draining', 'm'), 'UNAVAILABLE', false],
    ['too many calls wait', unreachable('upstream_queue_full'), 'UNAVAILABLE', true],
    ['memory is short', memoryPressure(), 'RESOURCE_EXHAUSTED', true],
    ['metadata is too large', failure('request_headers_too_large', 'm'), 'RESOURCE_EXHAUSTED', false],
    ['no route matches', failure('no_route', 'm'), 'UNIMPLEMENTED', false],
    ['a response ends without a status', noGrpcStatus('a:1', 'w'), 'UNKNOWN', false],
    ['a page of 400', notGrpc('a:1', 400, 'text/html'), 'INTERNAL', false],
    ['a page of 401', notGrpc('a:1', 401, 'text/html'), 'UNAUTHENTICATED', false],
    ['a page of 403', notGrpc('a:1', 403, 'text/html'), 'PERMISSION_DENIED', false],
    ['a page of 404', notGrpc('a:1', 404, 'text/html'), 'UNIMPLEMENTED', false],
    ['a page of 429', notGrpc('a:1', 429, 'text/html'), 'UNAVAILABLE', false],
    ['a page of 502', notGrpc('a:1', 502, 'text/html'), 'UNAVAILABLE', false],
    ['a page of 200', notGrpc('a:1', 200, 'text/html'), 'UNKNOWN', false],
  ];

function unreachable(token: string): Failure {
  return unavailable({ token, sentence: 's' });
}

for (const [what, cause, status, hasPushback] of ANSWERS) {
  test(`what a gRPC client is told when ${what}`, () => {
    const { httpStatus, fields } = localResponse(cause, { isGrpc: true, isHead: false });
    assert.deepEqual(
      [
        httpStatus,
        grpcStatusName(fields.get('grpc-status') ?? ''),
        fields.get('grpc-retry-pushback-ms') !== undefined,
      ],
      [200, status, hasPushback],
    );
  });
}
