// An upstream that takes connections, says SETTINGS, and gives the connections up before they served a call.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { goAwayFrame } from '../support/raw-frames.ts';
import type { RawPeer } from '../support/raw-peer.ts';

/** The least time between two attempts to connect, with room for a coarse clock. */
const LEAST_PAUSE_MS = 700;
/** Connections before the first pause. */
const AT_ONCE = 5;

const givesUp: Readonly<Record<string, (peer: RawPeer) => void>> = {
  'says GOAWAY on': (peer) => peer.send(goAwayFrame(0, 0)),
  closes: (peer) => setImmediate(() => peer.socket.end()),
  resets: (peer) => setImmediate(() => peer.socket.resetAndDestroy()),
};

for (const [what, giveUp] of Object.entries(givesUp)) {
  test(`an upstream that ${what} each connection unused is dialled with pauses, and calls are UNAVAILABLE`, async (t) => {
    const upstream = await startRawUpstream(t, {
      settings: [[SettingId.MAX_CONCURRENT_STREAMS, 0]],
      onConnection: giveUp,
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('clear');
    const beganAtMs = performance.now();
    for (let call = 0; call < 50; call++) {
      const outcome = await client.outcome(client.call());
      assert.equal(outcome.grpcStatus, String(status.UNAVAILABLE), outcome.grpcMessage);
    }
    const pauses = (performance.now() - beganAtMs) / LEAST_PAUSE_MS;
    assert.ok(upstream.peers.length <= AT_ONCE + pauses, `${upstream.peers.length} connections`);
  });
}
