// An upstream that says GOAWAY: what it has processed ends as it would have, what it never
// processed is made again elsewhere, with its request, and no client notices.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, ServerCredentials, status } from '../../src/demo/grpc.ts';
import { voiceServiceDefinition } from '../../src/demo/voice-proto.ts';
import { createVoiceService } from '../../src/demo/voice-service.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { goAwayFrame, grpcMessage } from '../support/raw-frames.ts';
import type { RawPeer } from '../support/raw-peer.ts';
import type { RawRequest } from '../support/raw-server.ts';

/** Answers with the body it got, when all of it is here. */
function echo(request: RawRequest): void {
  request.sendHeaders();
  request.peer.sendData(request.streamId, request.body);
  request.sendTrailers();
}

test('streams up to the last one named go on, those above are made again with their requests', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamIds = Array.from({ length: 6 }, (_, index) =>
    client.call({ path: `/a.B/${index}`, body: grpcMessage(Buffer.from(`request ${index}`)) }),
  );
  await upstream.wantRequest(5);
  await eventually('all have ended', () => upstream.requests.every(({ hasEnded }) => hasEnded));
  const [first] = upstream.peers;
  first.send(goAwayFrame(upstream.requests[2].streamId, ErrorCode.NO_ERROR, 'max_age'));
  for (let index = 6; index < 9; index++) {
    const again = await upstream.wantRequest(index);
    assert.notEqual(again.peer, first);
    await eventually('the repeated request ends', () => again.hasEnded);
    echo(again);
  }
  for (const request of upstream.requests.slice(0, 3)) echo(request);
  for (const [index, streamId] of streamIds.entries()) {
    const outcome = await client.outcome(streamId);
    assert.equal(outcome.grpcStatus, '0', `call ${index}: ${outcome.grpcMessage}`);
    assert.deepEqual(outcome.content, grpcMessage(Buffer.from(`request ${index}`)));
  }
  // The old connection is closed when its last stream has ended.
  await first.wantClosed();
  const attempts = new Map(proxy.records().map((record) => [record.method, record['attempts']]));
  assert.equal(attempts.get('/a.B/0') ?? 1, 1);
  const repeated = await proxy.record(({ method }) => method === '/a.B/5');
  assert.equal(repeated['attempts'], 2);
});

test('2,000 calls while the upstream goes away after every 97th see no error', async (t) => {
  const lastProcessed = new Map<RawPeer, number>();
  let count = 0;
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      const { peer, streamId } = request;
      if (streamId > (lastProcessed.get(peer) ?? Number.POSITIVE_INFINITY)) return;
      count += 1;
      if (count % 97 === 0) {
        // Every other time this very request is one of those that were not processed.
        const last = count % 2 === 0 ? Math.max(0, streamId - 2) : streamId;
        lastProcessed.set(peer, last);
        peer.send(goAwayFrame(last, ErrorCode.NO_ERROR, 'max_age'));
        if (streamId > last) return;
      }
      echo(request);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = proxy.voiceClient('tls');
  const failures: string[] = [];
  let left = 2000;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const outcome = await client.say({});
      if (status[outcome.code] !== 'OK') failures.push(outcome.details);
    }
  };
  await Promise.all(Array.from({ length: 20 }, caller));
  assert.deepEqual(failures, []);
  assert.ok(upstream.peers.length >= 20, `${upstream.peers.length} connections`);
});

test('calls see no error while a grpc-js service ends its connections by their age', async (t) => {
  const server = new Server({ 'grpc.max_connection_age_ms': 60, 'grpc.max_connection_age_grace_ms': 60_000 });
  server.addService(voiceServiceDefinition, { ...createVoiceService(() => '') });
  const { promise, resolve } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => resolve(port));
  t.after(() => server.forceShutdown());
  const proxy = await startProxy(t, { endpoints: [`127.0.0.1:${await promise}`] });
  const client = proxy.voiceClient('tls');
  const failures: string[] = [];
  await eventually('the fifth connection', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => client.say({ text: 'hello' })));
    failures.push(...outcomes.filter(({ code }) => status[code] !== 'OK').map(({ details }) => details));
    return proxy.lines().filter(({ msg }) => msg === 'connected to the endpoint').length >= 5;
  });
  assert.deepEqual(failures, []);
});

test('GOAWAY while no call runs costs nobody anything', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  await client.outcome(client.call());
  upstream.peers[0].send(goAwayFrame(1, ErrorCode.NO_ERROR, 'max_idle'));
  await upstream.peers[0].wantClosed();
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
});

test('a two-step GOAWAY lets running calls end and sends new ones elsewhere', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const running = client.call();
  const request = await upstream.wantRequest(0);
  request.peer.send(goAwayFrame(0x7fffffff, ErrorCode.NO_ERROR, 'max_age'));
  await proxy.line(({ msg }) => String(msg).includes('takes no more calls: GOAWAY'));
  const next = client.call();
  (await upstream.wantRequest(1)).succeed();
  assert.notEqual(upstream.requests[1].peer, request.peer);
  request.peer.send(goAwayFrame(request.streamId, ErrorCode.NO_ERROR));
  request.succeed();
  assert.equal((await client.outcome(running)).grpcStatus, '0');
  assert.equal((await client.outcome(next)).grpcStatus, '0');
});
