// When is it told that calls wait for a place, and what is said to be the reason?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Allowance, WaitingCalls, whyWaiting } from '../../src/upstreams/waiting-calls.ts';

function of(...allowances: readonly (Allowance | undefined)[]): string {
  const endpoints = allowances.map((allowance) => ({ allowance, places: 4 }));
  return whyWaiting(endpoints, Number.POSITIVE_INFINITY, 4 * endpoints.length).text;
}

/** Who is to blame where one endpoint allows this, and its four places are taken. */
function by(allowance: Allowance | undefined, mostCalls = Number.POSITIVE_INFINITY): string {
  return whyWaiting([{ allowance, places: 4 }], mostCalls, 4).by;
}

test('it is told once one call has waited from one look to the next, and again only when nobody waited in between', () => {
  const calls = new WaitingCalls<string>();
  assert.equal(calls.look(['a', 'b']), false);
  assert.equal(calls.look(['c']), false, 'none has waited for a second');
  assert.equal(calls.look(['c', 'd']), true);
  assert.equal(calls.look(['c', 'd']), false);
  assert.equal(calls.look(['e']), false);
  assert.equal(calls.look(['e']), false, 'the queue was never empty');
  assert.equal(calls.look([]), false);
  assert.equal(calls.look(['f']), false);
  assert.equal(calls.look(['f']), true);
});

test('what calls wait for', () => {
  assert.equal(
    of({ connections: 1, streams: 1 }, undefined),
    'its endpoints allow 1 each (MAX_CONCURRENT_STREAMS)',
  );
  assert.equal(
    of({ connections: 16, streams: 10 }, { connections: 16, streams: 10 }),
    'its endpoints allow 160 each (MAX_CONCURRENT_STREAMS 10, connections.max 16)',
  );
  assert.equal(
    of({ connections: 1, streams: 5 }, { connections: 1, streams: 2 }),
    'its endpoints allow 2 to 5 each (MAX_CONCURRENT_STREAMS)',
  );
  assert.equal(
    of({ connections: 1024, streams: undefined }),
    'its endpoints allow 1024 each (connections.max)',
  );
  assert.match(of({ connections: 1, streams: Number.POSITIVE_INFINITY }), /slow to take/);
  assert.match(of(undefined, undefined), /no endpoint has a connection/);
  assert.match(whyWaiting([], 4, 4).text, /limits\.streams/);
  assert.match(
    whyWaiting([{ allowance: { connections: 1, streams: 9 }, places: 9 }], Number.POSITIVE_INFINITY, 8).text,
    /kept for other clients/,
  );
  const unlimited = { connections: 1, streams: Number.POSITIVE_INFINITY };
  assert.match(
    whyWaiting([{ allowance: unlimited, places: Number.POSITIVE_INFINITY }], 9, 8).text,
    /kept for other clients/,
  );
});

test('the service is to blame where no endpoint answers or reads, and Framegate where all places are taken', () => {
  assert.equal(by(undefined), 'service');
  assert.equal(by({ connections: 1, streams: Number.POSITIVE_INFINITY }), 'service');
  assert.equal(by({ connections: 4, streams: 1 }), 'framegate');
  assert.equal(by({ connections: 4, streams: undefined }), 'framegate');
  assert.equal(by(undefined, 4), 'framegate', 'the limit would hold it back anyway');
});
