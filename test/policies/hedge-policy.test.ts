// What the `hedge` of a route makes of its calls.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hedgePolicy } from '../../src/policies/hedge-policy.ts';
import { routeConfig } from '../support/route-config.ts';

test('a route without hedge has no such policy', () => {
  assert.equal(hedgePolicy(routeConfig()), undefined);
  assert.equal(hedgePolicy(undefined), undefined);
});

test('the statuses of the route are not fatal, all others are', () => {
  const policy = hedgePolicy(
    routeConfig({ hedge: { attempts: 3, delayMs: 20, on: ['UNAVAILABLE', 'ABORTED'] } }),
  );
  const hedge = policy?.retry?.hedge;
  assert.deepEqual([hedge?.attempts, hedge?.delayMs], [3, 20]);
  for (const [status, isFatal] of [
    ['UNAVAILABLE', false],
    ['ABORTED', false],
    ['INTERNAL', true],
    ['', true],
    ['77', true],
  ] as const)
    assert.equal(hedge?.isFatal(status), isFatal, status);
});

test('before several attempts run, a call is sent again only if no endpoint has processed it', () => {
  const policy = hedgePolicy(routeConfig({ hedge: { attempts: 2, delayMs: 0, on: ['UNAVAILABLE'] } }));
  assert.equal(policy?.retry?.verdict({ kind: 'failed', grpcStatus: 'UNAVAILABLE' }, 0), -1);
  assert.deepEqual(
    policy.adds,
    ['grpc-previous-rpc-attempts'],
    'clients cannot send it in the name of the proxy',
  );
});
