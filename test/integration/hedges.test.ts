// The `hedge` of a route: what clients and services see of it, case by case, through a whole proxy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGrpcTimeout } from '../../src/grpc/timeout.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import {
  type Answer,
  echo,
  headersThenTrailers,
  MESSAGE,
  outcomesOf,
  page,
  record,
  reset,
  resetCodes,
  scene,
  silence,
  sumOf,
  trailersOnly,
  UNAVAILABLE,
  wantNothingLeft,
} from '../support/hedged-scene.ts';
import { windowUpdateFrame } from '../support/raw-frames.ts';

const PUSHBACK = 'grpc-retry-pushback-ms';
/** The time that a service is told is right within this. */
const INEXACT_MS = 15;

test('a slow first endpoint: another one answers, and the first is told CANCEL', async (t) => {
  const all = await scene(t, [silence, echo]);
  const outcome = await all.client.outcome(all.client.call({ body: MESSAGE }));
  assert.deepEqual([outcome.grpcStatus, outcome.content], ['0', MESSAGE]);
  const [first, second] = all.requests;
  assert.notEqual(first.peer, second.peer, 'they are different endpoints');
  assert.deepEqual([first.body, second.body], [MESSAGE, MESSAGE]);
  assert.deepEqual(
    [first, second].map((request) => request.field('grpc-previous-rpc-attempts')),
    [undefined, '1'],
  );
  await eventually('the slow one is told', () => resetCodes([first])[0] === ErrorCode.CANCEL);
  const { attempts, endpoint, grpcStatus, endedBy } = await record(all);
  const winner = all.services.find(({ peers }) => peers.includes(second.peer));
  assert.deepEqual([attempts, endpoint, grpcStatus, endedBy], [2, winner?.address, 'OK', 'upstream']);
  assert.equal(second.field('x-request-id'), first.field('x-request-id'));
});

/** What the services do with one attempt after the other; how many there are; which status the client gets. */
const CASES: readonly (readonly [
  what: string,
  answers: readonly Answer[],
  attempts: number,
  status: string,
  hedge?: Readonly<Record<string, unknown>>,
])[] = [
  ['a fast answer: no other attempt', [echo], 1, '0', { delay: '10s' }],
  ['UNAVAILABLE, then OK, long before the delay', [UNAVAILABLE, echo], 2, '0', { delay: '10s' }],
  ['UNAVAILABLE as often as there may be attempts', [UNAVAILABLE], 3, '14', { delay: '10s', attempts: 3 }],
  ['UNAVAILABLE more often than there are endpoints', [UNAVAILABLE], 5, '14', { delay: '10s', attempts: 5 }],
  ['a fatal status ends the call', [trailersOnly(5), echo], 1, '5', { delay: '10s' }],
  ['a fatal status of a later attempt ends the call', [silence, trailersOnly(5)], 2, '5'],
  [
    'a status that is not fatal by the route',
    [trailersOnly(5), echo],
    2,
    '0',
    { delay: '10s', on: ['NOT_FOUND'] },
  ],
  ['without statuses each one is fatal', [UNAVAILABLE, echo], 1, '14', { delay: '10s', on: [] }],
  ['a status in trailers behind a head', [headersThenTrailers(14), echo], 2, '0', { delay: '10s' }],
  ['a fatal status in trailers behind a head', [headersThenTrailers(5), echo], 1, '5', { delay: '10s' }],
  ['the last status in trailers', [headersThenTrailers(14)], 2, '14', { delay: '10s' }],
  [
    'a reset whose status is not fatal',
    [reset(ErrorCode.INTERNAL_ERROR), echo],
    2,
    '0',
    { delay: '10s', on: ['INTERNAL'] },
  ],
  ['a reset whose status is fatal', [reset(ErrorCode.INTERNAL_ERROR), echo], 1, 'reset 2', { delay: '10s' }],
  ['a refused stream', [reset(ErrorCode.REFUSED_STREAM), echo], 2, '0', { delay: '10s', on: [] }],
  ['a page of 503 in place of gRPC', [page, echo], 2, '0', { delay: '10s' }],
  ['a lost connection', [({ peer }) => peer.destroy(), echo], 2, '0', { delay: '10s' }],
  [
    'negative pushback: no other attempt',
    [trailersOnly(14, [PUSHBACK, '-1']), echo],
    1,
    '14',
    { delay: '10s' },
  ],
  ['pushback that is no number', [trailersOnly(14, [PUSHBACK, 'soon']), echo], 1, '14', { delay: '10s' }],
  ['pushback of 30 ms', [trailersOnly(14, [PUSHBACK, '30']), echo], 2, '0', { delay: '10s' }],
  ['all at once, the third answers', [silence, silence, echo], 3, '0', { delay: '0s', attempts: 3 }],
  [
    'all at once: no more than the endpoints that answer',
    [silence, silence, silence, silence, echo],
    5,
    '0',
    { delay: '0s', attempts: 5 },
  ],
];

