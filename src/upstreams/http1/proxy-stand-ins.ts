// What the package http2-proxy gets in place of Node's own objects: of what it does to these nothing reaches a peer but by a
// guard (guarded-proxy.ts), and what it would do wrong is listed in docs/decisions/0003.

import type { IncomingMessage } from 'node:http';
import type { AttemptParts, Guard } from './service-request.ts';

type Listener = (this: unknown, argument?: unknown) => void;

/**
 * One object serves as `req` and as `res`: of a response nothing is given to the package to write. Of all that it wants to
 * hear of the two, only 'close' is told. No EventEmitter: with six of its listeners for each request it could be measured.
 */
export class ClientSide {
  /**
   * The package would take its header fields from here: without te and with another Host, and Forwarded, whose host it
   * does not quote. There are none, and what it makes of them is not sent.
   */
  readonly headers = {};
  /** For Forwarded. */
  readonly socket = {};
  readonly method = 'GET';
  readonly url = '/';
  aborted = false;
  #onClose: Listener | undefined = undefined;

  on(event: string, listener: Listener): this {
    if (event === 'close') this.#onClose = listener;
    return this;
  }

  off(event: string): this {
    if (event === 'close') this.#onClose = undefined;
    return this;
  }

  /** The package drops the body of what it takes for a GET by this; ours is still unread. */
  resume(): void {
    // The body is read by whoever sends it.
  }

  /** The client's side is over, well or badly. */
  end(): void {
    this.aborted = true;
    this.#onClose?.call(this);
  }
}

/** In place of the ClientRequest. */
export class ServiceSide {
  /**
   * Whatever the request's method is. Of a GET the package sends no body, which leaves the service waiting for what
   * content-length has promised, and of others it loses the trailers: it is told GET, and `end` sends the body.
   */
  readonly method = 'GET';
  readonly #parts: AttemptParts;
  readonly #listeners: { [event: string]: ((this: unknown, ...values: unknown[]) => void) | undefined } = {};

  constructor(parts: AttemptParts) {
    this.#parts = parts;
  }

  get socket(): unknown {
    return this.#parts.request.socket;
  }

  get reusedSocket(): boolean {
    return this.#parts.request.reusedSocket;
  }

  on(event: string, listener: Listener): this {
    this.#listeners[event] = listener;
    return this;
  }

  once(event: string, listener: Listener): this {
    return this.on(event, listener);
  }

  off(): this {
    return this;
  }

  /** @returns whether the package listens already */
  tell(event: 'error' | 'socket' | 'response', ...values: unknown[]): boolean {
    const listener = this.#listeners[event];
    listener?.apply(this, values);
    return listener !== undefined;
  }

  /** There is a connection. */
  end(): void {
    this.#parts.sendBody(this.#parts.request);
  }

  abort(): void {
    this.#parts.request.destroy();
  }
}

/**
 * In place of the service's response. The package deletes header fields that Node's agent still needs, would write the
 * others to the client unchecked, and would throw where the status is none.
 */
export class ServiceResponse {
  readonly headers = {};
  readonly message: IncomingMessage;
  #onError: Listener | undefined = undefined;

  constructor(message: IncomingMessage, guard: Guard) {
    this.message = message;
    message.on(
      'error',
      guard((error) => this.#onError?.call(this, error)),
    );
  }

  on(event: string, listener: Listener): this {
    if (event === 'error') this.#onError = listener;
    return this;
  }

  destroy(): void {
    this.message.destroy();
  }
}
