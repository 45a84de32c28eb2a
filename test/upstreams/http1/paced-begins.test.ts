// Of each client some connections to HTTP/1.1 services are made in a turn, and nobody waits for another.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacedBegins } from '../../../src/upstreams/http1/paced-begins.ts';
import { nextTurns } from '../../support/memory-socket.ts';

function record(now: () => number = () => 0) {
  const begins = new PacedBegins(now);
  const begun: string[] = [];
  const add = (client: string, name: string): void => begins.add(client, () => begun.push(name) > 0);
  return { begins, begun, add };
}

test('of each client some begin in a turn, in their order', async () => {
  const { begun, add } = record();
  for (let index = 1; index <= 6; index++) add('many', `many ${index}`);
  assert.deepEqual([...begun], ['many 1', 'many 2']);
  await nextTurns(1);
  assert.deepEqual(begun.slice(2), ['many 3', 'many 4']);
  await nextTurns(1);
  add('many', 'many 7');
  assert.deepEqual(begun.slice(4), ['many 5', 'many 6']);
  await nextTurns(1);
  assert.equal(begun.at(-1), 'many 7');
  await nextTurns(2);
  add('many', 'many 8');
  assert.equal(begun.at(-1), 'many 8');
});

test('no client waits for another, however many there are', () => {
  const { begun, add } = record();
  for (let index = 1; index <= 6; index++) add('many', `many ${index}`);
  for (let index = 1; index <= 100; index++) add(`client ${index}`, `one ${index}`);
  assert.equal(begun.length, 102);
});

test('clients that are not told apart do not wait', () => {
  const { begun, add } = record();
  for (let index = 1; index <= 100; index++) add('', `one ${index}`);
  assert.equal(begun.length, 100);
});

test('where turns are long more begin in each', async () => {
  let nowMs = 0;
  const { begun, add } = record(() => nowMs);
  for (let index = 1; index <= 30; index++) add('many', `many ${index}`);
  nowMs = 10;
  await nextTurns(1);
  assert.equal(begun.length, 12);
});

test('one that was given up takes no room', async () => {
  const { begins, begun } = record();
  for (let index = 0; index < 100; index++)
    begins.add('a', () => {
      if (index > 1 && index < 98) return false;
      return begun.push(String(index)) > 0;
    });
  await nextTurns(2);
  assert.deepEqual(begun, ['0', '1', '98', '99']);
});