for (const [what, answers, attempts, status, hedge = {}] of CASES) {
  test(what, async (t) => {
    const all = await scene(t, answers, { hedge });
    const outcome = await all.client.outcome(all.client.call({ body: MESSAGE }));
    assert.equal(outcome.grpcStatus ?? `reset ${outcome.resetCode}`, status);
    if (status === '0') assert.deepEqual(outcome.content, MESSAGE);
    assert.equal((await record(all)).attempts, attempts);
    assert.equal(all.requests.length, attempts);
    for (const request of all.requests) assert.deepEqual(request.body, MESSAGE);
  });
}

test('a lost attempt is lost, and neither failed nor given up', async (t) => {
  const all = await scene(t, [silence, silence, echo], { hedge: { attempts: 3 } });
  await all.client.outcome(all.client.call({ body: MESSAGE }));
  await wantNothingLeft(all);
  assert.deepEqual(await outcomesOf(all), { answered: 1, lost: 2 });
});

test('nobody answers: the deadline ends the call, and all attempts with it', async (t) => {
  const all = await scene(t, [silence], { hedge: { attempts: 5 } });
  const outcome = await all.client.outcome(
    all.client.call({ body: MESSAGE, fields: [['grpc-timeout', '200m']] }),
  );
  assert.equal(outcome.grpcStatus, '4');
  await wantNothingLeft(all);
  assert.equal(all.requests.length, 5);
  assert.deepEqual(await outcomesOf(all), { answered: 0, given_up: 5 });
  await eventually('each is told', () => resetCodes(all.requests).every((code) => code === ErrorCode.CANCEL));
});

test('each attempt gets the time that is left', async (t) => {
  const all = await scene(t, [silence, echo], { hedge: { delay: '40ms' } });
  const beganAtMs = performance.now();
  await all.client.outcome(all.client.call({ body: MESSAGE, fields: [['grpc-timeout', '10S']] }));
  const mostMs = performance.now() - beganAtMs;
  const [first, second] = all.requests.map((request) => request.field('grpc-timeout') ?? '');
  assert.equal(first, '10S');
  const spentMs = 10_000 - (parseGrpcTimeout(second) ?? Number.NaN);
  assert.ok(spentMs >= 40 - INEXACT_MS && spentMs <= mostMs + INEXACT_MS, `${second} after ${mostMs} ms`);
});

test('a client that cancels ends all attempts', async (t) => {
  const all = await scene(t, [silence], { hedge: { attempts: 3 } });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually('all attempts are made', () => all.requests.length === 3);
  all.client.sendReset(streamId, ErrorCode.CANCEL);
  await wantNothingLeft(all);
  await eventually('each is told', () => resetCodes(all.requests).every((code) => code === ErrorCode.CANCEL));
  assert.deepEqual(await outcomesOf(all), { answered: 0, given_up: 3 });
  const { attempts, grpcStatus, endedBy } = await record(all);
  assert.deepEqual([attempts, grpcStatus, endedBy], [3, 'CANCELLED', 'downstream']);
});

