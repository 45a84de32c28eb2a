import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isForbiddenTrailer } from '../../src/h2/trailer-rules.ts';

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
  test(`${name} may stand in trailers`, () => assert.equal(isForbiddenTrailer(name), false));
}
