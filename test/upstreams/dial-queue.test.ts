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

test('of 100,000 endpoints that fail at once, each gets its turn, one after the other', () => {
  const queue = new DialQueue(2);
  let turns = 0;
  let depth = 0;
  let deepest = 0;
  const candidate = {
    dialInTurn: () => {
      deepest = Math.max(deepest, ++depth);
      turns++;
      queue.leave();
      depth--;
      return true;
    },
  };
  const places = [queue.enter(candidate), queue.enter(candidate)];
  assert.deepEqual(places, [true, true]);
  for (let index = 0; index < 100_000; index++) queue.enter(candidate);
  queue.leave();
  assert.deepEqual([turns, deepest], [100_000, 1]);
  queue.leave();
  assert.deepEqual([queue.enter(candidate), queue.enter(candidate)], [true, true], 'no place is lost');
});

test('an endpoint that throws when its turn comes gives its place back', () => {
  const queue = new DialQueue(1);
  const fault = {
    dialInTurn: () => {
      throw new Error('a fault');
    },
  };
  queue.enter(fault);
  queue.enter(fault);
  assert.throws(() => queue.leave(), /a fault/);
  assert.ok(queue.enter(fault), 'its place is free');
});
