// The deadline of one exchange: passes once, unless it is cleared.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Deadline } from '../../src/relay/deadline.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';

function clockOf(t: TestContext): { wheel: DeadlineWheel; passes: (ms: number) => void } {
  t.mock.timers.enable({ apis: ['setTimeout'] });
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
  const deadline = new Deadline(wheel, { deadlinePassed: () => passed++, fault: assert.fail }, 100);
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
  const deadline = new Deadline(
    wheel,
    { deadlinePassed: () => assert.fail('it was cleared'), fault: assert.fail },
    100,
  );
  deadline.clear();
  deadline.clear();
  assert.equal(wheel.size, 0);
  passes(100_000);
});

test('what is thrown when one passes is told to its call, and the others of that moment pass all the same', (t) => {
  const { wheel, passes } = clockOf(t);
  const fault = new Error('a fault of ours');
  const told: unknown[] = [];
  const fail = (): never => {
    throw fault;
  };
  const keepers = [
    { deadlinePassed: fail, fault: (error: unknown) => told.push(error) },
    { deadlinePassed: () => told.push('passed'), fault: assert.fail },
  ];
  const deadlines = [...keepers, ...keepers].map((keeper) => new Deadline(wheel, keeper, 100));
  passes(200);
  assert.deepEqual(
    told.map((what) => what === fault),
    told.map((what) => what !== 'passed'),
  );
  assert.deepEqual([told.length, deadlines.length, wheel.size], [4, 4, 0]);
});
