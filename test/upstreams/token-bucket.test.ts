import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../../src/upstreams/token-bucket.ts';

test('so many are there at once, and as many each second as it says', () => {
  const bucket = new TokenBucket(3, 2, 0);
  assert.deepEqual(
    [bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(0)],
    [true, true, true, false],
  );
  assert.equal(bucket.take(499), false);
  assert.equal(bucket.take(500), true);
  assert.equal(bucket.left(60_000), 3);
  assert.equal(bucket.isFull(60_000), true);
});

test('what is owed is paid back first, and is a burst at most', () => {
  const bucket = new TokenBucket(3, 1, 0);
  bucket.spend(0, 100);
  assert.equal(bucket.left(0), -3);
  assert.equal(bucket.take(3500), false);
  assert.equal(bucket.take(4000), true);
});

test('a clock that goes back gives nothing', () => {
  const bucket = new TokenBucket(1, 1, 1000);
  assert.equal(bucket.take(1000), true);
  assert.equal(bucket.take(0), false);
});
