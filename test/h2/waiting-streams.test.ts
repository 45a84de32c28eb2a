// Streams that end while they wait for the connection's window must not be kept alive by the queue, and those that live
// must not lose their turn.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import * as frames from '../support/frames.ts';
import { opened } from '../support/wire.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

test('a client that keeps the window shut and resets its streams makes us keep none of them', async () => {
  const server = opened('server').receives(frames.headers(1, frames.requestBlock(), { endStream: true }));
  server.responds(1);
  server.sends(1, Buffer.alloc(65_535));
  const streams: WeakRef<object>[] = [];
  for (let id = 3; id < 803; id += 2) {
    server.receives(frames.headers(id, frames.requestBlock(), { endStream: true }));
    server.responds(id);
    assert.equal(server.sends(id, 'x'), 0);
    server.receives(frames.resetStream(id, ErrorCode.CANCEL));
    streams.push(new WeakRef(server.stream(id)));
    server.streams.delete(id);
  }
  server.clears();
  // What a WeakRef was made for lives until the end of the turn.
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.ok(typeof collectGarbage === 'function');
  collectGarbage();
  const kept = streams.filter((stream) => stream.deref() !== undefined).length;
  assert.ok(kept < 100, `${kept} of ${streams.length} ended streams are still alive`);
  assert.equal(server.connection.streamCount, 1);
});

test('streams that live keep their turn while many others end in the queue', () => {
  const server = opened('server').receives(frames.headers(1, frames.requestBlock(), { endStream: true }));
  server.responds(1);
  server.sends(1, Buffer.alloc(65_535));
  for (let id = 3; id < 203; id += 2) {
    server.receives(frames.headers(id, frames.requestBlock(), { endStream: true }));
    server.responds(id);
    server.sends(id, 'x');
    if (id !== 3 && id !== 101) server.receives(frames.resetStream(id, ErrorCode.CANCEL));
  }
  server.clears().receives(frames.windowUpdate(0, 10)).tells('writable 3', 'writable 101');
});
