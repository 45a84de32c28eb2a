// A socket's octets, past Node's stream classes: what is read lands in one buffer for all, and a write has no queue, no ticks and no
// bookkeeping of its own. The socket stays the owner: it says 'end', 'error' and 'close', it is ended and destroyed as ever.
// Nothing else may write to the socket, or listen to 'data', once this is in use.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import { READ_BUFFER } from './read-buffer.ts';
import {
  isStreamHandle,
  STREAM_BINDING,
  type StreamBinding,
  type StreamHandle,
  type WriteRequest,
} from './stream-binding.ts';

/** An object rather than functions: there are many connections, and each function made for one is memory. */
export interface OctetsOwner {
  /** Octets from the peer; the chunk may be reused after the call, unless it `isKept`. */
  receive(chunk: Buffer, isKept: boolean): void;
  /** The write that was under way is over; its octets may be used again. */
  written(error: Error | undefined): void;
  /** One of the two threw `fault`, which concerns this connection only. May not throw. */
  fail(fault: unknown): void;
}

/** Nothing is thrown back at whoever emits the event: Node would end the process. */
export function deliver(owner: OctetsOwner, chunk: Buffer, isKept: boolean): void {
  try {
    owner.receive(chunk, isKept);
  } catch (fault) {
    owner.fail(fault);
  }
}

/** The same for the end of a write. */
export function tellWritten(owner: OctetsOwner, error: Error | undefined): void {
  try {
    owner.written(error);
  } catch (fault) {
    owner.fail(fault);
  }
}

const NOBODY: OctetsOwner = { receive() {}, written() {}, fail() {} };

/** Connected, with its handshake done, and with nothing left of what was written to it. */
export function isEstablished(socket: Duplex): boolean {
  if (!(socket instanceof Socket) || socket.writableLength > 0) return false;
  return (
    !socket.connecting && !(socket instanceof TLSSocket && Reflect.get(socket, 'secureConnecting') === true)
  );
}

export class SocketHandle {
  readonly #socket: Socket;
  readonly #handle: StreamHandle;
  readonly #binding: StreamBinding;
  #owner: OctetsOwner;
  /** One that was made for a write which was over at once, and so was not used. */
  #spareRequest: WriteRequest | undefined = undefined;

  /**
   * Undefined for what is no socket of the system's, and in a Node that is not known. Only for sockets that are connected, and
   * whose own writes are done: a socket that still connects may change its handle.
   */
  static of(socket: Duplex, owner: OctetsOwner): SocketHandle | undefined {
    if (STREAM_BINDING === undefined || !(socket instanceof Socket)) return undefined;
    const handle: unknown = Reflect.get(socket, '_handle');
    return isStreamHandle(handle) ? new SocketHandle(socket, handle, STREAM_BINDING, owner) : undefined;
  }

  private constructor(socket: Socket, handle: StreamHandle, binding: StreamBinding, owner: OctetsOwner) {
    this.#socket = socket;
    this.#handle = handle;
    this.#binding = binding;
    this.#owner = owner;
  }

  /** Takes the reading over. What Node has read already comes during the call. */
  startReading(): void {
    const handle = this.#handle;
    const { state, readBytesIndex } = this.#binding;
    const onEndOrError = handle.onread;
    // From here on the stream waits for a read that never comes, and so does not start the handle again behind a pause.
    const readBefore: unknown = this.#socket.read();
    handle.useUserBuffer(READ_BUFFER);
    handle.onread = (octets) => {
      const size = state[readBytesIndex];
      if (size <= 0) return onEndOrError.call(handle, octets);
      deliver(this.#owner, READ_BUFFER.subarray(0, size), false);
      return undefined;
    };
    if (Buffer.isBuffer(readBefore)) deliver(this.#owner, readBefore, true);
  }

  /** The socket is closed. Node's handle lives on until the next full collection, and must not keep the connection for so long. */
  release(): void {
    this.#owner = NOBODY;
  }

  pause(): void {
    this.#handle.reading = false;
    this.#handle.readStop();
  }

  resume(): void {
    this.#handle.reading = true;
    this.#handle.readStart();
  }

  /**
   * One at a time. When it fails the socket is destroyed, with an error.
   * @returns whether it is over already, and the octets may be used again; otherwise the owner is told when
   */
  write(octets: Buffer): boolean {
    const { WriteRequest, state, wasAsyncIndex } = this.#binding;
    if (WriteRequest === undefined) return this.#writeWithoutRequest(octets);
    const request = this.#spareRequest ?? new WriteRequest();
    request.framegateHandle = this;
    request.oncomplete = tellHandle;
    const result = this.#handle.writeBuffer(request, octets);
    if (result !== 0) {
      this.#fail(typeof result === 'number' ? result : 0);
      return true;
    }
    const isOver = state[wasAsyncIndex] === 0;
    this.#spareRequest = isOver ? request : undefined;
    return isOver;
  }

  /** Node 26. */
  #writeWithoutRequest(octets: Buffer): boolean {
    const { state, writeErrorIndex } = this.#binding;
    const result = this.#handle.writeBuffer(null, octets);
    const request = typeof result === 'object' ? result : undefined;
    const code = request === undefined ? result : state[writeErrorIndex];
    if (code !== 0) this.#fail(typeof code === 'number' ? code : 0);
    if (request === undefined || code !== 0) return true;
    request.framegateHandle = this;
    request.oncomplete = tellHandle;
    const status = request.writeStatus ?? undefined;
    if (status === undefined) return false;
    if (status < 0) this.#fail(status);
    return true;
  }

  completed(status: number): void {
    tellWritten(this.#owner, status < 0 ? this.#fail(status) : undefined);
  }

  #fail(code: number): Error {
    const name = code < 0 ? getSystemErrorName(code) : 'EPROTO';
    const error = Object.assign(new Error(`write ${name}`), { code: name });
    if (!this.#socket.destroyed) this.#socket.destroy(error);
    return error;
  }
}

/** Node calls it as the request's. */
function tellHandle(this: WriteRequest, status: number): void {
  this.framegateHandle?.completed(status);
}
