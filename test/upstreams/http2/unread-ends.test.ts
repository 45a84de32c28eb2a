// How many of its places does an endpoint still take for in use? Without sockets, by a clock of the test.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Connection } from '../../../src/h2/connection.ts';
import { UnreadEnds } from '../../../src/upstreams/http2/unread-ends.ts';
import { standIn } from '../../support/stand-in.ts';

const MOST = 100;

class Watched {
  readonly http2 = {
    endsSent: 0,
    lastStreamId: 199,
    questions: 0,
    askToCatchUp: () => this.http2.questions++,
  };
  readonly ends: UnreadEnds;
  nowMs = 1_000_000;

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    t.mock.method(performance, 'now', () => this.nowMs);
    this.ends = new UnreadEnds(standIn<Connection>(this.http2), (action) => action());
  }

  /** Some more of the streams were ended by us. */
  end(count: number, active: number): void {
    this.http2.endsSent += count;
    this.ends.resolve(active, MOST);
  }

  pass(milliseconds: number, t: TestContext): void {
    this.nowMs += milliseconds;
    t.mock.timers.tick(milliseconds);
  }
}

test('places whose streams we have ended count until the endpoint says that it has read so far', (t) => {
  const watched = new Watched(t);
  watched.end(60, 40);
  assert.deepEqual([watched.ends.count, watched.http2.questions], [60, 1]);
  // What was ended behind the question is not in its answer.
  watched.end(10, 30);
  watched.ends.caughtUp();
  assert.equal(watched.ends.count, 10);
});

test('it is not asked while places abound, and asked where the last one is in doubt', (t) => {
  const watched = new Watched(t);
  watched.end(24, 70);
  assert.equal(watched.http2.questions, 0);
  watched.ends.resolve(76, MOST);
  assert.equal(watched.http2.questions, 1);
});

test('it is asked when a quarter of the places is in doubt', (t) => {
  const watched = new Watched(t);
  watched.end(25, 10);
  assert.equal(watched.http2.questions, 1);
});

test('it is asked no more often than any service bears, and asked in the end', (t) => {
  const watched = new Watched(t);
  for (let index = 0; index < 1000; index++) {
    watched.end(30, 70);
    watched.ends.caughtUp();
    watched.pass(10, t);
  }
  assert.ok(watched.http2.questions <= 8 + 16, `${watched.http2.questions} questions in 10 s`);
  for (let round = 0; round < 2; round++) {
    watched.pass(700, t);
    watched.ends.caughtUp();
    watched.ends.resolve(70, MOST);
  }
  assert.equal(watched.ends.count, 0);
});

test('an answer to a stream that was opened behind them shows that they were read', (t) => {
  const watched = new Watched(t);
  watched.end(10, 20);
  assert.equal(watched.ends.answered(199), false, 'from here on newer streams tell');
  watched.http2.lastStreamId = 203;
  watched.end(3, 20);
  assert.equal(watched.ends.answered(199), false, 'it was opened before');
  assert.equal(watched.ends.count, 13);
  assert.equal(watched.ends.answered(201), true);
  assert.equal(watched.ends.count, 3);
});

test('the answer to an older question takes nothing back', (t) => {
  const watched = new Watched(t);
  watched.end(30, 20);
  assert.equal(watched.http2.questions, 1);
  watched.ends.answered(199);
  watched.end(10, 20);
  watched.ends.answered(197);
  watched.http2.lastStreamId = 299;
  assert.equal(watched.ends.answered(201), true);
  assert.equal(watched.ends.count, 10, 'thirty were seen to be read');
  watched.ends.answered(201);
  assert.equal(watched.ends.answered(301), true);
  assert.equal(watched.ends.count, 0);
  watched.ends.caughtUp();
  assert.equal(watched.ends.count, 0);
});

test('an endpoint that does not answer the question is done without after ten seconds', (t) => {
  const watched = new Watched(t);
  watched.end(100, 0);
  assert.equal(watched.ends.giveUpWaiting(watched.nowMs + 9999), false);
  assert.equal(watched.ends.count, 100);
  assert.equal(watched.ends.giveUpWaiting(watched.nowMs + 10_000), true);
  assert.equal(watched.ends.count, 0);
  assert.equal(watched.ends.giveUpWaiting(watched.nowMs + 20_000), false);
  // Its late answer is none to the next question.
  watched.pass(10_000, t);
  watched.end(100, 0);
  assert.equal(watched.http2.questions, 2);
  watched.ends.caughtUp();
  assert.equal(watched.ends.count, 100);
  watched.ends.caughtUp();
  assert.equal(watched.ends.count, 0);
});
