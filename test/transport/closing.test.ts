// How long a peer has once the connection closes: as long as it takes bytes, and not a moment longer for anything else.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FrameType } from '../../src/h2/frame-type.ts';
import { Http2Transport } from '../../src/transport/http2-transport.ts';
import * as frames from '../support/frames.ts';
import { LOCAL_SETTINGS } from '../support/local-settings.ts';
import { MemorySocket, nextTurns } from '../support/memory-socket.ts';

const PING = frames.frame(FrameType.PING, 0, 0, ' 8 bytes');

async function opened(t: TestContext): Promise<{ socket: MemorySocket; transport: Http2Transport }> {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const socket = new MemorySocket();
  const handler = {
    onRequest() {},
    onSettings() {},
    onGoAway() {},
    onPingAcknowledged() {},
    onCaughtUp() {},
    onOutputDrained() {},
    onViolation() {},
  };
  const transport = new Http2Transport(socket, 'server', LOCAL_SETTINGS, handler, { onClosed() {} });
  t.after(() => socket.vanish());
  transport.start(Buffer.concat([frames.preface(), frames.settings()]));
  await nextTurns();
  return { socket, transport };
}

/** With a write that the peer has not taken, another behind it, and close() called. */
async function closingWithOutput(
  t: TestContext,
  lingerMs?: number,
): Promise<{ socket: MemorySocket; transport: Http2Transport }> {
  const { socket, transport } = await opened(t);
  socket.isStalled = true;
  transport.connection.ping(Buffer.from('11111111'));
  await nextTurns();
  transport.connection.ping(Buffer.from('22222222'));
  transport.close(lingerMs);
  return { socket, transport };
}

test('a peer that does not read has a second', async (t) => {
  const { socket } = await closingWithOutput(t);
  t.mock.timers.tick(999);
  assert.equal(socket.destroyed, false);
  t.mock.timers.tick(1);
  assert.equal(socket.destroyed, true);
});

test('the caller may give it more', async (t) => {
  const { socket } = await closingWithOutput(t, 10_000);
  t.mock.timers.tick(9999);
  assert.equal(socket.destroyed, false);
  t.mock.timers.tick(1);
  assert.equal(socket.destroyed, true);
});

test('a later, shorter time counts, and a later, longer one does not', async (t) => {
  const { socket, transport } = await closingWithOutput(t, 10_000);
  transport.close(2000);
  transport.close(60_000);
  t.mock.timers.tick(1999);
  assert.equal(socket.destroyed, false);
  t.mock.timers.tick(1);
  assert.equal(socket.destroyed, true);
});

test('the time begins anew with every write that the peer has taken', async (t) => {
  const { socket } = await closingWithOutput(t);
  t.mock.timers.tick(900);
  socket.release();
  await nextTurns();
  t.mock.timers.tick(900);
  assert.equal(socket.destroyed, false);
  socket.release();
  await nextTurns();
  assert.equal(socket.hasEnded, true);
  t.mock.timers.tick(999);
  assert.equal(socket.destroyed, false);
  t.mock.timers.tick(1);
  assert.equal(socket.destroyed, true, 'it never closed its own side');
});

test('a peer that goes on sending after close() is cut off all the same', async (t) => {
  const { socket, transport } = await opened(t);
  transport.close();
  for (let elapsedMs = 0; elapsedMs < 10_000 && !socket.destroyed; elapsedMs += 500) {
    socket.arrives(PING);
    await nextTurns(1);
    t.mock.timers.tick(500);
  }
  assert.equal(socket.destroyed, true);
});

test('what the peer sends does not shorten its time to read', async (t) => {
  const { socket } = await closingWithOutput(t, 10_000);
  socket.arrives(PING);
  await nextTurns();
  t.mock.timers.tick(5000);
  assert.equal(socket.destroyed, false);
});

test('how long the peer has not taken what was written last is known', async (t) => {
  let nowMs = 1000;
  t.mock.method(performance, 'now', () => nowMs);
  const { socket, transport } = await opened(t);
  nowMs += 500;
  assert.equal(transport.stalledMs, 0, 'nothing waits');
  socket.isStalled = true;
  transport.connection.ping(Buffer.alloc(8));
  await nextTurns();
  nowMs += 700;
  assert.equal(transport.stalledMs, 700);
  socket.release();
  await nextTurns();
  assert.equal(transport.stalledMs, 0);
});

test('a peer that broke a rule has a second in all, however little of its answers it takes at a time', async (t) => {
  const { socket, transport } = await opened(t);
  socket.isStalled = true;
  transport.connection.ping(Buffer.from('11111111'));
  await nextTurns();
  transport.receive(frames.frame(FrameType.PING, 0, 1, ' 8 bytes'));
  assert.equal(transport.connection.isClosed, true);
  t.mock.timers.tick(900);
  socket.release();
  await nextTurns();
  transport.close(60_000);
  t.mock.timers.tick(99);
  assert.equal(socket.destroyed, false);
  t.mock.timers.tick(1);
  assert.equal(socket.destroyed, true);
});
