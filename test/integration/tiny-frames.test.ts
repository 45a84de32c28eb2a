// Very many very small DATA frames: they are read in turns, and every byte arrives, in both directions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { dataFrame } from '../support/raw-frames.ts';

const FRAMES = 30_000;

test('tiny frames of a service all reach the client', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      request.sendHeaders();
      const frames = Array.from({ length: FRAMES }, (_, index) =>
        dataFrame(request.streamId, Buffer.of(index & 0xff)),
      );
      request.peer.send(Buffer.concat(frames));
      request.sendTrailers();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const id = client.call();
  const outcome = await client.outcome(id);
  assert.equal(outcome.grpcStatus, '0', JSON.stringify(proxy.lines()) + outcome.grpcMessage);
  const content = client.contentOf(id);
  assert.equal(content.length, FRAMES);
  assert.ok(content.every((byte, index) => byte === (index & 0xff)));
});

test('tiny frames of a client all reach the service', async (t) => {
  const upstream = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const id = client.call({ endStream: false });
  const frames = Array.from({ length: FRAMES }, (_, index) => dataFrame(id, Buffer.of(index & 0xff)));
  client.send(...frames, dataFrame(id, Buffer.alloc(0), true));
  const outcome = await client.outcome(id);
  assert.equal(outcome.grpcStatus, '0', JSON.stringify(proxy.lines()) + outcome.grpcMessage);
  const [request] = upstream.requests;
  assert.ok(request.body.every((byte, index) => byte === (index & 0xff)));
  assert.equal(request.body.length, FRAMES);
});
