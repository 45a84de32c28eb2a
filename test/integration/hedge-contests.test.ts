// Several attempts of one call, and what may happen between them: who wins, that the client gets one response, whole, and that nothing is left.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import {
  type Answer,
  echo,
  MESSAGE,
  outcomesOf,
  record,
  reset,
  type Scene,
  scene,
  silence,
  sumOf,
  together,
  trailersOnly,
  wantNothingLeft,
} from '../support/hedged-scene.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { dataFrame, type Fields, goAwayFrame, grpcMessage, resetFrame } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';

const AT_ONCE = { delay: '0s' };
const ROUNDS = 20;

function reply(text: string): Buffer {
  return grpcMessage(Buffer.from(text));
}

/** Asserts that a stream has one head, one end and this content, after whatever may still come on the connection. */
async function assertOneResponse({ client }: Scene, streamId: number, content: Buffer): Promise<void> {
  await client.outcome(client.call({ path: '/warm/Up' }));
  const blocks = client.framesOf(streamId).filter(({ type }) => type === FrameType.HEADERS);
  assert.equal(blocks.length, 2, 'a head and trailers');
  assert.deepEqual(client.contentOf(streamId), content);
}

for (const services of [1, 2]) {
  test(`responses of two attempts in one turn, at ${services} endpoint(s): the client gets one, whole`, async (t) => {
    const all: Scene = await scene(
      t,
      [
        silence,
        () =>
          together(all.requests, (request) =>
            request.succeed(Buffer.from(`from ${all.requests.indexOf(request)}`)),
          ),
      ],
      { services, hedge: AT_ONCE },
    );
    const streamId = all.client.call({ body: MESSAGE });
    const outcome = await all.client.outcome(streamId);
    assert.equal(outcome.grpcStatus, '0');
    await assertOneResponse(all, streamId, outcome.content);
    assert.match(outcome.content.toString('latin1', 5), /^from [01]$/);
    await wantNothingLeft(all);
    const { lost, answered } = await outcomesOf(all);
    assert.deepEqual([lost, answered], [1, 2], 'the call, and the one behind it');
  });
}

test('what a lost attempt sends later never reaches the client', async (t) => {
  const all = await scene(t, [silence, echo], { hedge: AT_ONCE });
  const streamId = all.client.call({ body: MESSAGE });
  await all.client.outcome(streamId);
  const [first] = all.requests;
  await eventually('it is told', () =>
    first.peer.framesOf(first.streamId).some(({ type }) => type === FrameType.RST_STREAM),
  );
  first.succeed(Buffer.from('too late'));
  for (let call = 0; call < 3; call++) await all.client.outcome(all.client.call({ path: '/warm/Up' }));
  await assertOneResponse(all, streamId, MESSAGE);
  assert.equal(first.peer.isClosed, false);
});

test('the first piece of a message decides: the rest comes from the same attempt', async (t) => {
  const all = await scene(t, [silence], { hedge: AT_ONCE });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually('both attempts are made', () => all.requests.length === 2);
  const [first, second] = all.requests;
  const [one, other] = [reply('of the first'), reply('of the second one')];
  first.sendHeaders();
  second.sendHeaders();
  second.peer.sendData(second.streamId, other.subarray(0, 7));
  await eventually('it has won', () => all.client.contentOf(streamId).length === 7);
  first.peer.sendData(first.streamId, one);
  first.sendTrailers();
  second.peer.sendData(second.streamId, other.subarray(7));
  second.sendTrailers();
  const outcome = await all.client.outcome(streamId);
  assert.equal(outcome.grpcStatus, '0');
  await assertOneResponse(all, streamId, other);
});

test('an empty frame of DATA decides nothing', async (t) => {
  const all = await scene(t, [silence], { hedge: AT_ONCE });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually('both attempts are made', () => all.requests.length === 2);
  const [first, second] = all.requests;
  first.sendHeaders();
  first.peer.sendData(first.streamId, Buffer.alloc(0));
  first.sendTrailers([['grpc-status', '14']]);
  await eventually('it is over', async () => (await outcomesOf(all))['answered'] === 1);
  second.succeed(Buffer.from('second'));
  const outcome = await all.client.outcome(streamId);
  assert.deepEqual([outcome.grpcStatus, outcome.content], ['0', reply('second')]);
});

