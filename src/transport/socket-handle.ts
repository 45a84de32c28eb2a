// Reads and writes a socket below Node's stream classes: reads go into one buffer shared by all sockets, and a write needs no
// queue, no ticks and no bookkeeping. The socket object stays the owner: it emits 'end', 'error' and 'close', and is ended and
// destroyed as usual. While this is in use, nothing else may write to the socket or listen to 'data'.

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

/** An object rather than callbacks: there are many connections, and each closure for one takes memory. */
export interface BytesOwner {
  /** Receives bytes from the peer. The chunk may be reused after the call, unless it `isKept`. */
  receive(chunk: Buffer, isKept: boolean): void;
  /** The pending write is done, and its bytes may be reused. */
  written(error: Error | undefined): void;
  /** One of the two methods above threw `fault`. Only this connection is affected. May not throw. */
  fail(fault: unknown): void;
}

/** Calls owner.receive. An error must not reach the emitter of the event: Node would end the process. */
export function deliver(owner: BytesOwner, chunk: Buffer, isKept: boolean): void {
  try {
    owner.receive(chunk, isKept);
  } catch (fault) {
    owner.fail(fault);
  }
}

/** As deliver, for the end of a write. */
export function tellWritten(owner: BytesOwner, error: Error | undefined): void {
  try {
    owner.written(error);
  } catch (fault) {
    owner.fail(fault);
  }
}

const NOBODY: BytesOwner = { receive() {}, written() {}, fail() {} };

/** Whether the socket is connected, has finished its handshake, and has no unwritten data. */
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
  #owner: BytesOwner;
  /** A request that was created for a write that completed synchronously, and so was not used. */
  #spareRequest: WriteRequest | undefined = undefined;

  /**
   * Undefined when the stream is not a socket of the operating system, or when the Node version is unknown. Only for sockets that
   * are connected and have no unwritten data: a socket that is still connecting may change its handle.
   */
  static of(socket: Duplex, owner: BytesOwner): SocketHandle | undefined {
    if (STREAM_BINDING === undefined || !(socket instanceof Socket)) return undefined;
    const handle: unknown = Reflect.get(socket, '_handle');
    return isStreamHandle(handle) ? new SocketHandle(socket, handle, STREAM_BINDING, owner) : undefined;
  }

  private constructor(socket: Socket, handle: StreamHandle, binding: StreamBinding, owner: BytesOwner) {
    this.#socket = socket;
    this.#handle = handle;
    this.#binding = binding;
    this.#owner = owner;
  }

  /** Takes over reading. What Node has already read is delivered during the call. */
  startReading(): void {
    const handle = this.#handle;
    const { state, readBytesIndex } = this.#binding;
    const onEndOrError = handle.onread;
    // From here on the stream waits for a read that never comes, so it does not restart the handle after a pause.
    const readBefore: unknown = this.#socket.read();
    handle.useUserBuffer(READ_BUFFER);
    handle.onread = (buffer) => {
      const size = state[readBytesIndex];
      if (size <= 0) return onEndOrError.call(handle, buffer);
      deliver(this.#owner, READ_BUFFER.subarray(0, size), false);
      return undefined;
    };
    if (Buffer.isBuffer(readBefore)) deliver(this.#owner, readBefore, true);
  }

  /**
   * Must be called when the socket is closed. Node's handle lives until the next full garbage collection, and must not keep the
   * connection alive that long.
   */
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
   * Writes the bytes. Only one write may be pending. When a write fails, the socket is destroyed with an error.
   * @returns whether the write is done and the bytes may be reused; otherwise owner.written is called later
   */
  write(bytes: Buffer): boolean {
    const { WriteRequest, state, wasAsyncIndex } = this.#binding;
    if (WriteRequest === undefined) return this.#writeWithoutRequest(bytes);
    const request = this.#spareRequest ?? new WriteRequest();
    request.framegateHandle = this;
    request.oncomplete = tellHandle;
    const result = this.#handle.writeBuffer(request, bytes);
    if (result !== 0) {
      this.#fail(typeof result === 'number' ? result : 0);
      return true;
    }
    const isOver = state[wasAsyncIndex] === 0;
    this.#spareRequest = isOver ? request : undefined;
    return isOver;
  }

  /** The write as Node 26 has it: Node creates the request. */
  #writeWithoutRequest(bytes: Buffer): boolean {
    const { state, writeErrorIndex } = this.#binding;
    const result = this.#handle.writeBuffer(null, bytes);
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

/** Node calls this as a method of the request. */
function tellHandle(this: WriteRequest, status: number): void {
  this.framegateHandle?.completed(status);
}
