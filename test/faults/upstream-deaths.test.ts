// Services that die, go away or give up half of their connection while calls run: every call ends, with all that came
// before, and the log has one record of each that says the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata, status } from '../../src/demo/grpc.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import { startProxyProcess, startServiceProcess } from '../support/proxy-process.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { goAwayFrame } from '../support/raw-frames.ts';

test('kill -9 with 100 calls of all four kinds open: none is OK, none hangs, none is missing in the log', async (t) => {
  const service = await startServiceProcess(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  const client = proxy.voiceClient('tls');
  const bidi = Array.from({ length: 25 }, () => client.streamAudio());
  for (const stream of bidi) stream.send({ sequence: 7, audio: Buffer.alloc(500, 1), returnAudio: true });
  const outcomes = [
    ...Array.from({ length: 25 }, () => client.say({ delayMs: 600_000 })),
    ...Array.from({ length: 25 }, () => client.narrate({ text: 'a b', repeat: 1000, intervalMs: 60_000 })),
    ...Array.from({ length: 25 }, () => {
      const { promise, resolve } = Promise.withResolvers<{ code: number; details: string }>();
      const call = client.raw.transcribe(new Metadata(), {}, (error) =>
        resolve(error ?? { code: 0, details: '' }),
      );
      call.write({ sequence: 1, audio: Buffer.alloc(1000) });
      return promise;
    }),
  ];
  for (const stream of bidi) {
    const event = await stream.next();
    assert.equal(event?.sequence, 7);
    assert.ok(event.audio.equals(Buffer.alloc(500, 1)));
  }
  service.kill();
  for (const outcome of await Promise.all([...outcomes, ...bidi.map((stream) => stream.outcome)])) {
    assert.equal(status[outcome.code], 'UNAVAILABLE', outcome.details);
  }
  const records = await proxy.wantRecords(100);
  assert.equal(records.length, 100);
  for (const { grpcStatus, reason } of records) {
    assert.equal(grpcStatus, 'UNAVAILABLE');
    assert.match(reason, /^upstream_connection_(lost|refused|reset): /);
  }
  await startDemo(t, { address: service.address });
  await eventually('calls succeed again', async () => status[(await client.say({})).code] === 'OK');
});

test('a service that dies under ten calls leaves one warning, which names it and says how many there were', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxyProcess(t, { endpoints: [upstream.address] });
  const client = await connectRawClient({ port: await proxy.port('clear') });
  t.after(() => client.destroy());
  const calls = Array.from({ length: 10 }, () => client.call());
  const { peer } = await upstream.wantRequest(9);
  peer.destroy();
  for (const call of calls) assert.equal((await client.outcome(call)).grpcStatus, String(status.UNAVAILABLE));
  const lost = () => proxy.lines().filter(({ msg }) => String(msg).startsWith('lost '));
  const [line] = await eventually('the log says so', () => lost().length > 0 && lost());
  assert.deepEqual(
    [line['level'], line['upstream'], line['endpoint'], line['calls']],
    [40, 'voice', upstream.address, 10],
  );
  assert.match(String(line['msg']), /^lost 10 calls: ./);
  assert.equal(lost().length, 1);
});

test('GOAWAY without an error: calls up to the last one finish, later ones go to another connection', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const first = client.call();
  const second = client.call();
  const request = await upstream.wantRequest(0);
  await upstream.wantRequest(1);
  request.peer.send(goAwayFrame(request.streamId, ErrorCode.NO_ERROR, 'restart'));
  // The second was not processed: it comes again, by another connection.
  const again = await upstream.wantRequest(2);
  assert.notEqual(again.peer, request.peer);
  again.succeed(Buffer.from('second'));
  assert.equal((await client.outcome(second)).grpcStatus, '0');
  request.succeed(Buffer.from('first'));
  const outcome = await client.outcome(first);
  assert.equal(outcome.grpcStatus, '0');
  assert.equal(outcome.content.subarray(5).toString(), 'first');
  const records = await proxy.wantRecords(2);
  assert.deepEqual(
    records.map(({ grpcStatus, attempts }) => [grpcStatus, attempts]),
    [
      ['OK', 2],
      ['OK', 1],
    ],
  );
});

for (const code of [ErrorCode.ENHANCE_YOUR_CALM, ErrorCode.INTERNAL_ERROR]) {
  test(`GOAWAY with code ${code}: calls up to the last one finish, later ones may have run and are not repeated`, async (t) => {
    const upstream = await startRawUpstream(t);
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('clear');
    const first = client.call();
    const second = client.call();
    const request = await upstream.wantRequest(0);
    await upstream.wantRequest(1);
    // nghttp2 names the last stream when it makes the frame, and runs those that it reads before it sends it.
    request.peer.send(goAwayFrame(request.streamId, code, 'flooded'));
    const { grpcStatus, resetCode } = await client.outcome(second);
    assert.deepEqual([grpcStatus, resetCode], [String(status.UNAVAILABLE), undefined]);
    request.succeed(Buffer.from('first'));
    assert.equal((await client.outcome(first)).grpcStatus, '0');
    assert.equal(upstream.requests.length, 2);
    // The next call has another connection.
    const third = client.call();
    const next = await upstream.wantRequest(2);
    assert.notEqual(next.peer, request.peer);
    next.succeed();
    assert.equal((await client.outcome(third)).grpcStatus, '0');
  });
}

test('GOAWAY with an error and a closed connection behind it: the calls it named end with UNAVAILABLE', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const call = client.call();
  const request = await upstream.wantRequest();
  request.sendHeaders();
  request.sendMessage(Buffer.from('one'));
  request.peer.send(goAwayFrame(request.streamId, ErrorCode.ENHANCE_YOUR_CALM, 'too_many_pings'));
  request.peer.socket.end();
  const outcome = await client.outcome(call);
  assert.equal(outcome.grpcStatus, String(status.UNAVAILABLE));
  assert.equal(outcome.content.subarray(5).toString(), 'one');
  assert.match((await proxy.record()).reason, /^upstream_connection_lost: /);
});

test('a service that half-closes its connection in the middle of calls loses none of them silently', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const calls = [client.call(), client.call(), client.call()];
  const [done, begun] = [await upstream.wantRequest(0), await upstream.wantRequest(1)];
  await upstream.wantRequest(2);
  done.succeed(Buffer.from('whole'));
  begun.sendHeaders();
  begun.peer.socket.end();
  const outcomes = await Promise.all(calls.map((call) => client.outcome(call)));
  assert.deepEqual(
    outcomes.map(({ grpcStatus }) => grpcStatus),
    ['0', '14', '14'],
  );
  assert.equal(outcomes[0].content.subarray(5).toString(), 'whole');
});

test('a service that stalls is waited for as long as the client waits, and told so when it gives up', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const patient = client.call();
  const request = await upstream.wantRequest(0);
  const hasty = client.call({ fields: [['grpc-timeout', '200m']] });
  const stalled = await upstream.wantRequest(1);
  stalled.sendHeaders();
  const outcome = await client.outcome(hasty);
  assert.equal(outcome.grpcStatus, String(status.DEADLINE_EXCEEDED));
  const reset = await stalled.peer.wantReset(stalled.streamId);
  assert.equal(reset.payload.readUInt32BE(0), ErrorCode.CANCEL);
  request.succeed();
  assert.equal((await client.outcome(patient)).grpcStatus, '0');
});