test('a head alone wins after a while, and then its status counts, whatever it is', async (t) => {
  const all = await scene(t, [silence], { hedge: AT_ONCE });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually('both attempts are made', () => all.requests.length === 2);
  const [first] = all.requests;
  first.sendHeaders();
  await all.client.wantHeaders(streamId);
  first.sendTrailers([['grpc-status', '14']]);
  assert.equal((await all.client.outcome(streamId)).grpcStatus, '14');
  await wantNothingLeft(all);
  assert.deepEqual(await outcomesOf(all), { answered: 1, lost: 1 });
});

for (const [what, breaks, status] of [
  ['is reset by a fatal status', (request: RawRequest) => request.reset(ErrorCode.INTERNAL_ERROR), 'reset 2'],
  ['is refused', (request: RawRequest) => request.reset(ErrorCode.REFUSED_STREAM), '0'],
  ['loses its connection', ({ peer }: RawRequest) => peer.destroy(), '0'],
  [
    'ends without a status',
    ({ peer, streamId }: RawRequest) => peer.send(dataFrame(streamId, Buffer.alloc(0), true)),
    '0',
  ],
] as const) {
  test(`an attempt that ${what} behind its head`, async (t) => {
    const all = await scene(t, [silence], { hedge: { ...AT_ONCE, on: ['UNAVAILABLE', 'UNKNOWN'] } });
    const streamId = all.client.call({ body: MESSAGE });
    await eventually('both attempts are made', () => all.requests.length === 2);
    const [first, second] = all.requests;
    first.peer.socket.cork();
    first.sendHeaders();
    breaks(first);
    first.peer.socket.uncork();
    if (status === '0') {
      await eventually('one attempt is over', async () => {
        const { failed = 0 } = await outcomesOf(all);
        return failed > 0;
      });
      second.succeed();
    }
    const outcome = await all.client.outcome(streamId);
    assert.equal(outcome.grpcStatus ?? `reset ${outcome.resetCode}`, status);
    for (const request of all.requests.slice(2)) request.succeed();
    await wantNothingLeft(all);
  });
}

test('the winner that is reset behind its first message ends the call: nobody takes its place', async (t) => {
  const all = await scene(t, [silence], { hedge: AT_ONCE });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually('both attempts are made', () => all.requests.length === 2);
  const [first, second] = all.requests;
  second.sendHeaders();
  second.peer.send(
    dataFrame(second.streamId, reply('half').subarray(0, 6)),
    resetFrame(second.streamId, ErrorCode.CANCEL),
  );
  const outcome = await all.client.outcome(streamId);
  assert.equal(outcome.resetCode, ErrorCode.CANCEL);
  first.succeed();
  await wantNothingLeft(all);
  assert.equal((await record(all)).attempts, 2);
});

test('GOAWAY in between: an attempt that was not processed is made again, and does not count', async (t) => {
  const all = await scene(t, [silence], { hedge: AT_ONCE });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually('both attempts are made', () => all.requests.length === 2);
  const [first] = all.requests;
  first.peer.send(goAwayFrame(0, ErrorCode.NO_ERROR));
  const third = await eventually('a third is made', () => all.requests.at(2));
  assert.equal(third.field('grpc-previous-rpc-attempts'), '1', 'the other one was before it');
  assert.equal(await sumOf(all.proxy, 'framegate_upstream_retries'), 1, 'two run, one is beyond the first');
  third.succeed(Buffer.from('third'));
  const outcome = await all.client.outcome(streamId);
  assert.deepEqual([outcome.grpcStatus, outcome.content], ['0', reply('third')]);
  await wantNothingLeft(all);
});

test('no further attempt goes to an endpoint that cannot be reached', async (t) => {
  const all = await scene(t, [silence, silence, echo], {
    hedge: { attempts: 3 },
    services: 2,
    more: ['127.0.0.1:1'],
  });
  const outcome = await all.client.outcome(all.client.call({ body: MESSAGE }));
  assert.equal(outcome.grpcStatus, '0');
  assert.equal(all.requests.length, 3);
});

