// The socket of a client that waits: for its WebSocket, or for the responses to its earlier requests. The socket is read
// meanwhile, since otherwise its closing would go unnoticed. What arrives early is kept, within a bound.

import type { Socket } from 'node:net';
import type { Containment } from './containment.ts';

const MOST_EARLY_BYTES = 65_536;
const NOTHING: Buffer = Buffer.alloc(0);

export class WaitingSocket {
  readonly #socket: Socket;
  /** The buffer grows by doubling: an object for each of many tiny pieces would cost a thousand times as much. */
  #early = NOTHING;
  readonly #keep: (bytes: Buffer) => void;
  readonly #leave: () => void;
  #earlyBytes = 0;

  /** `head` is what was read after the request. */
  constructor(socket: Socket, head: Buffer, containment: Containment) {
    const end = (): unknown => socket.destroy();
    this.#socket = socket;
    this.#keep = containment.guard(end, (bytes: Buffer) => this.#add(bytes));
    this.#leave = containment.guard(end, () => {
      socket.destroy();
    });
    if (head.length > 0) this.#add(head);
    socket.on('data', this.#keep);
    socket.on('end', this.#leave);
    // Its previous owner may have paused the socket.
    if (this.#earlyBytes <= MOST_EARLY_BYTES) socket.resume();
  }

  /**
   * Ends the wait and pauses the socket.
   * @returns the bytes that have arrived
   */
  take(): Buffer {
    const socket = this.#socket;
    socket.off('data', this.#keep);
    socket.off('end', this.#leave);
    socket.pause();
    const early = this.#early.subarray(0, this.#earlyBytes);
    this.#forget();
    return early;
  }

  /** Ends the wait and puts the bytes that have arrived back in front of the socket's stream. */
  giveBack(): void {
    const early = this.take();
    if (early.length > 0) this.#socket.unshift(early);
  }

  /** Ends the wait without a result: bytes that arrive are dropped. */
  drop(): void {
    this.#socket.off('data', this.#keep);
    this.#forget();
    this.#socket.resume();
  }

  #forget(): void {
    this.#early = NOTHING;
    this.#earlyBytes = 0;
  }

  #add(bytes: Buffer): void {
    const before = this.#earlyBytes;
    this.#earlyBytes += bytes.length;
    if (before === 0) {
      this.#early = bytes;
      return this.#pauseBeyondBound();
    }
    if (this.#earlyBytes > this.#early.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#earlyBytes, 2 * this.#early.length));
      this.#early.copy(grown, 0, 0, before);
      this.#early = grown;
    }
    bytes.copy(this.#early, before);
    this.#pauseBeyondBound();
  }

  #pauseBeyondBound(): void {
    if (this.#earlyBytes > MOST_EARLY_BYTES) this.#socket.pause();
  }
}
