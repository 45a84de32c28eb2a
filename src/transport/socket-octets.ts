// The octets of a socket, or of any duplex stream, as the transport takes and gives them: by the handle where that may be, by the
// stream otherwise. One write at a time; the only one that writes to the socket or reads from it.

import type { Duplex } from 'node:stream';
import { deliver, isEstablished, type OctetsOwner, SocketHandle, tellWritten } from './socket-handle.ts';

export class SocketOctets {
  readonly #socket: Duplex;
  readonly #owner: OctetsOwner;
  /** Once it may be taken, and where there is one. */
  #handle: SocketHandle | undefined = undefined;
  #isHandleSought = true;
  #isReadByHandle = false;
  /** Writes to the stream that were done when write() returned; callbacks come in the order of the writes. */
  #callbacksToSkip = 0;
  #onStreamWritten: ((error?: Error | null) => void) | undefined = undefined;

  constructor(socket: Duplex, owner: OctetsOwner) {
    this.#socket = socket;
    this.#owner = owner;
  }

  /** Reads, once resume() is called. */
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

  /** The socket is closed. */
  release(): void {
    this.#handle?.release();
  }

  /** @returns whether the octets may be used again at once; otherwise the owner is told when */
  write(octets: Buffer): boolean {
    const handle = this.#findHandle();
    if (handle !== undefined) return handle.write(octets);
    const socket = this.#socket;
    this.#onStreamWritten ??= (error) => this.#streamWritten(error);
    socket.write(octets, this.#onStreamWritten);
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
