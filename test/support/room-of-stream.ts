// What every stream promises by `roomBytes`. Limits count what has room before it is sent, so what is said too little passes uncounted.

import assert from 'node:assert/strict';
import type { CallStream } from '../../src/calls/call-stream.ts';

const OFFERED_BYTES = 40_000;

/** Offers more than the stream has room for. @returns how much it takes, and says before */
export function takesItsRoom(stream: CallStream, what: string): number {
  const { roomBytes } = stream;
  const taken = stream.sendData(Buffer.alloc(OFFERED_BYTES), 0, OFFERED_BYTES, false);
  assert.equal(taken, Math.min(roomBytes, OFFERED_BYTES), `${what}: it takes what it has room for`);
  return taken;
}

/** Offers something to a stream that has no room. */
export function takesNothing(stream: CallStream, what: string): void {
  assert.equal(stream.roomBytes, 0, `${what}: it has no room`);
  assert.equal(takesItsRoom(stream, what), 0);
}
