// Which ends of calls make an outlier of an endpoint, and which do not because one client alone has caused them.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ClientShares } from '../../../src/upstreams/client-shares.ts';
import type { Holding } from '../../../src/upstreams/holding.ts';
import { EndpointOutcomes } from '../../../src/upstreams/outliers/endpoint-outcomes.ts';

const shares = new ClientShares<never>(0, () => Number.POSITIVE_INFINITY);

function client(key: string, speaksForMany = false): Holding {
  return shares.holdingOf(key, undefined, speaksForMany);
}

const [A, B] = [client('10.0.0.1'), client('10.0.0.2')];

class Judged {
  readonly reasons: string[] = [];
  recoveries = 0;
  readonly outcomes: EndpointOutcomes;
  #nowMs = 100_000;

  constructor(t: TestContext, consecutive = 3) {
    t.mock.method(performance, 'now', () => this.#nowMs);
    this.outcomes = new EndpointOutcomes({
      consecutive,
      failingStatuses: new Set(['UNAVAILABLE']),
      onOutlier: (_outcomes, why) => this.reasons.push(why),
      onReachedAgain: () => this.recoveries++,
    });
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  fail(holding: Holding, times = 1): void {
    for (let call = 0; call < times; call++) {
      this.pass(1);
      this.outcomes.failed('a reset', holding);
    }
  }

  serve(holding: Holding, times = 1): void {
    for (let call = 0; call < times; call++) this.outcomes.answered('OK', holding);
  }
}

test('so many failures in a row make an outlier, whatever they are', (t) => {
  const judged = new Judged(t);
  judged.serve(A);
  judged.fail(A);
  judged.pass(1);
  judged.outcomes.answered('UNAVAILABLE', A);
  judged.pass(1);
  judged.outcomes.failed('a lost connection', A);
  assert.deepEqual(judged.reasons, ['failed 3 times in a row, the last time with a lost connection']);
});

test('a success ends the row, and so does a status that is not chosen', (t) => {
  const judged = new Judged(t);
  for (const status of ['OK', 'NOT_FOUND', '']) {
    judged.fail(A, 2);
    judged.outcomes.answered(status, A);
  }
  judged.fail(A, 2);
  assert.deepEqual(judged.reasons, []);
});

test('failures of one moment are one: a connection that breaks ends many calls', (t) => {
  const judged = new Judged(t);
  for (let call = 0; call < 100; call++) judged.outcomes.failed('a lost connection', A);
  assert.deepEqual(judged.reasons, []);
});

test('a client alone does not make an outlier of an endpoint that serves others', (t) => {
  const judged = new Judged(t);
  judged.serve(B);
  judged.fail(A, 50);
  assert.deepEqual(judged.reasons, []);
  judged.fail(B);
  assert.equal(judged.reasons.length, 1, 'it fails for the others, too');
});

test('the more failures make a row, the more of them have to be of others', (t) => {
  const judged = new Judged(t, 5);
  judged.serve(B);
  judged.fail(A, 50);
  judged.fail(B);
  assert.deepEqual(judged.reasons, []);
  judged.fail(B);
  assert.equal(judged.reasons.length, 1);
});

test('what a client was served itself speaks for nobody else', (t) => {
  const judged = new Judged(t);
  judged.serve(A);
  judged.fail(A, 3);
  assert.equal(judged.reasons.length, 1);
});

test('that others were served long ago does not matter', (t) => {
  const judged = new Judged(t);
  judged.serve(B);
  judged.serve(A);
  judged.pass(11_000);
  judged.fail(A, 3);
  assert.equal(judged.reasons.length, 1);
});

test('clients that cannot be told apart are several', (t) => {
  const judged = new Judged(t);
  judged.serve(B);
  judged.fail(client('', true), 3);
  assert.equal(judged.reasons.length, 1);
});

test('on trial one failure is enough, and one success ends the trial', (t) => {
  const judged = new Judged(t);
  judged.outcomes.isOnTrial = true;
  judged.fail(A);
  assert.deepEqual(judged.reasons, ['failed again when it was tried: a reset']);
  judged.serve(A);
  assert.equal(judged.outcomes.isOnTrial, false);
  judged.fail(A);
  assert.equal(judged.reasons.length, 1);
});

test('too many failures of a window are told, if there were calls enough', (t) => {
  const judged = new Judged(t, 1000);
  for (let call = 0; call < 60; call++) judged.fail(call % 2 === 0 ? A : B);
  judged.serve(A, 9);
  assert.equal(judged.outcomes.takeWindow(50, 85), 'failed 60 of 69 calls, the last one with a reset');
  assert.equal(judged.outcomes.takeWindow(50, 85), undefined, 'each window by itself');
  judged.fail(B, 49);
  assert.equal(judged.outcomes.takeWindow(50, 85), undefined, 'too few calls');
  judged.fail(B, 84);
  judged.serve(B, 16);
  assert.equal(judged.outcomes.takeWindow(50, 85), undefined, 'too few failures');
});

test('a window is not spoilt by one client while others are served', (t) => {
  const judged = new Judged(t, 1000);
  judged.fail(A, 100);
  judged.serve(B, 5);
  judged.fail(B, 2);
  assert.equal(judged.outcomes.takeWindow(50, 85), undefined);
  judged.fail(A, 100);
  judged.serve(A, 5);
  judged.pass(11_000);
  assert.equal(
    judged.outcomes.takeWindow(50, 85),
    'failed 100 of 105 calls, the last one with a reset',
    'nobody else was served',
  );
});

test('the reason names the last message of the endpoint, bounded and harmless', (t) => {
  const fail = (judged: Judged, message: string): void => {
    judged.pass(1);
    judged.outcomes.answered('UNAVAILABLE', A, new Map([['grpc-message', message]]));
  };
  const judged = new Judged(t, 2);
  fail(judged, 'first');
  fail(judged, 'no database%3A%20timeout%0A%E2%80%AE%07');
  assert.deepEqual(judged.reasons, [
    'failed 2 times in a row, the last time with UNAVAILABLE (“no database: timeout???”)',
  ]);
  judged.outcomes.forget();
  fail(judged, 'x'.repeat(100_000));
  fail(judged, `%E4%BD%A0${'x'.repeat(100_000)}`);
  assert.match(
    judged.reasons[1],
    /^failed 2 times in a row, the last time with UNAVAILABLE \(“你x{199}…”\)$/,
  );
  judged.outcomes.forget();
  judged.fail(A, 2);
  assert.equal(
    judged.reasons[2],
    'failed 2 times in a row, the last time with a reset',
    'no older message is named',
  );
});

test('too many failures in a window name the last one', (t) => {
  const judged = new Judged(t, 1000);
  judged.fail(A, 30);
  judged.outcomes.answered('UNAVAILABLE', B, new Map([['grpc-message', 'busy']]));
  assert.equal(
    judged.outcomes.takeWindow(30, 85),
    'failed 31 of 31 calls, the last one with UNAVAILABLE (“busy”)',
  );
});
