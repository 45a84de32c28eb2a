// Questions to stores that are being connected to anew: how long they are held, how many, and when they go on.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RenewedStores } from '../../src/control/renewed-stores.ts';

/** The most questions that are held, to all stores together. */
const MOST = 4096;

interface Scene {
  readonly renewed: RenewedStores;
  /** What has happened, in order. */
  readonly happened: string[];
  /** @returns whether a question with this name is held */
  readonly hold: (store: string, name: string) => boolean;
  readonly tick: (ms: number) => void;
}

function sceneOf(t: TestContext): Scene {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const happened: string[] = [];
  const renewed = new RenewedStores((store) => happened.push(`${store} is silent`));
  t.after(() => renewed.endAll());
  return {
    renewed,
    happened,
    hold: (store, name) => renewed.hold(store, () => happened.push(`${name} goes on`)),
    tick: (ms) => t.mock.timers.tick(ms),
  };
}

test('questions to a renewed store are held until it has answered, and go on in their order', (t) => {
  const { renewed, happened, hold } = sceneOf(t);
  assert.equal(hold('one', 'early'), false, 'no store is being renewed');
  renewed.begin('one');
  assert.deepEqual([hold('one', 'first'), hold('one', 'second'), hold('two', 'other')], [true, true, false]);
  assert.deepEqual([happened, renewed.has('one')], [[], true]);
  renewed.end('one');
  assert.deepEqual(happened, ['first goes on', 'second goes on']);
  assert.deepEqual([renewed.has('one'), hold('one', 'late')], [false, false]);
});

test('a store that has said nothing for a second is silent, and its questions go on after that was said', (t) => {
  const { renewed, happened, hold, tick } = sceneOf(t);
  renewed.begin('one');
  hold('one', 'question');
  tick(999);
  assert.deepEqual(happened, []);
  tick(1);
  assert.deepEqual(happened, ['one is silent', 'question goes on']);
  assert.equal(renewed.has('one'), false);
});

test('a store that has answered is not silent later, and has a whole second when it is renewed again', (t) => {
  const { renewed, happened, tick } = sceneOf(t);
  renewed.begin('one');
  tick(600);
  renewed.end('one');
  renewed.begin('one');
  tick(999);
  assert.deepEqual(happened, []);
  tick(1);
  assert.deepEqual(happened, ['one is silent']);
});

test('no more than 4096 questions are held at the same time, to all stores together', (t) => {
  const { renewed, happened, hold } = sceneOf(t);
  renewed.begin('one');
  renewed.begin('two');
  for (let question = 0; question < MOST; question++) assert.ok(hold(question % 2 === 0 ? 'one' : 'two', ''));
  assert.deepEqual([hold('one', ''), hold('two', '')], [false, false]);
  renewed.end('one');
  assert.equal(happened.length, MOST / 2);
  for (let question = 0; question < MOST / 2; question++) assert.ok(hold('two', ''));
  assert.equal(hold('two', ''), false);
});

test('however many questions have been held before, others are held', (t) => {
  const { renewed, happened, hold } = sceneOf(t);
  for (let question = 0; question < 2 * MOST; question++) {
    renewed.begin('one');
    assert.ok(hold('one', 'question'), `question ${question}`);
    renewed.end('one');
  }
  assert.equal(happened.length, 2 * MOST);
});

test('when all are ended, all questions go on, and nothing is silent later', (t) => {
  const { renewed, happened, hold, tick } = sceneOf(t);
  for (const store of ['one', 'two']) {
    renewed.begin(store);
    hold(store, store);
  }
  renewed.endAll();
  tick(1000);
  assert.deepEqual(happened, ['one goes on', 'two goes on']);
  assert.deepEqual([renewed.has('one'), renewed.has('two')], [false, false]);
});
