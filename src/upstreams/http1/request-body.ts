// What the relay sends to a service, piece by piece: the body of a request, or the client's bytes of a WebSocket. Nothing is
// taken before there is a connection, nor more than the connection has room for: what is not taken stays with the relay.

import type { ClientRequest } from 'node:http';
import type { Writable } from 'node:stream';
import { pairsOf } from '../../calls/http1-fields.ts';
import type { Guard } from './service-request.ts';

/** A body on its way to a service. */
export interface OutgoingBody {
  readonly sentBytes: number;
  /** The service would take more, and there is nothing. */
  readonly isStarved: boolean;
  /** There is a connection: sends head and body. */
  start(request: ClientRequest): void;
  /** What is left of it is not sent. May be called again, and without `start`. */
  stop(): void;
}

export class RequestBody implements OutgoingBody {
  sentBytes = 0;
  readonly #guard: Guard;
  readonly #onRoom: () => void;
  readonly #onDrain: () => void;
  #target: Writable | undefined = undefined;
  #hasRoom = false;
  /** The end came before there was a connection, and with nothing before it. */
  #endsEmpty = false;
  #hasEnded = false;
  #trailers: readonly string[] = [];

  /**
   * @param guard for listeners on the connection
   * @param onRoom is called when something can be taken again
   */
  constructor(guard: Guard, onRoom: () => void) {
    this.#guard = guard;
    this.#onRoom = onRoom;
    this.#onDrain = guard(() => {
      this.#hasRoom = true;
      onRoom();
    });
  }

  get isStarved(): boolean {
    return this.#target !== undefined && this.#hasRoom && !this.#hasEnded;
  }

  start(request: ClientRequest): void {
    this.open(request);
    // With the first bytes if they are there; without them a service that answers before it reads would wait.
    process.nextTick(
      this.#guard(() => {
        if (this.sentBytes === 0 && this.#target !== undefined && !request.writableEnded)
          request.flushHeaders();
      }),
    );
  }

  /** Where it goes: a request, or the socket of a WebSocket. */
  open(target: Writable): void {
    this.#target = target;
    this.#hasRoom = true;
    target.on('drain', this.#onDrain);
    if (this.#endsEmpty) this.#finish(undefined);
    else this.#onRoom();
  }

  /** @returns how many bytes were taken; the end without a byte is always taken */
  send(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const size = end - start;
    if (this.#hasEnded) return 0;
    if (size === 0) {
      if (endStream) this.#end();
      return 0;
    }
    if (this.#target === undefined || !this.#hasRoom) return 0;
    this.sentBytes += size;
    // The bytes belong to whoever reads the socket, and are another's after this call.
    const copy = Buffer.from(bytes.subarray(start, end));
    if (endStream) this.#finish(copy);
    else this.#hasRoom = this.#target.write(copy);
    return size;
  }

  /** @param trailers names and values by turns; behind all of the body */
  sendTrailers(trailers: readonly string[]): void {
    if (this.#hasEnded) return;
    this.#trailers = trailers;
    this.#end();
  }

  stop(): void {
    this.#target?.off('drain', this.#onDrain);
    this.#target = undefined;
    this.#hasEnded = true;
  }

  #end(): void {
    if (this.#target === undefined) this.#endsEmpty = true;
    else this.#finish(undefined);
  }

  #finish(last: Buffer | undefined): void {
    const target = this.#target;
    this.#hasEnded = true;
    if (this.#trailers.length > 0 && isRequest(target)) target.addTrailers(pairsOf(this.#trailers));
    target?.end(last);
  }
}

function isRequest(target: Writable | undefined): target is ClientRequest {
  return target !== undefined && 'addTrailers' in target;
}
