// Accepted connections of a listener that were not handed up yet: their client is in its handshake, or has not shown what it
// speaks. A process that stops waits for them a while, since it has accepted them.

import type { Socket } from 'node:net';

export class Openings {
  /**
   * Not a Set: a Set with many additions and removals makes new tables, and an old table keeps all its successors, with the
   * sockets in them, alive until the next full garbage collection. Every connection was moved to the old space that way
   * (docs/decisions/0032).
   */
  readonly #sockets = new WeakSet<Socket>();
  #count = 0;
  #onSettled: (() => void)[] = [];

  get size(): number {
    return this.#count;
  }

  /** Adds a connection until it is settled or closed. */
  begin(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    this.#count++;
    // As everywhere in this folder not once(), which costs more than it saves: 'close' comes only once anyway.
    socket.on('close', () => this.settle(socket));
  }

  /** Removes a connection, because its new owner waits for it from now on. */
  settle(socket: Socket): void {
    if (!this.#sockets.delete(socket)) return;
    this.#count--;
    if (this.#count > 0 || this.#onSettled.length === 0) return;
    const told = this.#onSettled;
    this.#onSettled = [];
    for (const resolve of told) resolve();
  }

  /** Resolves when no connection is left. */
  settled(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onSettled.push(resolve);
    });
  }
}
