// What the relay keeps of its clients goes with them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT_PREFACE } from '../../src/h2/frame-type.ts';
import type { Relay } from '../../src/relay/relay.ts';
import { Upstream } from '../../src/upstreams/upstream.ts';
import { eventually } from '../support/eventually.ts';
import { startWebRelay } from '../support/grpc-web-relay.ts';
import { MemorySocket } from '../support/memory-socket.ts';
import { headersFrame, settingsFrame } from '../support/raw-frames.ts';
import { startRawServer } from '../support/raw-server.ts';

/** The only one. */
function upstreamOf({ snapshot }: Relay): Upstream {
  const [upstream] = snapshot.upstreams.values();
  assert.ok(upstream instanceof Upstream);
  return upstream;
}

const CALL = Buffer.concat([
  CLIENT_PREFACE,
  settingsFrame([]),
  headersFrame(
    1,
    [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/a.B/C'],
      [':authority', 'a'],
      ['content-type', 'application/grpc'],
    ],
    true,
  ),
]);

for (const [who, clientAddress, trusted] of [
  ['of a unix socket', 'unix:', false],
  ['of a trusted peer that names none', '192.0.2.1', true],
] as const) {
  test(`clients ${who} count as one, over all connections, and are not limited`, async (t) => {
    const service = await startRawServer({ onRequest: (request) => request.sendHeaders() });
    t.after(() => service.close());
    const { relay } = await startWebRelay(t, service.address);
    const upstream = upstreamOf(relay);
    const sockets = Array.from({ length: 3 }, () => new MemorySocket());
    t.after(() => Promise.all(sockets.map((socket) => socket.vanish())));
    for (const socket of sockets) {
      relay.accept(socket, { listener: 'clear', client: 'c', clientAddress, tls: '', trusted }, CALL);
    }
    await eventually('all run', () => upstream.shares.heldCount === 3);
    assert.equal(upstream.shares.holdingCount, 1);
    const [call] = upstream.endpoints[0].calls;
    assert.deepEqual([call.holding.held, call.holding.speaksForMany], [3, true]);
  });
}

test('after a thousand clients with a call each there are as many accounts, and places taken, as before', async (t) => {
  const service = await startRawServer({ onRequestEnd: (request) => request.sendHeaders() });
  t.after(() => service.close());
  const { relay } = await startWebRelay(t, service.address);
  const upstream = upstreamOf(relay);
  for (let round = 0; round < 1000; round++) {
    const socket = new MemorySocket();
    const clientAddress = `10.0.${round >> 8}.${round & 255}`;
    const peer = { listener: 'clear', client: `${clientAddress}:1`, clientAddress, tls: '', trusted: false };
    relay.accept(socket, peer, CALL);
    assert.equal(relay.accounts.size > 0, true);
    await socket.vanish();
  }
  // Of those that are given up at once some run out first.
  await eventually('all are over', () => upstream.shares.heldCount === 0);
  assert.ok(relay.accounts.size < 1000, `${relay.accounts.size} accounts`);
  assert.ok(upstream.shares.holdingCount < 1000, `${upstream.shares.holdingCount} holdings`);
});
