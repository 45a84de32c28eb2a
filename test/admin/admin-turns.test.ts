// How the admin server divides its time among those who ask, and leaves the rest of it to the calls.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { AdminTurns } from '../../src/admin/admin-turns.ts';
import { Containment } from '../../src/transport/containment.ts';

class Clock {
  nowMs = 0;
  #nextTurn: (() => void)[] = [];
  #timers: { readonly atMs: number; readonly action: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }

  nextTurn(action: () => void): void {
    this.#nextTurn.push(action);
  }

  later(action: () => void, ms: number): void {
    this.#timers.push({ atMs: this.nowMs + ms, action });
  }

  turn(): void {
    const due = this.#nextTurn;
    this.#nextTurn = [];
    for (const action of due) action();
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.turn();
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { action } of due) action();
  }
}

describe('the turns of an admin server', () => {
  let clock: Clock;
  let turns: AdminTurns;
  let faults: unknown[];
  let done: string[];

  beforeEach(() => {
    clock = new Clock();
    faults = [];
    done = [];
    turns = new AdminTurns(new Containment('listener', (_layer, error) => faults.push(error)), clock);
  });

  /** A step that takes so long. */
  function step(name: string, ms: number): () => void {
    return () => {
      done.push(name);
      clock.nowMs += ms;
    };
  }

  test('a step runs at once while there is little to do', () => {
    turns.take('http', step('a', 0.2));
    turns.take('http', step('b', 0.2));
    assert.deepEqual(done, ['a', 'b']);
  });

  test('about a millisecond is used in one turn of the event loop, and the rest waits in order', () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) turns.take('http', step(name, 0.5));
    assert.deepEqual(done, ['a', 'b']);
    clock.turn();
    assert.deepEqual(done, ['a', 'b', 'c', 'd']);
    clock.turn();
    assert.deepEqual(done, ['a', 'b', 'c', 'd', 'e']);
    assert.equal(turns.waiting, 0);
  });

  test('under a flood an eighth of the time is used, and everything that waits has its turn', () => {
    for (let n = 0; n < 4_000; n++) turns.take('http', step(String(n), 0.25));
    let used = done.length;
    // What was saved may be used first.
    for (let ms = 0; ms < 2_000; ms++) clock.pass(1);
    assert.ok(done.length > used);
    used = done.length;
    const beganMs = clock.nowMs;
    for (let ms = 0; ms < 2_000; ms++) clock.pass(1);
    const share = ((done.length - used) * 0.25) / (clock.nowMs - beganMs);
    assert.ok(share > 0.1 && share < 0.14, `${share}`);
    while (turns.waiting > 0) clock.pass(10);
    assert.deepEqual(
      done,
      Array.from({ length: 4_000 }, (_, n) => String(n)),
    );
  });

  test('a step that was interrupted counts as five milliseconds', () => {
    turns.take('http', step('a', 1_000));
    clock.turn();
    turns.take('http', step('b', 0.1));
    assert.deepEqual(done, ['a', 'b']);
  });

  test('neither line holds up the other', () => {
    for (let n = 0; n < 6; n++) turns.take('rpc', step(`rpc ${n}`, 0.5));
    turns.take('http', step('probe', 0.5));
    assert.deepEqual(done, ['rpc 0', 'rpc 1']);
    clock.turn();
    assert.deepEqual(done.slice(2), ['probe', 'rpc 2']);
  });

  test('a step that is not wanted any more does not run', () => {
    const unwanted = step('b', 1);
    turns.take('http', step('a', 1));
    turns.take('http', unwanted);
    turns.forget(unwanted);
    assert.equal(turns.waiting, 0);
    clock.turn();
    assert.deepEqual(done, ['a']);
  });

  test('a step that throws is reported, and the next ones run', () => {
    turns.take('http', () => {
      throw new Error('a fault');
    });
    turns.take('http', step('b', 0.1));
    assert.deepEqual([faults.length, done], [1, ['b']]);
  });

  test('a step may take another one, which is a part of it', () => {
    turns.take('http', () => {
      turns.take('http', step('inner', 0.1));
      done.push('outer');
    });
    assert.deepEqual(done, ['inner', 'outer']);
  });
});