test('the budget of the upstream is for attempts beyond the first, and is given back', async (t) => {
  const all = await scene(t, [silence], { hedge: { delay: '0s' }, limits: { retries: '0%' } });
  const calls = Array.from({ length: 21 }, () => all.client.call({ body: MESSAGE }));
  await eventually('all calls arrive', () => all.requests.length === 41);
  assert.equal(await sumOf(all.proxy, 'framegate_upstream_retries'), 20);
  assert.equal(await sumOf(all.proxy, 'framegate_upstream_retries_refused_total'), 1);
  const single = all.requests.filter(({ fields }, _, list) => {
    const id = (one: typeof fields) => one.find(([name]) => name === 'x-request-id')?.[1];
    return list.filter((other) => id(other.fields) === id(fields)).length === 1;
  });
  assert.equal(single.length, 1);
  UNAVAILABLE(single[0]);
  const { reason, attempts } = await record(all);
  assert.equal(attempts, 1);
  assert.match(reason, /has 20 retries, as many as it may/);
  for (const streamId of calls) all.client.sendReset(streamId, ErrorCode.CANCEL);
  await wantNothingLeft(all);
});

test('a request that is too large has one attempt', async (t) => {
  const all = await scene(t, [silence, echo], { hedge: { delay: '0s' } });
  const piece = Buffer.alloc(14_000, 'x');
  const streamId = all.client.call({ path: '/voice/Large', endStream: false });
  for (let left = 5; left > 0; left--) all.client.sendData(streamId, piece, left === 1);
  const whole = await eventually('the request arrives', () => all.requests.at(0));
  assert.equal(whole.body.length, 5 * piece.length);
  // The next call is hedged, so this one would be by now.
  const streamIds = [1, 2, 3].map(() => all.client.call({ path: '/voice/Other', body: MESSAGE }));
  for (const other of streamIds) await all.client.outcome(other);
  assert.equal(all.heads.filter((request) => request.field(':path') === '/voice/Large').length, 1);
  UNAVAILABLE(whole);
  assert.equal((await all.client.outcome(streamId)).grpcStatus, '14');
  assert.equal((await all.proxy.record(({ method }) => method === '/voice/Large')).attempts, 1);
});

test('a call that goes on sending has one attempt, whatever its status', async (t) => {
  const all = await scene(t, [silence, echo], { hedge: { delay: '0s' } });
  const streamId = all.client.call({ path: '/voice/Stream', body: MESSAGE, endStream: false });
  await eventually('it arrives', () => all.heads.length === 1);
  await all.client.outcome(all.client.call({ path: '/voice/Other', body: MESSAGE }));
  assert.equal(all.heads.filter((request) => request.field(':path') === '/voice/Stream').length, 1);
  UNAVAILABLE(all.heads[0]);
  assert.equal((await all.client.outcome(streamId)).grpcStatus, '14');
  assert.equal((await all.proxy.record(({ method }) => method === '/voice/Stream')).attempts, 1);
});

test('a request that ends late is hedged from its end on', async (t) => {
  const all = await scene(t, [silence, echo], { hedge: { delay: '0s' } });
  const streamId = all.client.call({ body: MESSAGE.subarray(0, 7), endStream: false });
  await eventually('its beginning is at the first endpoint', () => all.heads.at(0)?.body.length === 7);
  assert.equal(all.heads.length, 1);
  all.client.sendData(streamId, MESSAGE.subarray(7), true);
  const outcome = await all.client.outcome(streamId);
  assert.deepEqual([outcome.grpcStatus, outcome.content], ['0', MESSAGE]);
  for (const request of all.requests) assert.deepEqual(request.body, MESSAGE);
});

test('what an endpoint has no room for yet, another gets nevertheless', async (t) => {
  // Each stream has room for five bytes.
  const all = await scene(t, [echo], {
    hedge: { delay: '0s' },
    server: { settings: [[4, 5]], givesCredit: false },
  });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually(
    'both have its beginning',
    () => all.heads.length === 2 && all.heads.every(({ body }) => body.length === 5),
  );
  const [, second] = all.heads;
  second.peer.send(windowUpdateFrame(second.streamId, 1000));
  const outcome = await all.client.outcome(streamId);
  assert.deepEqual([outcome.grpcStatus, outcome.content], ['0', MESSAGE]);
});
