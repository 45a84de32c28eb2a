// The only way to the package http2-proxy, which lets go of everything when either side ends, and says how far a request
// had come. It never gets the objects of Node's that a peer's octets come from: what it would do wrong with them is
// listed in docs/decisions/0003, and each has its guard here and its test of the same name.

import type { IncomingMessage, InformationEvent } from 'node:http';
import type { Duplex } from 'node:stream';
import library from 'http2-proxy';
import type { AttemptEvents, AttemptHandle, AttemptParts } from './attempt.ts';
import { SWITCHED_UNASKED } from './http1-response.ts';
import { ClientSide, ServiceResponse, ServiceSide } from './proxy-stand-ins.ts';
import { isBehindResponse, watchBehind } from './response-end.ts';
import { scanFields } from './response-fields.ts';
import { NOT_AS_ASKED } from './upstream-failure.ts';
import { whyNoWebSocket } from './websocket-handshake.ts';

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
  #response: IncomingMessage | undefined = undefined;
  #stopWatching: (() => void) | undefined = undefined;
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
    const { guard } = parts;
    // It would catch what is thrown here, and go on as if there had been an answer.
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
    // It may not listen yet.
    this.#parts.request.destroy();
  }

  /** Every listener on the request is here, and in a guard. */
  #serviceSide(): ServiceSide {
    const { request, guard } = this.#parts;
    const side = new ServiceSide(this.#parts);
    // The package listens a turn later only.
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
      guard((message: IncomingMessage, socket: Duplex, head: Buffer) =>
        this.#upgrade(side, message, socket, head),
      ),
    );
    return side;
  }

  #upgrade(side: ServiceSide, message: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { guard, head: asked } = this.#parts;
    const why = this.#isUpgrade ? whyNoWebSocket(asked.fields, message.rawHeaders) : SWITCHED_UNASKED;
    if (why === undefined && !this.#isOver) {
      this.#events.onUpgraded(message, socket, head);
      const answer = new ServiceResponse(message, guard, upgradeHeaders(message));
      if (!this.#isOver) side.tell('upgrade', answer, socket, head);
      return;
    }
    // The package would write it to any client, and join the sockets.
    socket.on('error', ignore);
    socket.destroy();
    this.#settle(Object.assign(new Error('status 101'), { code: NOT_AS_ASKED, reason: why }));
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
  const { fields } = scanFields(message.rawHeaders);
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index].toLowerCase();
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
