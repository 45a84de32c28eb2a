// Connections of a listener that are accepted and not yet anybody's: their client is in its handshake, or has not said
// what it wants. A process that stops waits for them a while, since it has taken them.

import type { Socket } from 'node:net';

export class Openings {
  readonly #sockets = new Set<Socket>();
  #onSettled: (() => void)[] = [];

  get size(): number {
    return this.#sockets.size;
  }

  /** Until it is settled, or closed. */
  begin(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.settle(socket));
  }

  /** Somebody has taken it, who will wait for it himself. */
  settle(socket: Socket): void {
    if (!this.#sockets.delete(socket) || this.#sockets.size > 0) return;
    const told = this.#onSettled;
    this.#onSettled = [];
    for (const resolve of told) resolve();
  }

  /** Resolves when there is none. */
  settled(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onSettled.push(resolve);
    });
  }
}
