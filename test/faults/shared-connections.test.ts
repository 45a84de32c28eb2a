// One client does what its own connection bears, and what the connection that it shares with others to the service does not.
// The calls of the others go on, and none runs twice. The services have the budgets of real ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { ENDLESS, NodeService, QUICK, SLOW, startNettyService } from '../support/budgeted-services.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { RawCall, RawClient } from '../support/raw-client.ts';
import { goAwayFrame, resetFrame } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';
import { SteadyClient } from '../support/steady-client.ts';

const LANES = 60;
const ATTACKER = '127.0.0.66';

/** So many calls, some at a time, each ended by `end` when the response has begun. */
async function attack(
  proxy: ProxyUnderTest,
  call: RawCall,
  times: number,
  end: (client: RawClient, stream: number) => void,
): Promise<void> {
  const client = await proxy.rawClient('clear', { localAddress: ATTACKER });
  let left = times;
  const lane = async (): Promise<void> => {
    while (left-- > 0 && !client.isClosed) {
      const stream = client.call(call);
      const isAnswered = await client.wantHeaders(stream).then(
        () => true,
        () => false,
      );
      if (!isAnswered) return;
      // Later than what counts as a rapid reset.
      await new Promise((resolve) => setTimeout(resolve, 25));
      end(client, stream);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function cancel(client: RawClient, stream: number): void {
  client.sendReset(stream, ErrorCode.CANCEL);
}

for (const path of [SLOW, ENDLESS]) {
  test(`1,400 cancels of ${path} harm no other call on the connection to a node:http2 service`, async (t) => {
    const service = await NodeService.start(t);
    const proxy = await startProxy(t, { endpoints: [service.address] });
    const bystander = await SteadyClient.start(proxy, SLOW);
    await attack(proxy, { path }, 1400, cancel);
    await bystander.stop();
    assert.deepEqual(bystander.failures, []);
    assert.ok(bystander.calls >= 16, `${bystander.calls} calls beside the attack`);
    assert.deepEqual(service.counts.doubled, []);
    assert.equal(service.failures, 0);
  });
}

/** Responds at once and ends a while later, or never. */
function respond(request: RawRequest, ends: boolean): void {
  request.sendHeaders();
  if (ends) setTimeout(() => request.sendTrailers(), 300);
}

for (const ends of [true, false]) {
  const what = ends ? 'that end soon' : 'that never end';
  test(`600 cancels of responses ${what} harm no other call at a service that counts as Netty does`, async (t) => {
    const service = await startNettyService(t, (request) =>
      respond(request, ends || request.field('x-call') !== undefined),
    );
    const proxy = await startProxy(t, { endpoints: [service.server.address] });
    const bystander = await SteadyClient.start(proxy, SLOW);
    await attack(proxy, { path: SLOW }, 600, cancel);
    await bystander.stop();
    assert.deepEqual(bystander.failures, []);
    assert.deepEqual(service.counts.doubled, []);
    assert.equal(service.killed(), 0);
  });
}

test('responses that come before the end of their requests are no more resets than a service bears', async (t) => {
  const service = await startNettyService(t, (request) => respond(request, true), {
    onRequest: (request) => {
      if (request.field('x-call') !== undefined) return;
      request.sendHeaders();
      request.sendTrailers();
    },
  });
  const proxy = await startProxy(t, { endpoints: [service.server.address] });
  const bystander = await SteadyClient.start(proxy, QUICK);
  // Each is reset upstream with NO_ERROR: the request has not ended, and nobody wants the rest of it.
  await attack(proxy, { path: QUICK, endStream: false }, 600, () => undefined);
  await bystander.stop();
  assert.deepEqual(bystander.failures, []);
  assert.equal(service.killed(), 0);
});

test('cancels of many clients wear a connection out, and another takes over before it dies', async (t) => {
  const service = await startNettyService(t, (request) => respond(request, true));
  const proxy = await startProxy(t, { endpoints: [service.server.address] });
  const bystander = await SteadyClient.start(proxy, SLOW);
  for (let index = 0; index < 8; index++) {
    const client = await proxy.rawClient('clear', { localAddress: `127.0.0.${80 + index}` });
    const streams = Array.from({ length: 45 }, () => client.call({ path: SLOW }));
    for (const stream of streams) await client.wantHeaders(stream);
    for (const stream of streams) cancel(client, stream);
  }
  await bystander.stop();
  assert.deepEqual(bystander.failures, []);
  assert.deepEqual(service.counts.doubled, []);
  assert.equal(service.killed(), 0);
  assert.ok(service.server.peers.length > 1, 'another connection took over');
  await proxy.line(({ msg }) => /takes no more calls: as many of its calls were given up/.test(String(msg)));
});

test('a client that cancels now and then has each cancel passed on at once', async (t) => {
  const service = await startNettyService(t, (request) => respond(request, false));
  const proxy = await startProxy(t, { endpoints: [service.server.address] });
  const client = await proxy.rawClient('clear');
  for (let round = 0; round < 20; round++) {
    const stream = client.call({ path: ENDLESS });
    await client.wantHeaders(stream);
    cancel(client, stream);
    await eventually('the service sees it', () => resetsOf(service.server.peers[0].frames) === round + 1);
  }
});

function resetsOf(received: readonly { readonly type: number }[]): number {
  return received.filter(({ type }) => type === FrameType.RST_STREAM).length;
}

test('a client whose cancelled calls still run may begin no more than so many, is told why, and may again later', async (t) => {
  const open: RawRequest[] = [];
  const service = await startNettyService(t, (request) => {
    respond(request, false);
    open.push(request);
  });
  const proxy = await startProxy(t, { endpoints: [service.server.address] });
  // So that the connection is not the attacker's alone, which would simply be closed.
  const other = await proxy.rawClient('clear', { localAddress: '127.0.0.7' });
  await other.wantHeaders(other.call());
  await attack(proxy, { path: ENDLESS }, 1300, cancel);
  const client = await proxy.rawClient('clear', { localAddress: ATTACKER });
  const refused = await client.outcome(client.call({ path: ENDLESS }));
  assert.equal(refused.grpcStatus, '8');
  assert.match(refused.grpcMessage, /calls that this client has cancelled still run/);
  for (const request of open.slice(1)) request.sendTrailers();
  await eventually('it may call again', async () => {
    const stream = client.call({ path: ENDLESS });
    await client.wantHeaders(stream);
    return client.outcomeSoFar(stream).grpcStatus === undefined;
  });
});

test('what nobody reads any more is dropped up to a bound, and never without one', async (t) => {
  const service = await startNettyService(t, (request) => respond(request, false));
  const proxy = await startProxy(t, { endpoints: [service.server.address] });
  const other = await proxy.rawClient('clear', { localAddress: '127.0.0.7' });
  await other.wantHeaders(other.call());
  await attack(proxy, { path: ENDLESS }, 100, cancel);
  const [{ peers, requests }] = [service.server];
  const abandoned = requests.findLast(
    ({ streamId }) =>
      !peers[0].frames.some((frame) => frame.type === FrameType.RST_STREAM && frame.streamId === streamId) &&
      streamId > 1,
  );
  assert.ok(abandoned !== undefined, 'a stream runs out');
  peers[0].pump(abandoned.streamId, 8_000_000);
  await eventually('credit ends', () => peers[0].pumped(abandoned.streamId) >= 1_048_576);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const dropped = peers[0].pumped(abandoned.streamId);
  assert.ok(dropped <= 1_048_576 + 2 * 131_072, `${dropped} bytes for nobody`);
  // The others on the connection do not feel it.
  peers[0].pump(requests[0].streamId, 100_000);
  await eventually('the other is served', () => other.contentOf(1).length === 100_000);
});

for (const code of [ErrorCode.PROTOCOL_ERROR, ErrorCode.COMPRESSION_ERROR]) {
  test(`a client whose calls are stream errors (${code}) is refused before the shared connection ends`, async (t) => {
    const service = await startNettyService(t, (request, reset) => {
      if (request.field('x-call') === undefined) reset(code);
      else respond(request, true);
    });
    const proxy = await startProxy(t, { endpoints: [service.server.address] });
    const bystander = await SteadyClient.start(proxy, SLOW);
    const client = await proxy.rawClient('clear', { localAddress: ATTACKER });
    let refusals = 0;
    for (let index = 0; index < 600; index++) {
      const { grpcStatus, grpcMessage } = await client.outcome(client.call({ path: QUICK }));
      if (grpcStatus === '8' && /found fault with too many calls/.test(grpcMessage)) refusals++;
    }
    client.destroy();
    await client.wantClosed();
    const again = await proxy.rawClient('clear', { localAddress: ATTACKER });
    let refusedAgain = 0;
    for (let index = 0; index < 40; index++) {
      if ((await again.outcome(again.call({ path: QUICK }))).grpcStatus === '8') refusedAgain++;
    }
    assert.ok(refusedAgain > 20, `${refusedAgain} were refused on a new connection`);
    await bystander.stop();
    assert.deepEqual(bystander.failures, []);
    assert.equal(service.killed(), 0);
    assert.ok(refusals > 300, `${refusals} were refused`);
    const line = await proxy.line(({ token }) => token === 'too_many_faulty_calls');
    assert.equal(line['client'], ATTACKER);
  });
}

test('a client whose calls the service turns away by ENHANCE_YOUR_CALM is not refused for what others did', async (t) => {
  const service = await startNettyService(t, (request, reset) => {
    if (request.field('x-call') === undefined) reset(ErrorCode.ENHANCE_YOUR_CALM);
    else respond(request, true);
  });
  const proxy = await startProxy(t, { endpoints: [service.server.address] });
  const bystander = await SteadyClient.start(proxy, SLOW);
  const client = await proxy.rawClient('clear', { localAddress: ATTACKER });
  for (let index = 0; index < 300; index++) {
    const { resetCode } = await client.outcome(client.call({ path: QUICK }));
    assert.equal(resetCode, ErrorCode.ENHANCE_YOUR_CALM);
  }
  await bystander.stop();
  assert.deepEqual(bystander.failures, []);
  assert.equal(service.killed(), 0);
});

test('a call that takes the place of a cancelled one is not turned away by a service that has not read the cancel', async (t) => {
  const service = await NodeService.start(t, 40);
  const connections = { max: 1 };
  const proxy = await startProxy(t, { endpoints: [service.address], connections });
  const holder = await proxy.rawClient('clear', { localAddress: ATTACKER });
  const bystander = await proxy.rawClient('clear', { localAddress: '127.0.0.7' });
  const held = Array.from({ length: 40 }, () => holder.call({ path: ENDLESS }));
  await Promise.all(held.map((stream) => holder.wantHeaders(stream)));
  const waiting = Array.from({ length: 10 }, () => bystander.call({ path: QUICK }));
  // Both clients' frames are in the proxy's hands before it lets go of any place.
  bystander.send(frames.ping());
  await bystander.want('the answer to PING', ({ type }) => type === FrameType.PING);
  holder.send(...held.map((stream) => resetFrame(stream, ErrorCode.CANCEL)));
  for (const stream of waiting) {
    const { grpcStatus, resetCode } = await bystander.outcome(stream);
    assert.deepEqual([grpcStatus, resetCode], ['0', undefined]);
  }
});

test('stream errors of many clients wear a connection out, and another takes over before it dies', async (t) => {
  const service = await startNettyService(t, (request, reset) => {
    if (request.field('x-call') === undefined) reset(ErrorCode.PROTOCOL_ERROR);
    else respond(request, true);
  });
  const proxy = await startProxy(t, { endpoints: [service.server.address] });
  const bystander = await SteadyClient.start(proxy, SLOW);
  // None of them is refused for what it does alone.
  for (let index = 0; index < 20; index++) {
    const client = await proxy.rawClient('clear', { localAddress: `127.0.0.${100 + index}` });
    for (let call = 0; call < 30; call++) {
      assert.equal((await client.outcome(client.call({ path: QUICK }))).resetCode, ErrorCode.PROTOCOL_ERROR);
    }
  }
  await bystander.stop();
  assert.deepEqual(bystander.failures, []);
  assert.equal(service.killed(), 0);
  assert.ok(service.server.peers.length > 1, 'another connection took over');
});

test('a call that may have run is not made again, whatever a GOAWAY with an error says of it', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const stream = client.call();
  const ran = await upstream.wantRequest(0);
  // As nghttp2 does: what it reads before it sends the GOAWAY is run, though it is above the last stream named.
  ran.peer.send(goAwayFrame(0, ErrorCode.ENHANCE_YOUR_CALM, 'flooded'));
  const { grpcStatus, resetCode } = await client.outcome(stream);
  assert.equal(grpcStatus, '14');
  assert.notEqual(resetCode, ErrorCode.REFUSED_STREAM);
  assert.equal(upstream.requests.length, 1);
});
