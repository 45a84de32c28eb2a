// Calls that are given up together end some at a time, in order, and none is forgotten.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacedEnds } from '../../src/upstreams/paced-ends.ts';
import { nextTurns } from '../support/memory-socket.ts';

test('a few end at once, and many some in each turn, in order', async () => {
  const ends = new PacedEnds();
  const ended: number[] = [];
  const end = (count: number): void => {
    for (let index = 0; index < count; index++) ends.run(() => ended.push(ended.length));
  };
  end(3);
  assert.equal(ended.length, 3);
  await nextTurns(2);
  end(14);
  assert.equal(ended.length, 7);
  await nextTurns(1);
  const inTwoTurns = Number(ended.length);
  assert.ok(inTwoTurns < 17, `${inTwoTurns} in two turns`);
  end(1);
  await nextTurns(6);
  assert.deepEqual(
    ended,
    Array.from({ length: 18 }, (_, index) => index),
  );
  end(4);
  assert.equal(ended.length, 22, 'a new turn has all its room');
});

test('an end that leads to another does not go beyond the room of its turn', async () => {
  const ends = new PacedEnds();
  let count = 0;
  const end = (): void => {
    count++;
    if (count < 40) ends.run(end);
  };
  ends.run(end);
  assert.ok(count <= 4, `${count} at once`);
  await nextTurns(20);
  assert.equal(count, 40);
});
