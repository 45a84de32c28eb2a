// Calls that are given up together end some at a time, and none is forgotten.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacedEnds } from '../../../src/upstreams/http1/paced-ends.ts';
import { nextTurns } from '../../support/memory-socket.ts';

test('those that are given up together end some in each turn, the newest first', async () => {
  const ends = new PacedEnds();
  const ended: number[] = [];
  for (let index = 1; index <= 10; index++) ends.add(() => ended.push(index));
  assert.deepEqual([...ended], []);
  await nextTurns(1);
  assert.deepEqual([...ended], [10, 9, 8, 7]);
  ends.add(() => ended.push(11));
  await nextTurns(3);
  assert.deepEqual([...ended], [10, 9, 8, 7, 11, 6, 5, 4, 3, 2, 1]);
  ends.add(() => ended.push(12));
  await nextTurns(1);
  assert.equal(ended.at(-1), 12);
});

test('an end that leads to another does not go beyond the room of its turn', async () => {
  const ends = new PacedEnds();
  let count = 0;
  const end = (): void => {
    count++;
    if (count < 40) ends.add(end);
  };
  ends.add(end);
  await nextTurns(1);
  assert.ok(count <= 4, `${count} at once`);
  await nextTurns(20);
  assert.equal(count, 40);
});
