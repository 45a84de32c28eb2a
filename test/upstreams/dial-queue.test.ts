// How many endpoints are dialled at the same time, and in which order do the others get their turn?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DialQueue } from '../../src/upstreams/dial-queue.ts';

class Dials {
  readonly queue: DialQueue;
  readonly dialled: string[] = [];
  readonly gone = new Set<string>();

  constructor(most: number) {
    this.queue = new DialQueue(most);
  }

  want(...names: readonly string[]): void {
    for (const name of names) {
      const dialInTurn = (): boolean => {
        if (this.gone.has(name)) return false;
        this.dialled.push(name);
        return true;
      };
      if (this.queue.enter({ dialInTurn })) dialInTurn();
    }
  }
}

test('beyond the limit endpoints get their turn when another has been decided, in the order in which they asked', () => {
  const dials = new Dials(2);
  dials.want('a', 'b', 'c', 'd');
  assert.deepEqual(dials.dialled.splice(0), ['a', 'b']);
  dials.queue.leave();
  assert.deepEqual(dials.dialled.splice(0), ['c']);
  // The one that has failed asks again, and comes after those that waited.
  dials.want('a');
  for (let turn = 0; turn < 2; turn++) dials.queue.leave();
  assert.deepEqual(dials.dialled, ['d', 'a']);
});

test('an endpoint that is gone when its turn comes leaves it to the next', () => {
  const dials = new Dials(1);
  dials.want('a', 'b', 'c', 'd');
  dials.gone.add('b').add('c');
  dials.queue.leave();
  assert.deepEqual(dials.dialled, ['a', 'd']);
  dials.queue.leave();
  dials.want('e', 'f');
  assert.deepEqual(dials.dialled, ['a', 'd', 'e']);
});
