// Unary calls of a closed loop over open connections: each stream makes its next call when the previous one is over.

import type { CallConnection } from './call-connection.ts';
import type { Metadata } from './metadata.ts';

export interface ClosedLoop {
  readonly connections: readonly CallConnection[];
  readonly streamsPerConnection: number;
  /** The field made by pathField(). */
  readonly path: Buffer;
  /** What each call sends, and gets back. */
  readonly message: Buffer;
  /** Undefined if all calls have the same metadata. */
  readonly metadata: Metadata | undefined;
}

/**
 * Resolves when so many calls are over.
 * @param onOver called for each call; `problem` is undefined if the whole message came back. Must not throw
 */
export async function closedLoop(
  { connections, streamsPerConnection, path, message, metadata }: ClosedLoop,
  calls: number,
  onOver: (problem: string | undefined) => void,
): Promise<void> {
  let left = calls;
  const repeat = (connection: CallConnection, resolve: () => void): void => {
    if (left-- <= 0) {
      resolve();
      return;
    }
    let received = 0;
    const owner = {
      onBytes: (size: number): void => {
        received += size;
      },
      onOver: (problem: string | undefined): void => {
        onOver(problem ?? (received === message.length ? undefined : `${received} bytes came back`));
        repeat(connection, resolve);
      },
    };
    const streamId = connection.call(path, owner, metadata?.next());
    connection.send(streamId, message, true);
  };
  const streams = connections.flatMap((connection) =>
    Array.from({ length: streamsPerConnection }, () => connection),
  );
  await Promise.all(streams.map((connection) => new Promise<void>((resolve) => repeat(connection, resolve))));
}
