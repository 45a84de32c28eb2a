// How every accepted socket is set up, plaintext or TLS.

import type { Socket } from 'node:net';

/** For net.Server and all that derive from it; set on the handle at accept. */
export const socketOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;

/**
 * Attached from the first moment and for ever: an 'error' nobody listens for ends the process. A TLS record that cannot
 * be decrypted is an 'error' too, and Node leaves the socket open after it. Whoever owns the socket learns of its end
 * by 'close', and listens for 'error' itself where the reason matters.
 */
export function destroyOnError(this: Socket): void {
  this.destroy();
}

/**
 * For 'close'. Node's object for TLS outlives its socket until the next full collection, and keeps the socket and all that its
 * listeners refer to: the connection with its tables and streams.
 */
export function letGo(this: Socket): void {
  this.removeAllListeners();
  this.on('error', destroyOnError);
}
