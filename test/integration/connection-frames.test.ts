// Frames that concern one connection only: they are answered there and never passed on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameType } from '../../src/h2/frame-type.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { rawFrame, settingsFrame } from '../support/raw-frames.ts';

test('PING is answered with the same bytes on either side, and is not passed on', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  await client.outcome(client.call());
  for (const [peer, text] of [
    [client, 'client00'],
    [upstream.peers[0], 'upstream'],
  ] as const) {
    peer.send(rawFrame(FrameType.PING, 0, 0, Buffer.from(text)));
    const answer = await peer.want('the answer to PING', ({ type }) => type === FrameType.PING);
    assert.equal(answer.flags, 1);
    assert.equal(answer.payload.toString(), text);
  }
  await client.outcome(client.call());
  for (const peer of [client, upstream.peers[0]]) {
    assert.equal(peer.frames.filter(({ type }) => type === FrameType.PING).length, 1);
  }
});

test('SETTINGS are acknowledged, and unknown settings and frames ignored', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear', { settings: [[0x99, 7]] });
  client.send(rawFrame(0x77, 0xff, 0, Buffer.from('unknown')), settingsFrame([[0x1a2a, 1]]));
  await client.want('two acknowledgements', () => {
    return client.frames.filter(({ type, flags }) => type === FrameType.SETTINGS && flags === 1).length === 2;
  });
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
});

test('a client that says GOAWAY and goes on with its call has it finished', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamId = client.call();
  const request = await upstream.wantRequest();
  client.send(rawFrame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8)));
  request.succeed();
  assert.equal((await client.outcome(streamId)).grpcStatus, '0');
});
