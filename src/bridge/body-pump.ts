// The body of a request on its way to the service, trailers included. Reads no faster than the service takes it, and
// nothing before there is a connection to it.

import type { ClientRequest } from 'node:http';
import type { Readable } from 'node:stream';
import type { Guard } from './attempt.ts';

export interface RequestBody {
  readonly stream: Readable;
  /** Names and values by turns; asked for when the stream has ended. */
  trailers(): readonly string[];
}

/** A body on its way to a service, wherever it comes from. */
export interface OutgoingBody {
  readonly sentBytes: number;
  /** The service would take more, and there is nothing. */
  readonly isStarved: boolean;
  /** There is a connection: sends head and body. */
  start(request: ClientRequest): void;
  /** What is left of it is not sent. May be called again, and without `start`. */
  stop(): void;
}

export class BodyPump implements OutgoingBody {
  sentBytes = 0;
  readonly #body: RequestBody;
  readonly #guard: Guard;
  readonly #onData: (chunk: Buffer) => void;
  readonly #onDrain: () => void;
  readonly #onEnd: () => void;
  #request: ClientRequest | undefined = undefined;
  #hasEnded = false;

  /** @param guard for listeners on the body's stream and on the request */
  constructor(body: RequestBody, guard: Guard) {
    this.#body = body;
    this.#guard = guard;
    this.#onData = guard((chunk) => this.#send(chunk));
    this.#onDrain = guard(() => this.#body.stream.resume());
    this.#onEnd = guard(() => this.#finish());
  }

  /** The service would take more, and there is nothing. */
  get isStarved(): boolean {
    return this.#request !== undefined && !this.#hasEnded && !this.#body.stream.isPaused();
  }

  start(request: ClientRequest): void {
    this.#request = request;
    const { stream } = this.#body;
    request.on('drain', this.#onDrain);
    stream.on('data', this.#onData);
    // Node tells the end of an empty stream though nobody reads it, so that it may have been told already.
    if (stream.readableEnded) this.#finish();
    else stream.on('end', this.#onEnd);
    // With the first bytes if they are there; without them a service that answers before it reads would wait.
    process.nextTick(
      this.#guard(() => {
        if (this.sentBytes === 0 && this.#request !== undefined && !request.writableEnded)
          request.flushHeaders();
      }),
    );
  }

  /** What is left of the body stays unread. */
  stop(): void {
    const { stream } = this.#body;
    stream.off('data', this.#onData);
    stream.off('end', this.#onEnd);
    this.#request?.off('drain', this.#onDrain);
    if (this.#request !== undefined) stream.pause();
    this.#request = undefined;
  }

  #send(chunk: Buffer): void {
    this.sentBytes += chunk.length;
    if (this.#request?.write(chunk) === false) this.#body.stream.pause();
  }

  #finish(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const trailers = this.#body.trailers();
    if (trailers.length > 0) this.#request?.addTrailers(pairsOf(trailers));
    this.#request?.end();
  }
}

/** As addTrailers wants them. */
export function pairsOf(fields: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < fields.length; index += 2) pairs.push([fields[index], fields[index + 1]]);
  return pairs;
}
