// How long the calls of a route may take, and when they are sent again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { RETRYABLE_STATUSES } from '../../src/config/route-time-schema.ts';
import { GrpcStatus } from '../../src/grpc/status.ts';

function load(route: string, protocol = 'h2c') {
  return parseConfig(
    `
listeners: [{ address: 127.0.0.1:0 }]
routes: [{ match: { path: /* }, upstream: voice, ${route} }]
upstreams: { voice: { protocol: ${protocol}, endpoints: ["127.0.0.1:1"] } }
`,
    'test.yaml',
  );
}

test('calls may be sent again after every status of gRPC but OK', () => {
  assert.deepEqual(
    RETRYABLE_STATUSES,
    Object.keys(GrpcStatus).filter((name) => name !== 'OK'),
  );
});

test('retry has a default for everything', () => {
  const loaded = load('retry: {}');
  assert.ok('config' in loaded);
  assert.deepEqual(loaded.config.routes[0].retry, {
    attempts: 3,
    on: ['UNAVAILABLE'],
    backoffMs: 100,
    maxBackoffMs: 2000,
    perTryMs: undefined,
    holdMs: 50,
  });
  assert.equal(loaded.config.upstreams[0].limits.retries, 0.2);
});

test('what is off is no limit', () => {
  const loaded = load('timeouts: { deadline: off, idle: 1m }, retry: { hold: off, perTry: 2s }');
  assert.ok('config' in loaded);
  const [{ timeouts, retry }] = loaded.config.routes;
  assert.deepEqual(timeouts, { deadlineMs: undefined, maxDeadlineMs: undefined, idleMs: 60_000 });
  assert.deepEqual([retry?.holdMs, retry?.perTryMs], [0, 2000]);
});

test('hedge has a default for everything, and may begin all attempts at once', () => {
  const loaded = load('hedge: {}');
  assert.ok('config' in loaded);
  assert.deepEqual(loaded.config.routes[0].hedge, { attempts: 2, delayMs: 100, on: ['UNAVAILABLE'] });
  const other = load('hedge: { attempts: 5, delay: 0s, on: [] }');
  assert.ok('config' in other);
  assert.deepEqual(other.config.routes[0].hedge, { attempts: 5, delayMs: 0, on: [] });
});

for (const [route, protocol, message] of [
  ['retry: {}', 'http1', /speaks HTTP\/1\.1, so no gRPC/],
  ['retry: { attempts: 6 }', 'h2c', /5/],
  ['retry: { attempts: 1 }', 'h2c', /2/],
  ['retry: { on: [OK] }', 'h2c', /must be one of CANCELLED/],
  ['retry: { on: [] }', 'h2c', /empty/],
  ['hedge: {}', 'http1', /speaks HTTP\/1\.1, so no gRPC/],
  ['hedge: {}, retry: {}', 'h2c', /stands beside retry/],
  ['hedge: { attempts: 6 }', 'h2c', /5/],
  ['hedge: { on: [OK] }', 'h2c', /must be one of CANCELLED/],
  ['hedge: { delay: 2m }', 'h2c', /out of range/],
  ['timeouts: { idle: 10ms }', 'h2c', /out of range/],
] as const) {
  test(`${route} is refused for ${protocol}`, () => {
    const loaded = load(route, protocol);
    assert.ok('problems' in loaded);
    assert.match(loaded.problems.map((problem) => problem.message).join(), message);
  });
}
