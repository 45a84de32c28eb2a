// Connections of a listener that are accepted and not yet anybody's: their client is in its handshake, or has not said
// what it wants. A process that stops waits for them a while, since it has taken them.

import type { Socket } from 'node:net';

export class Openings {
  /**
   * Not a Set: a Set in which many come and go makes new tables, and an old one keeps all that follow it, with the sockets in
   * them, until the next full collection. Every connection was moved to the old space that way (docs/decisions/0032).
   */
  readonly #sockets = new WeakSet<Socket>();
  #count = 0;
  #onSettled: (() => void)[] = [];

  get size(): number {
    return this.#count;
  }

  /** Until it is settled, or closed. */
  begin(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    this.#count++;
    // As everywhere here not once(), which costs more than it saves: 'close' comes once anyway.
    socket.on('close', () => this.settle(socket));
  }

  /** Somebody has taken it, who will wait for it himself. */
  settle(socket: Socket): void {
    if (!this.#sockets.delete(socket)) return;
    this.#count--;
    if (this.#count > 0 || this.#onSettled.length === 0) return;
    const told = this.#onSettled;
    this.#onSettled = [];
    for (const resolve of told) resolve();
  }

  /** Resolves when there is none. */
  settled(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onSettled.push(resolve);
    });
  }
}
