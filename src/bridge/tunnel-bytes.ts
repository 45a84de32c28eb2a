// What a WebSocket of an HTTP/1.1 client has carried, for its record.

import type { Socket } from 'node:net';

/** It is counted where it goes to the service and comes from it. */
export class TunnelBytes {
  readonly #socket: Socket;
  readonly #writtenBefore: number;
  readonly #readBefore: number;

  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.#writtenBefore = socket.bytesWritten;
    this.#readBefore = socket.bytesRead - head.length;
  }

  get requestBytes(): number {
    return this.#socket.bytesWritten - this.#writtenBefore;
  }

  get responseBytes(): number {
    return this.#socket.bytesRead - this.#readBefore;
  }
}
