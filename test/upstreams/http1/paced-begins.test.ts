// Connections to HTTP/1.1 services are made some at a time, and clients take turns.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacedBegins } from '../../../src/upstreams/http1/paced-begins.ts';
import { nextTurns } from '../../support/memory-socket.ts';

test('some begin in each turn, those of one client in their order, and clients take turns', async () => {
  const begins = new PacedBegins();
  const begun: string[] = [];
  const add = (client: string, name: string): void => begins.add(client, () => begun.push(name) > 0);
  for (let index = 1; index <= 6; index++) add('many', `many ${index}`);
  add('few', 'few 1');
  assert.deepEqual([...begun], ['many 1', 'many 2']);
  await nextTurns(1);
  assert.deepEqual(begun.slice(2), ['many 3', 'few 1']);
  add('other', 'other 1');
  await nextTurns(2);
  assert.deepEqual(begun.slice(4), ['many 4', 'other 1', 'many 5', 'many 6']);
  await nextTurns(1);
  add('few', 'few 2');
  assert.equal(begun.at(-1), 'few 2');
});

test('one that was given up takes no room', async () => {
  const begins = new PacedBegins();
  const begun: number[] = [];
  for (let index = 0; index < 100; index++)
    begins.add('a', () => {
      if (index < 98 && index > 1) return false;
      return begun.push(index) > 0;
    });
  await nextTurns(100);
  assert.deepEqual(begun, [0, 1, 98, 99]);
});
