// A client that sends and does not read is not read from until it has taken its answers.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Role } from '../../src/h2/connection.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Stream } from '../../src/h2/stream.ts';
import { Http2Transport } from '../../src/transport/http2-transport.ts';
import * as frames from '../support/frames.ts';
import { LOCAL_SETTINGS } from '../support/local-settings.ts';
import { MemorySocket, nextTurns } from '../support/memory-socket.ts';

/** Answers every request with a header block of this size, which no window holds back. */
const ANSWER_BYTES = 40_000;
const ANSWER = HeaderList.of([':status', '200'], ['x-long', '~'.repeat(ANSWER_BYTES)]);

function talkative(t: TestContext, role: Role): { socket: MemorySocket; transport: Http2Transport } {
  const socket = new MemorySocket();
  const handler = {
    onRequest: (stream: Stream) => {
      stream.sendHeaders(ANSWER, true);
    },
    onSettings() {},
    onGoAway() {},
    onPingAcknowledged() {},
    onCaughtUp() {},
    onOutputDrained() {},
    onViolation() {},
  };
  const transport = new Http2Transport(socket, role, LOCAL_SETTINGS, handler, { onClosed() {} });
  t.after(() => socket.vanish());
  transport.start(Buffer.concat([frames.preface(), frames.settings()]));
  return { socket, transport };
}

/** A client that asks and asks. */
async function stall(t: TestContext): Promise<{ socket: MemorySocket; requests: number }> {
  const { socket } = talkative(t, 'server');
  await nextTurns();
  socket.writes.length = 0;
  socket.isStalled = true;
  let requests = 0;
  while (!socket.isPaused() && requests < 100) {
    socket.arrives(frames.headers(2 * requests + 1, frames.requestBlock(), { endStream: true }));
    requests++;
    await nextTurns(1);
  }
  return { socket, requests };
}

test('reading stops when about 1 MiB of answers waits', async (t) => {
  const { socket, requests } = await stall(t);
  assert.equal(socket.isPaused(), true);
  assert.ok(requests * ANSWER_BYTES > 1_000_000 && requests * ANSWER_BYTES < 1_200_000, String(requests));
});

test('reading goes on once the client has taken most of it, a write at a time', async (t) => {
  const { socket, requests } = await stall(t);
  for (let writes = 0; socket.isPaused() && writes < 100; writes++) {
    socket.release();
    await nextTurns(1);
  }
  assert.equal(socket.isPaused(), false);
  assert.ok(socket.written.length > (requests - 8) * ANSWER_BYTES);
});

test('reading goes on when the client takes all that waits at once', async (t) => {
  const { socket, requests } = await stall(t);
  socket.isStalled = false;
  socket.release();
  await nextTurns(4);
  assert.ok(socket.written.length >= requests * ANSWER_BYTES, 'everything was taken');
  assert.equal(socket.isPaused(), false);
});
