// V8 is asked to collect, in a process that was started without any flag.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectGarbage } from '../../src/overload/collect-garbage.ts';

const MIB = 1_048_576;

function heldBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Reachable from nowhere when it returns. */
function makeGarbage(): number {
  const garbage = Array.from({ length: 400_000 }, (_, index) => ({ index }));
  return garbage.length;
}

for (const thoroughness of ['regular', 'last-resort'] as const) {
  test(`what nobody needs any more is collected (${thoroughness})`, () => {
    collectGarbage(thoroughness);
    const beforeBytes = heldBytes();
    assert.equal(makeGarbage(), 400_000);
    collectGarbage(thoroughness);
    assert.ok(heldBytes() - beforeBytes < 2 * MIB, `${(heldBytes() - beforeBytes) / MIB} MiB are left`);
  });
}

test('the program itself gets no way to do so', () => {
  collectGarbage('regular');
  assert.equal(Reflect.get(globalThis, 'gc'), undefined);
});
