import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isClaimAboutClient, isForbiddenTrailer } from '../../src/h2/trailer-rules.ts';

for (const name of [
  'content-length',
  'transfer-encoding',
  'host',
  'trailer',
  'te',
  'connection',
  'http2-settings',
  'cache-control',
  'expect',
  'range',
  'if-none-match',
  'authorization',
  'cookie',
  'set-cookie',
  'date',
  'location',
  'vary',
  'content-type',
  'content-encoding',
  'content-range',
]) {
  test(`${name} may not stand in trailers`, () => assert.equal(isForbiddenTrailer(name), true));
}

for (const name of ['grpc-status', 'x-sum', 'etag', 'content-digest', 'server-timing', 'accept-ranges']) {
  test(`${name} may stand in trailers`, () => {
    assert.deepEqual([isForbiddenTrailer(name), isClaimAboutClient(name)], [false, false]);
  });
}

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
  for (const name of ['x-forward', 'x-originals', 'forwarded-by-hand', 'envoy-x', 'real-ip'])
    assert.equal(isClaimAboutClient(name), false);
});
