// Reads and writes the bytes of a socket, or of any duplex stream: through the handle where possible, otherwise through the
// stream. Only one write is pending at a time, and nothing else may read from the socket or write to it.

import type { Duplex } from 'node:stream';
import { type BytesOwner, deliver, isEstablished, SocketHandle, tellWritten } from './socket-handle.ts';

export class SocketBytes {
  readonly #socket: Duplex;
  readonly #owner: BytesOwner;
  /** Undefined until the socket is established, and always undefined on other streams. */
  #handle: SocketHandle | undefined = undefined;
  #isHandleSought = true;
  #isReadByHandle = false;
  /**
   * How many writes to the stream were done when write() returned. Their callbacks are skipped; callbacks come in the order of
   * the writes.
   */
  #callbacksToSkip = 0;
  #onStreamWritten: ((error?: Error | null) => void) | undefined = undefined;

  constructor(socket: Duplex, owner: BytesOwner) {
    this.#socket = socket;
    this.#owner = owner;
  }

  /** Prepares for reading, which resume() starts. */
  start(): void {
    const handle = this.#findHandle();
    this.#isReadByHandle = handle !== undefined;
    if (handle !== undefined) handle.startReading();
    else this.#socket.on('data', (chunk: Buffer) => deliver(this.#owner, chunk, true));
  }

  pause(): void {
    if (this.#isReadByHandle) this.#handle?.pause();
    else this.#socket.pause();
  }

  resume(): void {
    if (this.#isReadByHandle) this.#handle?.resume();
    else this.#socket.resume();
  }

  /** Must be called when the socket is closed. */
  release(): void {
    this.#handle?.release();
  }

  /** @returns whether the bytes may be reused at once; otherwise owner.written is called later */
  write(bytes: Buffer): boolean {
    const handle = this.#findHandle();
    if (handle !== undefined) return handle.write(bytes);
    const socket = this.#socket;
    this.#onStreamWritten ??= (error) => this.#streamWritten(error);
    socket.write(bytes, this.#onStreamWritten);
    const isOver = socket.writableLength === 0;
    if (isOver) this.#callbacksToSkip++;
    return isOver;
  }

  #streamWritten(error: Error | null | undefined): void {
    if (this.#callbacksToSkip > 0) this.#callbacksToSkip--;
    else tellWritten(this.#owner, error ?? undefined);
  }

  #findHandle(): SocketHandle | undefined {
    if (!this.#isHandleSought || !isEstablished(this.#socket)) return this.#handle;
    this.#isHandleSought = false;
    this.#handle = SocketHandle.of(this.#socket, this.#owner);
    return this.#handle;
  }
}
