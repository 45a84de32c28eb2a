// Header blocks of responses beyond what the proxy takes: the connection they come by carries the calls of many clients,
// and only the call that is answered so may suffer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { Fields } from '../support/raw-frames.ts';
import { type RawRequest, RESPONSE_HEADERS } from '../support/raw-server.ts';

const ends: Readonly<Record<string, (request: RawRequest, large: Fields) => void>> = {
  'a header section': (request, large) => request.sendHeaders([...RESPONSE_HEADERS, ...large]),
  'a trailer section': (request, large) => {
    request.sendHeaders();
    request.sendTrailers([['grpc-status', '13'], ...large]);
  },
  'Trailers-Only': (request, large) =>
    request.sendTrailers([...RESPONSE_HEADERS, ['grpc-status', '13'], ...large]),
};

const cases = [
  { count: 1, bytes: 40_000 },
  { count: 25, bytes: 20_000 },
];

for (const [place, answer] of Object.entries(ends)) {
  for (const { count, bytes } of cases) {
    test(`${place} of ${bytes} bytes in ${count} responses costs only those calls`, async (t) => {
      const upstream = await startRawUpstream(t, {
        onRequest: (request) => {
          const isVictim = request.field('x-victim') !== undefined;
          if (isVictim) request.sendHeaders();
          else answer(request, [['grpc-message', 'e'.repeat(bytes)]]);
        },
      });
      const proxy = await startProxy(t, { endpoints: [upstream.address], connections: { max: 1 } });
      const victim = await proxy.rawClient('tls');
      const running = victim.call({ fields: [['x-victim', '1']] });
      await victim.wantHeaders(running);
      const client = await proxy.rawClient('clear');
      for (let call = 0; call < count; call++) {
        const outcome = await client.outcome(client.call());
        assert.equal(outcome.grpcStatus, String(status.RESOURCE_EXHAUSTED), outcome.grpcMessage);
        assert.match(outcome.grpcMessage, /_too_large.*raise limits\.headerListSize/);
      }
      upstream.requests[0].sendTrailers();
      assert.equal((await victim.outcome(running)).grpcStatus, '0');
      assert.equal(upstream.peers.length, 1, 'all came by one connection');
      assert.equal(upstream.peers[0].isClosed, false);
    });
  }
}
