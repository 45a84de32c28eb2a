// The wait for a condition itself.

import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from './eventually.ts';

const TIMEOUT_MS = 300;

/** As a machine does that runs other processes. */
function stopThisProcessFor(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

test('what has happened while the process was not run is seen, though the time is over', async (t) => {
  let peer: Socket | undefined;
  const server = createServer((accepted) => {
    peer = accepted;
  });
  const socket = connect(await listen(t, server), '127.0.0.1');
  t.after(() => socket.destroy());
  let isRead = false;
  socket.on('data', () => {
    isRead = true;
  });
  await eventually('the connection', () => peer !== undefined);
  const beganAtMs = performance.now();
  const stop = (): void => {
    // Once the wait has begun, and probes by a timer. That one is due as soon as the process is run again, before anything is read.
    if (performance.now() - beganAtMs < TIMEOUT_MS / 2) {
      setImmediate(stop);
      return;
    }
    peer?.write('x');
    stopThisProcessFor(2 * TIMEOUT_MS);
  };
  setImmediate(stop);
  await eventually('the bytes are read', () => isRead, TIMEOUT_MS);
});

test('what never happens ends the wait, with a sentence', async () => {
  let probes = 0;
  await assert.rejects(
    eventually('a miracle', () => ++probes < 0, 100),
    /^Error: this never happened: a miracle$/,
  );
  assert.ok(probes > 1);
});
