// As much legal traffic as some connections can send: to see who has to wait for it, and to warm a proxy up.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as frames from '../support/frames.ts';
import { Attacker, grpcBlock, repeated } from './attacker.ts';
import type { Stage } from './stage.ts';

export const PRESSURE_MS = 3000;
/** For the buffers of the kernel to fill, however little of the machine the proxy gets. */
const MOST_UNREAD_MS = 90_000;
export const ATTACKERS = 4;
/** Much longer than a busy proxy needs for its other connections. */
const STUCK_MS = 1000;
/** About what one read from a socket brings. */
const BATCH_BYTES = 65_536;

/** Where this stands in a block, each request has a number of its own. */
export const NUMBER = '000000000000';

/** So many requests as fill a batch, with identifiers that go on from call to call. */
function batches(block: Buffer): () => Buffer {
  const one = frames.headers(1, block, { endStream: true });
  const count = Math.max(1, Math.floor(BATCH_BYTES / one.length));
  const numberAt = one.indexOf(NUMBER);
  let nextId = 1;
  return () => {
    const batch = repeated(count, () => one);
    for (let index = 0; index < count; index++) {
      const start = index * one.length;
      batch.writeUInt32BE(nextId, start + 5);
      if (numberAt !== -1) batch.write(String(nextId).padStart(NUMBER.length, '0'), start + numberAt);
      nextId += 2;
    }
    return batch;
  };
}

/** Sends as fast as the proxy reads, for some seconds. @returns bytes sent; who reads nothing ends up with the proxy not reading either */
export async function press(stage: Stage, block: Buffer, reads: boolean): Promise<number> {
  const attackers = await Promise.all(
    Array.from({ length: ATTACKERS }, () => Attacker.open(stage, { reads: false })),
  );
  const untilMs = performance.now() + (reads ? PRESSURE_MS : MOST_UNREAD_MS);
  const sent = await Promise.all(
    attackers.map(async (attacker) => {
      const next = batches(block);
      attacker.send(frames.settingsAcknowledgement());
      let bytes = 0;
      let isStuck = false;
      // Read and thrown away: parsing the answers would cost the attacker more than the proxy.
      if (reads) attacker.socket.resume();
      while (performance.now() < untilMs && !attacker.isGone) {
        const batch = next();
        bytes += batch.length;
        if (!attacker.socket.write(batch)) isStuck = !(await drained(stage, attacker));
        if (isStuck && !reads) break;
      }
      assert.ok(reads || isStuck, 'the proxy goes on reading though its answers are not read');
      assert.equal(attacker.isGone, false, 'what is legal is no reason to close');
      attacker.leave();
      return bytes;
    }),
  );
  return sent.reduce((total, bytes) => total + bytes, 0);
}

/** @returns false when the proxy has taken nothing for some time, though it has answered another connection */
async function drained(stage: Stage, { socket }: Attacker): Promise<boolean> {
  const signal = AbortSignal.timeout(STUCK_MS);
  const isDrained = await once(socket, 'drain', { signal }).then(
    () => true,
    () => false,
  );
  if (isDrained) return true;
  // A process that is not run takes nothing either.
  const other = await Attacker.open(stage);
  await other.wantAlive();
  other.leave();
  return !socket.writableNeedDrain;
}

/** Answered here, at once. */
export const NO_ROUTE: Buffer = grpcBlock('/no/route');
