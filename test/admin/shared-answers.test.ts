// Who shares an answer with whom, and how much is made at a time.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { beforeEach, describe, test } from 'node:test';
import type { Answer } from '../../src/admin/admin-pages.ts';
import { SharedAnswers } from '../../src/admin/shared-answers.ts';
import { Containment } from '../../src/transport/containment.ts';
import { settled } from '../support/settled.ts';

class Clock {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly action: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }

  later(action: () => void, ms: number): void {
    this.#timers.push({ atMs: this.nowMs + ms, action });
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { action } of due) action();
  }
}

async function textOf(answer: Promise<Answer | undefined>): Promise<string> {
  return String((await answer)?.text);
}

describe('answers that are shared', () => {
  let clock: Clock;
  let answers: SharedAnswers;
  let turnedAway: number;
  /** What is being made, in the order in which it began. */
  let begun: { readonly name: string; readonly end: PromiseWithResolvers<Answer> }[];

  beforeEach(() => {
    clock = new Clock();
    turnedAway = 0;
    begun = [];
    const containment = new Containment('listener', (_layer, error) => assert.ifError(error));
    answers = new SharedAnswers({ onBusy: () => turnedAway++, containment, clock });
  });

  function ask(
    page: string,
    { details = '', hasToken = false, asker = new EventEmitter() } = {},
  ): Promise<Answer | undefined> {
    const make = (): Promise<Answer> => {
      const end = Promise.withResolvers<Answer>();
      begun.push({ name: page + details, end });
      return end.promise;
    };
    return answers.ask({ page, details, hasToken, make }, asker);
  }

  /** Ends what is the nth to be made. */
  async function finish(n: number): Promise<void> {
    begun[n].end.resolve({ status: 200, text: `made as number ${n}` });
    await settled();
  }

  const names = (): string[] => begun.map(({ name }) => name);
  test('all who ask while an answer is being made share the next one, which is not older than their question', async () => {
    const first = ask('/metrics');
    const others = Array.from({ length: 100 }, () => ask('/metrics'));
    assert.deepEqual(names(), ['/metrics']);
    await finish(0);
    assert.equal(await textOf(first), 'made as number 0');
    clock.pass(1_000);
    assert.equal(begun.length, 2);
    await finish(1);
    const texts = await Promise.all(others.map(textOf));
    assert.deepEqual([...new Set(texts)], ['made as number 1']);
    const bodies = await Promise.all(others.map(async (other) => (await other)?.text));
    assert.equal(new Set(bodies).size, 1, 'they share one buffer');
    clock.pass(1_000);
    assert.equal(begun.length, 2);
  });

  test('another question of the same page waits for the first, and has an answer of its own', async () => {
    const all = ask('/api/exchanges');
    const blocked = ask('/api/exchanges', { details: 'blocked' });
    assert.deepEqual(names(), ['/api/exchanges']);
    await finish(0);
    assert.deepEqual(names(), ['/api/exchanges', '/api/exchangesblocked']);
    await finish(1);
    assert.deepEqual([await textOf(all), await textOf(blocked)], ['made as number 0', 'made as number 1']);
  });

  test('four answers are being made at a time, of different pages, whose turn comes in order', async () => {
    for (const page of ['a', 'b', 'c', 'd', 'e', 'f']) void ask(page);
    assert.deepEqual(names(), ['a', 'b', 'c', 'd']);
    void ask('a');
    clock.nowMs = 10;
    await finish(0);
    clock.pass(1_000);
    assert.deepEqual(names(), ['a', 'b', 'c', 'd', 'e']);
    await finish(1);
    await finish(2);
    assert.deepEqual(names(), ['a', 'b', 'c', 'd', 'e', 'f', 'a']);
  });

  test('a page rests for three times as long as its answer has taken, and not for clients with the token', async () => {
    void ask('a');
    clock.nowMs = 100;
    await finish(0);
    void ask('a');
    clock.pass(299);
    assert.equal(begun.length, 1);
    clock.pass(1);
    assert.equal(begun.length, 2);
    clock.nowMs = 500;
    await finish(1);
    const rests = ask('a');
    assert.equal(begun.length, 2);
    void ask('a', { hasToken: true });
    assert.equal(begun.length, 3);
    await finish(2);
    assert.equal(await textOf(rests), 'made as number 2');
  });

  test('a page rests for a second at most', async () => {
    void ask('a');
    clock.nowMs = 2_000;
    await finish(0);
    void ask('a');
    clock.pass(1_000);
    assert.equal(begun.length, 2);
  });

  test('a question with the token comes before those without it', async () => {
    void ask('a');
    void ask('a', { details: '?1' });
    void ask('a', { details: '?2', hasToken: true });
    await finish(0);
    assert.deepEqual(names(), ['a', 'a?2']);
  });

  test('a question too many is answered with 503 and retry-after; one with the token has room', async () => {
    for (let n = 0; n <= 32; n++) void ask('a', { details: `?${n}` });
    const one = await ask('a', { details: '?other' });
    assert.deepEqual([one?.status, one?.headers], [503, { 'retry-after': '1' }]);
    assert.equal(turnedAway, 1);
    void ask('a', { details: '?trusted', hasToken: true });
    void ask('a', { details: '?7' });
    assert.equal(turnedAway, 1, 'who asks what somebody waits for already needs no room');
    await finish(0);
    assert.deepEqual(names(), ['a?0', 'a?trusted']);
  });

  test('nothing is made for clients that have gone', async () => {
    const asker = new EventEmitter();
    void ask('a');
    const gone = ask('a', { asker });
    const goneToo = ask('b', { asker: new EventEmitter() });
    for (let n = 0; n < 40; n++) {
      const visitor = new EventEmitter();
      void ask('a', { details: `?${n}`, asker: visitor });
      visitor.emit('close');
    }
    asker.emit('close');
    assert.equal(await gone, undefined);
    assert.equal(turnedAway, 0, 'their places are free again');
    await finish(0);
    clock.pass(1_000);
    assert.deepEqual(names(), ['a', 'b']);
    await finish(1);
    assert.equal(await textOf(goneToo), 'made as number 1');
  });

  test('a failure reaches all who have asked, and nobody after them', async () => {
    void ask('a');
    const failing = [ask('a'), ask('a')];
    await finish(0);
    clock.pass(1_000);
    begun[1].end.reject(new Error('no answer'));
    for (const one of failing) await assert.rejects(one, /no answer/);
    await settled();
    clock.pass(1_000);
    const next = ask('a');
    await finish(2);
    assert.equal(await textOf(next), 'made as number 2');
  });
});
