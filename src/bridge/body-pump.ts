// The body of a request on its way to the service, trailers included. Reads no faster than the service takes it, and
// nothing before there is a connection to it.

import type { ClientRequest } from 'node:http';
import type { Readable } from 'node:stream';

export interface RequestBody {
  readonly stream: Readable;
  /** Names and values by turns; asked for when the stream has ended. */
  trailers(): readonly string[];
}

export class BodyPump {
  sentBytes = 0;
  readonly #body: RequestBody;
  #request: ClientRequest | undefined = undefined;
  #hasEnded = false;

  constructor(body: RequestBody) {
    this.#body = body;
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
    stream.on('end', this.#onEnd);
    // With the first octets if they are there; without them a service that answers before it reads would wait.
    process.nextTick(() => {
      if (this.sentBytes === 0 && this.#request !== undefined && !request.writableEnded)
        request.flushHeaders();
    });
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

  readonly #onData = (chunk: Buffer): void => {
    this.sentBytes += chunk.length;
    if (this.#request?.write(chunk) === false) this.#body.stream.pause();
  };

  readonly #onDrain = (): void => {
    this.#body.stream.resume();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    const trailers = this.#body.trailers();
    if (trailers.length > 0) this.#request?.addTrailers(pairsOf(trailers));
    this.#request?.end();
  };
}

/** As addTrailers wants them. */
export function pairsOf(fields: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < fields.length; index += 2) pairs.push([fields[index], fields[index + 1]]);
  return pairs;
}
