// The only use of the package http2-proxy, which releases everything when either side ends, and reports how far a request had
// come. The package never gets the Node objects that carry a peer's bytes. docs/decisions/0003 lists what it would do wrong with
// them; for each item there is a guard here, and a test of the same name.

import type { IncomingMessage, InformationEvent } from 'node:http';
import type { Duplex } from 'node:stream';
import library from 'http2-proxy';
import { SWITCHED_UNASKED } from './http1-response.ts';
import { ClientSide, ServiceResponse, ServiceSide } from './proxy-stand-ins.ts';
import { isBehindResponse, watchBehind } from './response-end.ts';
import type { AttemptEvents, AttemptHandle, AttemptParts } from './service-request.ts';
import { NOT_AS_ASKED } from './upstream-failure.ts';

interface LibraryParties {
  readonly req: ClientSide;
  readonly res: ClientSide;
}

type OnRequest = () => ServiceSide;
type OnResponse = (response: ServiceResponse) => void;

/** The package exports a function, as its README says. Its types describe exports that do not exist. */
function proxy(parties: LibraryParties, onRequest: OnRequest, onResponse: OnResponse): Promise<void> {
  const start: unknown = library;
  if (typeof start !== 'function') throw new TypeError('http2-proxy exports no function');
  const done: Promise<void> = Reflect.apply(start, undefined, [parties, onRequest, onResponse]);
  return done;
}

/** Starts one attempt of a request. */
export function forwardRequest(parts: AttemptParts, events: AttemptEvents): AttemptHandle {
  return new LibraryAttempt(parts, events);
}

class LibraryAttempt implements AttemptHandle {
  readonly #parts: AttemptParts;
  readonly #events: AttemptEvents;
  readonly #clientSide = new ClientSide();
  #response: IncomingMessage | undefined = undefined;
  #stopWatching: (() => void) | undefined = undefined;
  #isOver = false;

  constructor(parts: AttemptParts, events: AttemptEvents) {
    this.#parts = parts;
    this.#events = events;
    const parties = { req: this.#clientSide, res: this.#clientSide };
    const { guard } = parts;
    // The package would catch an error thrown here and continue as if there had been a response.
    const onResponse = guard((message: IncomingMessage): void => {
      if (!this.#isOver) this.#events.onResponse(message);
    });
    proxy(
      parties,
      () => this.#serviceSide(),
      ({ message }) => onResponse(message),
    ).then(
      guard(() => this.#settle(undefined)),
      guard((error: unknown) => this.#settle(error)),
    );
  }

  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopWatching?.();
    this.#clientSide.end();
    // The package may not listen for 'close' yet, so the request is destroyed here.
    this.#parts.request.destroy();
  }

  /** Attaches every listener on the request, each in a guard. */
  #serviceSide(): ServiceSide {
    const { request, guard } = this.#parts;
    const side = new ServiceSide(this.#parts);
    // The package attaches its listeners only in the next turn of the event loop.
    request.on(
      'error',
      guard((error: NodeJS.ErrnoException) => {
        if (isBehindResponse(error.code, this.#response)) return;
        if (!side.tell('error', error)) this.#settle(error);
      }),
    );
    request.on(
      'socket',
      guard((socket: unknown) => side.tell('socket', socket)),
    );
    request.on(
      'information',
      guard(({ statusCode, rawHeaders }: InformationEvent) => {
        if (!this.#isOver) this.#events.onInterim(statusCode, rawHeaders);
      }),
    );
    request.on(
      'response',
      guard((message: IncomingMessage) => {
        this.#response = message;
        this.#stopWatching = watchBehind(request, message, guard);
        side.tell('response', new ServiceResponse(message, guard));
      }),
    );
    request.on(
      'upgrade',
      guard((_message: IncomingMessage, socket: Duplex) => this.#upgrade(socket)),
    );
    return side;
  }

  /** An unrequested upgrade ends the attempt. The package would forward it to any client and join the sockets. */
  #upgrade(socket: Duplex): void {
    socket.on('error', ignore);
    socket.destroy();
    this.#settle(Object.assign(new Error('status 101'), { code: NOT_AS_ASKED, reason: SWITCHED_UNASKED }));
  }

  /** Called when the package has released everything, or never took the request. Ignored after finish(). */
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

/** Node's types claim that a request has a socket from the beginning. */
function isAssigned(socket: unknown): boolean {
  return socket !== null && socket !== undefined;
}

function propertyOf(error: unknown, name: string): string | undefined {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}

function ignore(): void {
  // The connection is being closed.
}
