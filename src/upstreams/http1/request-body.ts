// What the relay sends to a service, piece by piece: the body of a request, or the client's bytes of a WebSocket. Nothing is
// accepted before there is a connection, and no more than it has room for. The rest stays with the relay.

import type { ClientRequest } from 'node:http';
import type { Writable } from 'node:stream';
import { pairsOf } from '../../calls/http1-fields.ts';
import type { Guard } from './service-request.ts';

/** A body that is sent to a service. */
export interface OutgoingBody {
  readonly sentBytes: number;
  /** The service would accept more, but there is nothing to send. */
  readonly isStarved: boolean;
  /** Sends head and body, once there is a connection. */
  start(request: ClientRequest): void;
  /** Ends the body without sending the rest. May be called again, and without `start`. */
  stop(): void;
}

export interface RequestBodyEvents {
  /** There is a connection. Nothing may be sent before this. */
  onOpen(): void;
  /** There is room for more bytes. */
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

  /** @param guard wraps listeners on the connection */
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
    // The head goes with the first bytes if they are there. Without any it is flushed, since a service that responds before it
    // reads would otherwise wait.
    process.nextTick(
      this.#guard(() => {
        if (this.sentBytes === 0 && this.#target !== undefined && !request.writableEnded)
          request.flushHeaders();
      }),
    );
  }

  /** Sets the target: a request, or the socket of a WebSocket. */
  open(target: Writable): void {
    this.#target = target;
    this.#hasRoom = true;
    target.on('drain', this.#onDrain);
    this.#events.onOpen();
  }

  /** @returns how many bytes were taken; an end without bytes is always accepted */
  send(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const size = end - start;
    if (this.#hasEnded) return 0;
    if (size === 0) {
      if (endStream) this.#finish(undefined);
      return 0;
    }
    if (this.#target === undefined || !this.#hasRoom) return 0;
    this.sentBytes += size;
    // The buffer is reused for the next read after this call.
    const copy = Buffer.from(bytes.subarray(start, end));
    if (endStream) this.#finish(copy);
    else this.#hasRoom = this.#target.write(copy);
    return size;
  }

  /**
   * Sends the trailers after the whole body.
   * @param trailers names and values alternating
   */
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
