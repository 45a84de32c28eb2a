// Reads from a connection until what has come tells something, within a time limit and without a stream in between.
// It decides nothing itself, and keeps no more than the caller asks it to wait for.

import type { Socket } from 'node:net';
import type { Containment } from '../transport/containment.ts';

export interface Reading<Outcome extends string | object> {
  /** What was read before; counts as received. */
  readonly head?: Buffer | undefined;
  readonly timeoutMs: number;
  /** Of `examine` and `decided`. */
  readonly containment: Containment;
  /** Of all octets so far: the outcome, or 'need-more'. It bounds them, as it has to come to an outcome some time. */
  examine(octets: Buffer): Outcome | 'need-more';
  /**
   * Called once. The socket has no 'data' listener then and is flowing: whoever goes on with it attaches 'data' before
   * this returns, or puts `octets` back with `putBack`.
   */
  decided(outcome: Outcome | 'timeout' | 'abandoned', octets: Buffer): void;
}

export function readOctets<Outcome extends string | object>(socket: Socket, reading: Reading<Outcome>): void {
  let octets = reading.head ?? EMPTY;
  const guard = <Values extends readonly unknown[]>(listener: (...values: Values) => void) =>
    reading.containment.guard(() => socket.destroy(), listener);
  const finish = (outcome: Outcome | 'timeout' | 'abandoned'): void => {
    clearTimeout(timer);
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', onEnd);
    reading.decided(outcome, octets);
  };
  const onData = guard((chunk: Buffer) => {
    octets = octets.length === 0 ? chunk : Buffer.concat([octets, chunk]);
    const outcome = reading.examine(octets);
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

/** For an owner that reads them as if nobody had. Paused, or 'data' would be emitted at once, to nobody. */
export function putBack(socket: Socket, octets: Buffer): void {
  socket.pause();
  socket.unshift(octets);
}
