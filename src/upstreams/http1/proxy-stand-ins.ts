// The objects that the package http2-proxy gets in place of a client's request, a request to a service and its response. What it does to
// these reaches a peer only through a guard (guarded-proxy.ts); docs/decisions/0003 lists what it would do wrong.

type Listener = (this: unknown, argument?: unknown) => void;

/**
 * One object serves as both `req` and `res`: the package is given nothing of a response to write. Of all the events that it
 * listens for, only 'close' is emitted. Not an EventEmitter: with the package's six listeners for each request, the cost was
 * measurable.
 */
export class ClientSide {
  /**
   * The package would take the request's header fields from here, drop te, change Host, and add Forwarded with an unquoted host.
   * There are no fields, and what the package makes of them is not sent.
   */
  readonly headers = {};
  /** Read by the package for Forwarded. */
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

  /** By this call the package drops the body of what it takes for a GET. Ours is still unread, so nothing is done. */
  resume(): void {
    // The body is read where it is sent.
  }

  /** Ends the client's side, well or badly. */
  end(): void {
    this.aborted = true;
    this.#onClose?.call(this);
  }
}

/** What the package looks at to see whether there is a connection. */
const CONNECTED = { connecting: false };

/** Stands in for the request to the service. */
export class ServiceSide {
  /**
   * GET, whatever the request's method is. For a GET the package sends no body, which would leave the service waiting for what
   * content-length announces, and for other methods it loses the trailers. So it is told GET, and `end` sends everything.
   */
  readonly method = 'GET';
  /** Read by the package for its errors. Those that are reported are ours. */
  readonly reusedSocket = false;
  socket: typeof CONNECTED | undefined = undefined;
  readonly #send: () => void;
  readonly #listeners: { [event: string]: ((this: unknown, ...values: unknown[]) => void) | undefined } = {};

  /** @param send sends the request; may not throw */
  constructor(send: () => void) {
    this.#send = send;
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

  /** There is a connection. The package may look for it later, or be told now. */
  connect(): void {
    this.socket = CONNECTED;
    this.tell('socket', CONNECTED);
  }

  /** @returns whether the package already listens */
  tell(event: 'error' | 'socket' | 'response', ...values: unknown[]): boolean {
    const listener = this.#listeners[event];
    listener?.apply(this, values);
    return listener !== undefined;
  }

  /** Called by the package when there is a connection. */
  end(): void {
    this.#send();
  }

  /** Called by the package when the request is over. Its connection has been let go where that was decided. */
  abort(): void {
    // There is nothing to let go here.
  }
}

/**
 * Stands in for the service's response. The package would delete header fields, write the others to the client unchecked, and throw
 * when the status is invalid.
 */
export class ServiceResponse {
  readonly headers = {};

  /** The package listens for errors of the response. They are told to the request. */
  on(): this {
    return this;
  }

  destroy(): void {
    // The connection is released where the response is read.
  }
}
