// The settings of every accepted socket, plaintext or TLS.

import type { Socket } from 'node:net';

/** Options for net.Server and the classes derived from it. They are set on the handle at accept. */
export const socketOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;

/**
 * The 'error' listener of every socket, attached from the first moment and never removed: an 'error' without a listener ends the
 * process. A TLS record that cannot be decrypted is an 'error' too, and Node leaves the socket open after it. The owner of the
 * socket learns of its end by 'close', and listens for 'error' itself where the reason matters.
 */
export function destroyOnError(this: Socket): void {
  this.destroy();
}

/**
 * A 'close' listener that removes all listeners. Node's TLS object outlives its socket until the next full garbage collection,
 * and would keep alive the socket and all that its listeners refer to: the connection with its tables and streams.
 */
export function letGo(this: Socket): void {
  this.removeAllListeners();
  this.on('error', destroyOnError);
}
