// Reads from a connection until the bytes suffice for a decision, within a time limit and without a stream in between. The caller
// makes the decision, and no more is kept than the caller wants to wait for.

import type { Socket } from 'node:net';
import type { Containment } from '../transport/containment.ts';

export interface Reading<Outcome extends string | object> {
  /** Bytes that were read before. They count as received. */
  readonly head?: Buffer | undefined;
  readonly timeoutMs: number;
  /** Contains errors that `examine` and `decided` throw. */
  readonly containment: Containment;
  /**
   * Examines all bytes so far, and returns the outcome or 'need-more'. It must come to an outcome at some length, which bounds
   * what is kept.
   */
  examine(bytes: Buffer): Outcome | 'need-more';
  /**
   * Called once. At that time the socket has no 'data' listener and is flowing: the new owner must attach 'data' before this
   * returns, or put `bytes` back with `putBack`.
   */
  decided(outcome: Outcome | 'timeout' | 'abandoned', bytes: Buffer): void;
}

export function readBytes<Outcome extends string | object>(socket: Socket, reading: Reading<Outcome>): void {
  let bytes = reading.head ?? EMPTY;
  const guard = <Values extends readonly unknown[]>(listener: (...values: Values) => void) =>
    reading.containment.guard(() => socket.destroy(), listener);
  const finish = (outcome: Outcome | 'timeout' | 'abandoned'): void => {
    clearTimeout(timer);
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', onEnd);
    reading.decided(outcome, bytes);
  };
  const onData = guard((chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const outcome = reading.examine(bytes);
    if (outcome !== 'need-more') finish(outcome);
  });
  const onEnd = guard(() => finish('abandoned'));
  const timer = setTimeout(
    guard(() => finish('timeout')),
    reading.timeoutMs,
  );
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
}

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Puts bytes back for an owner that reads the socket from the start. The socket is paused, since 'data' would otherwise be
 * emitted at once, without a listener.
 */
export function putBack(socket: Socket, bytes: Buffer): void {
  socket.pause();
  socket.unshift(bytes);
}
