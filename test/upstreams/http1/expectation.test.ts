import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Expectation } from '../../../src/upstreams/http1/expectation.ts';

test('a client is told to go on once, when the service has said nothing for a second', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let told = 0;
  const expectation = new Expectation(() => told++);
  expectation.start();
  t.mock.timers.tick(999);
  assert.equal(told, 0);
  t.mock.timers.tick(1);
  assert.equal(told, 1);
  assert.equal(expectation.settle(), false);
  t.mock.timers.tick(5000);
  assert.equal(told, 1);
});

test('a client whom the service has answered is told nothing', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let told = 0;
  const expectation = new Expectation(() => told++);
  expectation.start();
  assert.equal(expectation.settle(), true);
  assert.equal(expectation.settle(), false);
  t.mock.timers.tick(5000);
  assert.equal(told, 0);
});

test('an expectation that is settled before the service is asked never begins', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let told = 0;
  const expectation = new Expectation(() => told++);
  expectation.settle();
  expectation.start();
  t.mock.timers.tick(5000);
  assert.equal(told, 0);
});
