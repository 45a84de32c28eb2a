// The octets of a socket, or of any duplex stream, as the transport takes and gives them: by the handle where that may be, by the
// stream otherwise. One write at a time; the only one that writes to the socket or reads from it.

import type { Duplex } from 'node:stream';
import { isEstablished, SocketHandle } from './socket-handle.ts';

export class SocketOctets {
  readonly #socket: Duplex;
  readonly #onWritten: (error?: Error | null) => void;
  /** Once it may be taken, and where there is one. */
  #handle: SocketHandle | undefined = undefined;
  #isHandleSought = true;
  #isReadByHandle = false;
  /** Writes that were done when write() returned; callbacks come in the order of the writes. */
  #callbacksToSkip = 0;

  /** @param onWritten a write that was not over at once is over now */
  constructor(socket: Duplex, onWritten: (error?: Error | null) => void) {
    this.#socket = socket;
    this.#onWritten = onWritten;
  }

  /**
   * Reads, once resume() is called.
   * @param receive octets from the peer; the chunk may be reused after the call, unless it `isKept`
   */
  start(receive: (chunk: Buffer, isKept: boolean) => void): void {
    const handle = this.#findHandle();
    if (handle === undefined) {
      this.#socket.on('data', (chunk: Buffer) => receive(chunk, true));
      return;
    }
    this.#isReadByHandle = true;
    handle.startReading((chunk) => receive(chunk, false));
  }

  pause(): void {
    if (this.#isReadByHandle) this.#handle?.pause();
    else this.#socket.pause();
  }

  resume(): void {
    if (this.#isReadByHandle) this.#handle?.resume();
    else this.#socket.resume();
  }

  /** @returns whether the octets may be used again at once; otherwise `onWritten` follows */
  write(octets: Buffer): boolean {
    const handle = this.#findHandle();
    if (handle !== undefined) return handle.write(octets);
    const socket = this.#socket;
    socket.write(octets, this.#onStreamWritten);
    // The kernel took it all at once, as it usually does in the clear; only the callback is still to come.
    const isOver = socket.writableLength === 0;
    if (isOver) this.#callbacksToSkip++;
    return isOver;
  }

  readonly #onStreamWritten = (error?: Error | null): void => {
    if (this.#callbacksToSkip > 0) this.#callbacksToSkip--;
    else this.#onWritten(error);
  };

  #findHandle(): SocketHandle | undefined {
    if (!this.#isHandleSought || !isEstablished(this.#socket)) return this.#handle;
    this.#isHandleSought = false;
    this.#handle = SocketHandle.of(this.#socket, this.#onWritten);
    return this.#handle;
  }
}
