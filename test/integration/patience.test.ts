// limits.floods and the limits of time, from the configuration to the peer: what counts is what the file says, towards
// clients and towards upstreams, and what it has become after a reload.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { rawFrame } from '../support/raw-frames.ts';

const PING = rawFrame(FrameType.PING, 0, 0, Buffer.alloc(8));

function pings(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => PING));
}

test('a client that sends more than limits.floods.pings is disconnected, and not before', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const sections = { limits: { floods: { pings: 200 } } };
  const proxy = await startProxy(t, { endpoints: [upstream.address], sections });
  const client = await proxy.rawClient('tls');
  client.send(pings(200));
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  // Beyond what the call has earned, and what a slow machine's seconds give back.
  client.send(pings(2000));
  assert.equal((await client.wantGoAway()).payload.readUInt32BE(4), ErrorCode.ENHANCE_YOUR_CALM);
  await client.wantClosed();
});

test('an upstream that sends more than limits.floods.pings loses its connection', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      if (upstream.requests.length > 1) request.peer.send(pings(2000));
      else {
        request.peer.send(pings(200));
        request.succeed();
      }
    },
  });
  const sections = { limits: { floods: { pings: 200 } } };
  const proxy = await startProxy(t, { endpoints: [upstream.address], sections });
  const client = await proxy.rawClient('tls');
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  assert.equal((await client.outcome(client.call())).grpcStatus, '14');
  await proxy.line(({ token }) => token === 'too_many_pings');
});

test('a client that says nothing is disconnected after limits.openingTimeout', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, {
    endpoints: [upstream.address],
    sections: { limits: { openingTimeout: '1s' } },
  });
  for (const listener of ['clear', 'tls'] as const) {
    const socket = connect({ host: '127.0.0.1', port: proxy.port(listener) });
    let isClosed = false;
    socket
      .on('error', () => undefined)
      .on('close', () => {
        isClosed = true;
      });
    socket.resume();
    // Far below the ten seconds that it would be by default.
    await eventually(`closed by ${listener}`, () => isClosed, 8000);
  }
});
