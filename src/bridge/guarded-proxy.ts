// The only way to the package http2-proxy, which lets go of everything when either side ends, and says how far a request
// had come. It never gets the objects of Node's that a peer's octets come from: what it would do wrong with them is
// listed in docs/decisions/0003, and each has its guard here and its test of the same name.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import library from 'http2-proxy';
import type { AttemptEvents, AttemptHandle, AttemptParts } from './attempt.ts';
import { responseFields } from './response-fields.ts';

type Listener = (this: unknown, argument?: unknown) => void;

/**
 * One object serves as `req` and as `res`: of a response nothing is given to the package to write. Of all that it wants to
 * hear of the two, only 'close' is told. No EventEmitter: with six of its listeners for each request it could be measured.
 */
class ClientSide {
  /**
   * The package would take its header fields from here: without te and with another Host, and Forwarded, whose host it
   * does not quote. There are none, and what it makes of them is not sent.
   */
  readonly headers: Readonly<Record<string, string>>;
  /** For Forwarded. */
  readonly socket = {};
  readonly method = 'GET';
  readonly url = '/';
  aborted = false;
  #onClose: Listener | undefined = undefined;

  constructor(headers: Readonly<Record<string, string>>) {
    this.headers = headers;
  }

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
class ServiceSide {
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
  tell(event: 'error' | 'socket' | 'response' | 'upgrade', ...values: unknown[]): boolean {
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
class ServiceResponse {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly message: IncomingMessage;
  #onError: Listener | undefined = undefined;

  constructor(message: IncomingMessage, headers: Readonly<Record<string, string | readonly string[]>> = {}) {
    this.headers = headers;
    this.message = message;
    message.on('error', (error) => this.#onError?.call(this, error));
  }

  on(event: string, listener: Listener): this {
    if (event === 'error') this.#onError = listener;
    return this;
  }

  destroy(): void {
    this.message.destroy();
  }
}

interface LibraryParties {
  readonly req: ClientSide;
  readonly res?: ClientSide;
  readonly socket?: Duplex;
  readonly head?: Buffer;
}

type OnRequest = () => ServiceSide;
type OnResponse = (response: ServiceResponse) => void;

/** The package is a function, as its README has it; its types speak of exports that it does not have. */
function proxy(parties: LibraryParties, onRequest: OnRequest, onResponse: OnResponse): Promise<void> {
  const start: unknown = library;
  if (typeof start !== 'function') throw new TypeError('http2-proxy exports no function');
  const done: Promise<void> = Reflect.apply(start, undefined, [parties, onRequest, onResponse]);
  return done;
}

const NO_HEAD: Buffer = Buffer.alloc(0);

/** One try of a request. */
export function forwardRequest(parts: AttemptParts, events: AttemptEvents): AttemptHandle {
  return new LibraryAttempt(parts, events, undefined);
}

/** One try of a WebSocket upgrade: after status 101 the package joins the two sockets. */
export function forwardUpgrade(client: Duplex) {
  return (parts: AttemptParts, events: AttemptEvents): AttemptHandle =>
    new LibraryAttempt(parts, events, client);
}

class LibraryAttempt implements AttemptHandle {
  readonly #parts: AttemptParts;
  readonly #events: AttemptEvents;
  readonly #isUpgrade: boolean;
  readonly #clientSide: ClientSide;
  #isOver = false;

  constructor(parts: AttemptParts, events: AttemptEvents, client: Duplex | undefined) {
    this.#parts = parts;
    this.#events = events;
    this.#isUpgrade = client !== undefined;
    // The package compares without folding the case, and refuses what does not match.
    this.#clientSide = new ClientSide(client === undefined ? {} : { upgrade: 'websocket' });
    const parties =
      client === undefined
        ? { req: this.#clientSide, res: this.#clientSide }
        : { req: this.#clientSide, socket: client, head: NO_HEAD };
    proxy(
      parties,
      () => this.#serviceSide(),
      ({ message }) => {
        // It would catch what is thrown here, and go on as if there had been an answer.
        if (!this.#isOver) this.#events.onResponse(message);
      },
    ).then(
      () => this.#settle(undefined),
      (error: unknown) => this.#settle(error),
    );
  }

  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clientSide.end();
    // It may not listen yet.
    this.#parts.request.destroy();
  }

  #serviceSide(): ServiceSide {
    const { request } = this.#parts;
    const side = new ServiceSide(this.#parts);
    // The package listens a turn later only, and an error that nobody hears ends the process.
    request.on('error', (error) => {
      if (!side.tell('error', error)) this.#settle(error);
    });
    request.on('socket', (socket) => side.tell('socket', socket));
    request.on('response', (message) => side.tell('response', new ServiceResponse(message)));
    request.on('upgrade', (message, socket, head) => this.#upgrade(side, message, socket, head));
    return side;
  }

  #upgrade(side: ServiceSide, message: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isUpgrade && !this.#isOver) {
      this.#events.onUpgraded(message, socket, head);
      side.tell('upgrade', new ServiceResponse(message, upgradeHeaders(message)), socket, head);
      return;
    }
    // The package would write it to any client, and join the sockets.
    socket.on('error', ignore);
    socket.destroy();
    this.#settle(Object.assign(new Error('status 101'), { code: 'unexpected_upgrade' }));
  }

  /** The package has let go, or never got hold. After finish() that is no news. */
  #settle(error: unknown): void {
    if (this.#isOver) return;
    const { request } = this.#parts;
    this.finish();
    this.#events.onEnded({
      code: propertyOf(error, 'code'),
      reason: propertyOf(error, 'reason'),
      isConnected: isAssigned(request.socket),
      isReused: request.reusedSocket,
    });
  }
}

/** What the client is to see of a 101: fields of the connection, of which these two belong to the upgrade. */
function upgradeHeaders(message: IncomingMessage): Readonly<Record<string, string | readonly string[]>> {
  const headers: Record<string, string | string[]> = { connection: 'Upgrade', upgrade: 'websocket' };
  const { fields } = responseFields(message.rawHeaders);
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index].toLowerCase();
    if (name === 'content-length') continue;
    // A name such as __proto__ is a field like any other.
    if (!Object.hasOwn(headers, name)) {
      Object.defineProperty(headers, name, { value: [], enumerable: true });
    }
    const values = headers[name];
    if (Array.isArray(values)) values.push(fields[index + 1]);
  }
  return headers;
}

/** Node's types promise a socket that is there from the beginning. */
function isAssigned(socket: unknown): boolean {
  return socket !== null && socket !== undefined;
}

function propertyOf(error: unknown, name: string): string | undefined {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}

function ignore(): void {
  // The connection is given up.
}
