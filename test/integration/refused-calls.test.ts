// Calls that are answered before their content is here: what the client had sent already is nobody's fault.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { bothListeners, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';

const CALLS = 100;

/** As HTTP/2 libraries send the calls of one turn: all header blocks, then all content, here and there with trailers. */
function callTogether(client: RawClient, count: number): number[] {
  const streamIds = Array.from({ length: count }, () => client.call({ path: '/other/X', endStream: false }));
  for (const [index, streamId] of streamIds.entries()) {
    const hasTrailers = index % 2 === 1;
    client.sendData(streamId, Buffer.alloc(7), !hasTrailers);
    if (hasTrailers) client.sendHeaders(streamId, [['x-checksum', '7']], true);
  }
  return streamIds;
}

for (const listener of bothListeners) {
  test(`${CALLS} calls refused at once leave the client its connection and its running call (${listener})`, async (t) => {
    const upstream = await startRawUpstream(t);
    const proxy = await startProxy(t, {
      endpoints: [upstream.address],
      sections: {
        routes: [{ name: 'voice', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice' }],
      },
    });
    const client = await proxy.rawClient(listener);
    const running = client.call({ endStream: false });
    const request = await upstream.wantRequest();
    client.socket.cork();
    const refused = callTogether(client, CALLS);
    client.socket.uncork();
    for (const streamId of refused) {
      assert.equal((await client.outcome(streamId)).grpcStatus, String(status.UNIMPLEMENTED));
    }
    // What was sent after all of them is answered: they were dealt with.
    client.sendData(running, Buffer.from([0, 0, 0, 0, 0]), true);
    request.succeed();
    assert.equal((await client.outcome(running)).grpcStatus, '0');
    assert.deepEqual(
      client.frames.filter(({ type }) => type === FrameType.GOAWAY),
      [],
    );
    assert.equal(client.isClosed, false);
  });
}
