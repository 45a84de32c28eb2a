// The socket of a client that waits for its WebSocket. It is read all the while, since one that nobody reads cannot tell that
// its client has gone; what comes early is kept, and not without bound.

import type { Socket } from 'node:net';

const MOST_EARLY_BYTES = 65_536;

export class WaitingSocket {
  readonly #socket: Socket;
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;

  /** `head` is what was read behind the request. */
  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    if (head.length > 0) this.#keep(head);
    socket.on('data', this.#keep);
    socket.on('end', this.#leave);
  }

  /** The WebSocket is there: what was kept stands in front of what is still to come, and nobody reads. */
  giveBack(): void {
    const socket = this.#socket;
    socket.off('data', this.#keep);
    socket.off('end', this.#leave);
    socket.pause();
    if (this.#earlyBytes > 0) socket.unshift(Buffer.concat(this.#early));
    this.#early.length = 0;
  }

  /** There will be no WebSocket: what comes is dropped. */
  drop(): void {
    this.#socket.off('data', this.#keep);
    this.#early.length = 0;
    this.#socket.resume();
  }

  readonly #keep = (octets: Buffer): void => {
    this.#early.push(octets);
    this.#earlyBytes += octets.length;
    if (this.#earlyBytes > MOST_EARLY_BYTES) this.#socket.pause();
  };

  readonly #leave = (): void => {
    this.#socket.destroy();
  };
}
