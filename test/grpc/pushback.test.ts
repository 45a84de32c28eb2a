// What a service says by grpc-retry-pushback-ms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pushbackMs } from '../../src/grpc/pushback.ts';

for (const [value, waitMs] of [
  ['0', 0],
  ['20', 20],
  ['2147483647', 2_147_483_647],
  ['2147483648', -1],
  ['-1', -1],
  ['', -1],
  ['soon', -1],
  ['1.5', -1],
  [' 1', -1],
  ['99999999999', -1],
] as const) {
  test(`'${value}' is ${waitMs < 0 ? 'no other attempt' : `a pause of ${waitMs} ms`}`, () => {
    assert.equal(pushbackMs(value), waitMs);
  });
}
