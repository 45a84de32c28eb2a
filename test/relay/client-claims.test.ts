import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isClaimAboutClient } from '../../src/calls/client-claims.ts';

for (const name of [
  'x-forwarded-for',
  'x-forwarded-anything',
  'x_forwarded_for',
  'x-forwarded_for',
  'forwarded',
  'x-real-ip',
  'x_real_ip',
  'true-client-ip',
  'x-client-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-envoy-external-address',
  'x-request-id',
]) {
  test(`${name} is a claim about a client`, () => assert.equal(isClaimAboutClient(name), true));
}

test('a name that only looks like a claim is none', () => {
  for (const name of ['x-forward', 'x-originals', 'forwarded-by-hand', 'envoy-x', 'real-ip-x', 'grpc-status'])
    assert.equal(isClaimAboutClient(name), false);
});