test('while another endpoint can be used, no endpoint gets a call twice, even if the other has no room now', async (t) => {
  const all = await scene(t, [silence], {
    services: 2,
    hedge: AT_ONCE,
    server: { settings: [[3, 1]] },
    upstream: { connections: { max: 1 } },
  });
  // One place at each. A call without hedges takes one.
  const blocking = all.client.call({ path: '/warm/Blocking', body: MESSAGE, endStream: false });
  await eventually('it is there', () =>
    all.heads.some((request) => request.field(':path') === '/warm/Blocking'),
  );
  const streamId = all.client.call({ body: MESSAGE });
  const first = await eventually('the first attempt is made', () => all.requests.at(0));
  all.client.sendReset(blocking, ErrorCode.CANCEL);
  const second = await eventually('the other one has room', () => all.requests.at(1));
  assert.notEqual(first.peer, second.peer);
  second.succeed();
  assert.equal((await all.client.outcome(streamId)).grpcStatus, '0');
  await wantNothingLeft(all);
});

test('an endpoint that leaves keeps its attempt, which may win', async (t) => {
  const all = await scene(t, [silence], { hedge: AT_ONCE });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually('both attempts are made', () => all.requests.length === 2);
  const [first, second] = all.requests;
  const stays = all.services.find(({ peers }) => peers.includes(second.peer));
  assert.ok(stays !== undefined);
  const { port, address: text } = stays;
  const endpoints = [endpointAt({ kind: 'tcp', host: '127.0.0.1', port, text })];
  all.proxy.plane.updateEndpoints({ upstream: 'voice', version: 1, endpoints });
  first.succeed(Buffer.from('still there'));
  const outcome = await all.client.outcome(streamId);
  assert.deepEqual([outcome.grpcStatus, outcome.content], ['0', reply('still there')]);
  await wantNothingLeft(all);
});

test('the drain ends all attempts', async (t) => {
  const all = await scene(t, [silence], { hedge: AT_ONCE });
  const streamId = all.client.call({ body: MESSAGE });
  await eventually('both attempts are made', () => all.requests.length === 2);
  await all.proxy.proxy.drain();
  assert.equal((await all.client.outcome(streamId)).grpcStatus, '14');
});

test('hundreds of hedged calls leave nothing behind, however they end', async (t) => {
  const answers = [echo, trailersOnly(14), silence, trailersOnly(5), echo, reset(ErrorCode.REFUSED_STREAM)];
  let at = 0;
  const answer: Answer = (request) => answers[at++ % answers.length](request);
  // A call of which all attempts are silent ends by its deadline.
  const fields: Fields = [['grpc-timeout', '100m']];
  const all = await scene(t, [answer], { hedge: { ...AT_ONCE, attempts: 3 } });
  for (let round = 0; round < ROUNDS; round++) {
    const calls = Array.from({ length: 20 }, () => all.client.call({ body: MESSAGE, fields }));
    for (const [index, streamId] of calls.entries()) {
      if (index % 4 === 0) all.client.sendReset(streamId, ErrorCode.CANCEL);
      else await all.client.outcome(streamId);
    }
    all.client.frames.length = 0;
  }
  // Lost attempts run to their end where a connection bears no more resets.
  for (const request of all.requests) if (!request.peer.isClosed) request.reset(ErrorCode.CANCEL);
  await wantNothingLeft(all);
  assert.equal(all.proxy.plane.load.calls, 0);
  const records = await all.proxy.wantRecords(20 * ROUNDS + all.warmed);
  assert.equal(records.length, 20 * ROUNDS + all.warmed, 'each call has one record');
  const attempts = records.reduce((sum, one) => sum + Number(one['attempts']), 0);
  const outcomes = await outcomesOf(all);
  assert.equal(
    Object.values(outcomes).reduce((sum, count) => sum + count, 0),
    attempts - all.warmed,
    'each attempt has one outcome',
  );
});

test('real clients and services: a service that hangs does not make a call of grpc-js slow', async (t) => {
  const hanging = await startRawUpstream(t);
  const demo = await startDemo(t);
  const proxy = await startProxy(t, {
    sections: {
      routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice', hedge: { delay: '1ms' } }],
      upstreams: { voice: { endpoints: [hanging.address, demo.address] } },
    },
  });
  const client = proxy.voiceClient('tls');
  for (let call = 0; call < 10; call++) {
    const { code, reply: said } = await client.say({ text: `call ${call}` }, { deadlineMs: 10_000 });
    assert.deepEqual([code, said?.text], [0, `You said: call ${call}`]);
  }
  const records = await proxy.wantRecords(10);
  for (const { endpoint } of records) assert.equal(endpoint, demo.address);
  assert.ok(records.some(({ attempts }) => attempts === 2));
});
