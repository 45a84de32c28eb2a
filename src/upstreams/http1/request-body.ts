// What the relay sends to a service, piece by piece: the body of a request, or the client's bytes of a WebSocket. Nothing comes
// before there is a connection, and no more is taken than it has room for: what is not taken stays with the relay.

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

export interface RequestBodyEvents {
  /** There is a connection: whatever is sent before that is lost. */
  onOpen(): void;
  /** There is room for more. */
  onRoom(): void;
}

export class RequestBody implements OutgoingBody {
  sentBytes = 0;
  readonly #guard: Guard;
  readonly #events: RequestBodyEvents;
  readonly #onDrain: () => void;
  #target: Writable | undefined = undefined;
  #hasRoom = false;
  #hasEnded = false;
  #trailers: readonly string[] = [];

  /** @param guard for listeners on the connection */
  constructor(guard: Guard, events: RequestBodyEvents) {
    this.#guard = guard;
    this.#events = events;
    this.#onDrain = guard(() => {
      this.#hasRoom = true;
      events.onRoom();
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
    this.#events.onOpen();
  }

  /** @returns how many bytes were taken; the end without a byte is always taken */
  send(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const size = end - start;
    if (this.#hasEnded) return 0;
    if (size === 0) {
      if (endStream) this.#finish(undefined);
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
    this.#finish(undefined);
  }

  stop(): void {
    this.#target?.off('drain', this.#onDrain);
    this.#target = undefined;
    this.#hasEnded = true;
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
