// The deadline of one exchange: passes once, unless it is cleared.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Deadline } from '../../src/relay/deadline.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';

function clockOf(t: TestContext): { wheel: DeadlineWheel; passes: (ms: number) => void } {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let nowMs = 0;
  const wheel = new DeadlineWheel(() => nowMs);
  return {
    wheel,
    passes: (ms) => {
      nowMs += ms;
      wheel.advance();
    },
  };
}

test('it is set when it is made, and passes once', (t) => {
  const { wheel, passes } = clockOf(t);
  let passed = 0;
  const deadline = new Deadline(wheel, { deadlinePassed: () => passed++ }, 100);
  assert.equal(wheel.size, 1);
  passes(99);
  assert.equal(passed, 0);
  passes(21);
  passes(100_000);
  assert.equal(passed, 1);
  deadline.clear();
});

test('once cleared it does not pass, and may be cleared again', (t) => {
  const { wheel, passes } = clockOf(t);
  const deadline = new Deadline(wheel, { deadlinePassed: () => assert.fail('it was cleared') }, 100);
  deadline.clear();
  deadline.clear();
  assert.equal(wheel.size, 0);
  passes(100_000);
});
