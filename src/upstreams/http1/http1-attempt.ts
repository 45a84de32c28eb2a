// One try of a call at an HTTP/1.1 endpoint: the relay's side is a stream as HTTP/2 has them, the other is a request of HTTP/1.1.
// For a WebSocket (RFC 8441) it is the socket, once the service has upgraded it.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AttemptListener } from '../../calls/attempt-listener.ts';
import type { CallStream } from '../../calls/call-stream.ts';
import type { AttemptOutcome } from '../../calls/endpoint-counts.ts';
import { FAULT, type Failure, unavailable } from '../../calls/failure.ts';
import { addFields } from '../../calls/http1-fields.ts';
import { ErrorCode } from '../../h2/error-codes.ts';
import { StreamError } from '../../h2/errors.ts';
import { checkResponse, checkTrailers } from '../../h2/header-rules.ts';
import { HeaderList } from '../../h2/hpack/header-list.ts';
import type { Holding } from '../holding.ts';
import type { PlaceUser } from '../place-user.ts';
import { Forwarding } from './forwarding.ts';
import { forwardRequest } from './guarded-proxy.ts';
import type { Http1Endpoint } from './http1-endpoint.ts';
import { pacedEnds } from './paced-ends.ts';
import { type OutgoingBody, RequestBody } from './request-body.ts';
import { type Framing, type OutgoingHead, outgoingHead, upgradeHead } from './request-fields.ts';
import { scanFields } from './response-fields.ts';
import type { ResponseHead, ResponseReceiver } from './response-receiver.ts';
import type { AttemptStarter, Guard } from './service-request.ts';
import { UNFIT_REQUEST } from './upstream-failure.ts';
import { websocketAttempt } from './websocket-attempt.ts';

const BODILESS_STATUSES = new Set([204, 205, 304]);
const NOTHING: Buffer = Buffer.alloc(0);

/** A call as its attempt gets it from the relay. */
export interface ServiceCall {
  /** As HTTP/2 has them, pseudo-header fields first; the same list for requests that are alike. */
  readonly fields: HeaderList;
  /** The fields that differ from call to call, names and values by turns. Asked for when the request is sent. */
  readonly callFields: () => readonly string[];
  /** There is no body. */
  readonly endStream: boolean;
  /** The client's address as it is counted, or ''. */
  readonly client: string;
  /** There is a connection, and the attempt takes the body from now on. Not called where there is none. */
  readonly onOpen: () => void;
}

export class Http1Attempt implements CallStream, PlaceUser, ResponseReceiver {
  readonly endpoint: Http1Endpoint;
  holding: Holding;
  readonly #listener: AttemptListener;
  readonly #forwarding: Forwarding;
  readonly #call: ServiceCall;
  readonly #isHead: boolean;
  readonly #isWebSocket: boolean;
  /** Undefined for a request without a body. */
  #body: RequestBody | undefined = undefined;
  #tunnel: Duplex | undefined = undefined;
  /** The head of a response that has no content: it is told with the end. */
  #bodilessHead: HeaderList | undefined = undefined;
  /** What the relay was given of the response and has not handed on. */
  #uncreditedBytes = 0;
  #isPaused = false;
  /** The service has sent all of its response. */
  #isAnswered = false;
  #isOver = false;
  #wasAnswered = false;
  /** The endpoint did what cannot be passed on. */
  hasFailed = false;

  /** It has a place at the endpoint from now on. Begins nothing yet: `begin` does. */
  constructor(endpoint: Http1Endpoint, call: ServiceCall, holding: Holding, listener: AttemptListener) {
    const { fields, callFields, client } = call;
    this.endpoint = endpoint;
    this.holding = holding;
    this.#call = call;
    const isWebSocket = fields.get(':method') === 'CONNECT';
    this.#isWebSocket = isWebSocket;
    this.#listener = listener;
    this.#isHead = fields.get(':method') === 'HEAD';
    const start: AttemptStarter = isWebSocket ? websocketAttempt : forwardRequest;
    const head = isWebSocket
      ? upgradeHead(fields, randomBytes(16).toString('base64'))
      : headOf(fields, framingOf(call));
    const body = isWebSocket || call.endStream ? undefined : (guard: Guard) => this.#openBody(guard);
    this.#forwarding = new Forwarding(endpoint, { head, callFields, body, start, client }, this);
    if (isWebSocket) this.#openBody(this.#forwarding.guard);
    endpoint.take(this);
  }

  get movedBytes(): number {
    return this.#forwarding.movedBytes;
  }

  get isWaitingForClient(): boolean {
    return this.#forwarding.isWaitingForClient;
  }

  /** When it had a connection, in whole milliseconds. */
  get sentAtMs(): number {
    return this.#forwarding.sentAtMs;
  }

  /** Something of a response was seen: the request is never sent again. */
  get isCommitted(): boolean {
    return this.#wasAnswered;
  }

  /** Nothing of the request was taken before there was a connection, and what was sent on one is sent again only if it had no body. */
  replay(): Buffer[] {
    return [];
  }

  /** The listener may be told of the end at once. */
  begin(): void {
    this.#forwarding.contain(() => this.#forwarding.start());
  }

  #openBody(guard: Guard): OutgoingBody {
    this.#body = new RequestBody(guard, {
      onOpen: () => this.#opened(),
      onRoom: () => {
        if (!this.#isOver) this.#listener.requestWritable();
      },
    });
    return this.#body;
  }

  #opened(): void {
    if (this.#isOver) return;
    this.#call.onOpen();
    // A WebSocket whose client had nothing to say but its request.
    if (this.#isWebSocket && this.#call.endStream) this.sendData(NOTHING, 0, 0, true);
  }

  // From the relay to the service.

  /** The trailer section of the request, which ends it. */
  sendHeaders(list: HeaderList): boolean {
    const trailers = list.names.flatMap((name, index) => [
      list.spellingAt(index) ?? name,
      list.valueAt(index),
    ]);
    this.#forwarding.contain(() => this.#body?.sendTrailers(trailers));
    return !this.#isOver;
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    let taken = 0;
    this.#forwarding.contain(() => {
      taken = this.#body?.send(bytes, start, end, endStream) ?? 0;
    });
    return taken;
  }

  /** The relay has handed on so much of the response. */
  credit(size: number): void {
    this.#uncreditedBytes -= size;
    if (!this.#isPaused || this.#uncreditedBytes * 2 > this.endpoint.windowBytes) return;
    this.#isPaused = false;
    if (this.#tunnel === undefined) this.#forwarding.resume();
    else this.#tunnel.resume();
  }

  reset(): boolean {
    const wasOver = this.#isOver;
    this.release();
    return !wasOver;
  }

  giveWay(failure: Failure): void {
    this.#forwarding.contain(() => {
      if (!this.#isOver) this.#listener.abort(failure);
    });
  }

  /** Nothing more is wanted. After this nothing is told. May be called again. */
  release(): void {
    if (this.#isOver) return;
    if (this.hasFailed) this.#end('failed');
    else this.#end(this.#isAnswered ? 'answered' : 'given_up');
    // What neither closes a connection nor has one costs nothing.
    if (this.#isAnswered || this.#forwarding.isWaiting) this.#cancel();
    else pacedEnds.add(() => this.#cancel());
  }

  #end(outcome: AttemptOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.endpoint.counts.attemptEnded(outcome);
  }

  #cancel(): void {
    this.#forwarding.contain(() => this.#forwarding.cancel());
  }

  // From the service to the relay.

  receiveInterim(httpStatus: number, fields: readonly string[]): void {
    const list = responseList(httpStatus, '', fields);
    if (!this.#isOver && this.#isValid(() => checkResponse(list, 0)))
      this.#listener.receiveResponse(list, false);
  }

  receiveHead({ httpStatus, reasonPhrase, fields }: ResponseHead): void {
    this.#wasAnswered = true;
    const list = responseList(httpStatus, reasonPhrase, fields);
    if (this.#isOver || !this.#isValid(() => checkResponse(list, 0))) return;
    // To a client it would say that the WebSocket is open (RFC 8441 section 5).
    if (this.#isWebSocket && httpStatus < 300) {
      this.receiveFailure(noWebSocket(this.endpoint.address.text, httpStatus));
      return;
    }
    if (this.#isHead || BODILESS_STATUSES.has(httpStatus)) this.#bodilessHead = list;
    else this.#listener.receiveResponse(list, false);
  }

  receiveData(chunk: Buffer): boolean {
    if (this.#isOver || this.#bodilessHead !== undefined) return true;
    this.#uncreditedBytes += chunk.length;
    this.#listener.receiveResponseData(chunk, 0, chunk.length, false);
    this.#isPaused = this.#uncreditedBytes >= this.endpoint.windowBytes;
    return !this.#isPaused;
  }

  receiveEnd(trailers: readonly string[]): void {
    this.#isAnswered = true;
    if (this.#isOver) return;
    if (this.#bodilessHead !== undefined) {
      this.#listener.receiveResponse(this.#bodilessHead, true);
    } else if (trailers.length === 0) {
      this.#listener.receiveResponseData(NOTHING, 0, 0, true);
    } else {
      const list = new HeaderList();
      addFields(list, trailers);
      if (this.#isValid(() => checkTrailers(list, 0))) this.#listener.receiveResponseTrailers(list);
    }
  }

  receiveUpgrade({ rawHeaders }: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#wasAnswered = true;
    const list = responseList(200, '', without(scanFields(rawHeaders).fields, 'sec-websocket-accept'));
    if (this.#isOver || !this.#isValid(() => checkResponse(list, 0))) {
      socket.destroy();
      return;
    }
    const { guard } = this.#forwarding;
    this.#tunnel = socket;
    this.#listener.receiveResponse(list, false);
    const onData = (chunk: Buffer): void => {
      if (!this.receiveData(chunk)) socket.pause();
    };
    if (head.length > 0) socket.unshift(head);
    socket.on('data', guard(onData));
    // An end is passed on as an end, a break as a break (RFC 8441 section 5: RST_STREAM with CANCEL).
    socket.on(
      'end',
      guard(() => this.receiveEnd([])),
    );
    socket.on(
      'close',
      guard(() => {
        if (!this.#isOver) this.#listener.attemptReset(ErrorCode.CANCEL, undefined);
      }),
    );
    this.#body?.open(socket);
  }

  receiveUnreachable(failure: Failure): void {
    this.#endUnserved(() => this.#listener.attemptUnreachable(failure));
  }

  receiveUnanswered(failure: Failure): void {
    this.#endUnserved(() => this.#listener.attemptUnanswered(failure));
  }

  #endUnserved(tell: () => void): void {
    if (this.#isOver) return;
    this.#end('failed');
    // The attempt is over: a fault in what follows is told to the call, which may have another attempt by then.
    try {
      tell();
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  receiveFailure(failure: Failure): void {
    if (this.#isOver) return;
    // Neither a request that cannot be said in HTTP/1.1 nor a fault of ours is the endpoint's.
    if (failure !== UNFIT_REQUEST && failure !== FAULT) this.hasFailed = true;
    this.#listener.fail(failure);
  }

  released(): void {
    this.endpoint.give(this);
  }

  breakOff(): void {
    if (!this.#isOver) this.#listener.breakOff();
  }

  /** Whether the service's fields have a form in HTTP/2; what has none is told. */
  #isValid(check: () => void): boolean {
    try {
      check();
      return true;
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      const sentence = `${this.endpoint.address.text} answered with fields that have no form in HTTP/2 (${error.token}); correct the service.`;
      this.receiveFailure(unavailable({ token: 'upstream_response_invalid', sentence }, 502));
      return false;
    }
  }
}

function noWebSocket(endpoint: string, httpStatus: number): Failure {
  const what = `answered the request for a WebSocket with HTTP ${httpStatus} in place of 101; is the path right, and does the service serve WebSockets there?`;
  return unavailable({ token: 'upstream_response_invalid', sentence: `${endpoint} ${what}` }, 502);
}

/** Of a request that has a body. */
function framingOf({ fields, endStream }: ServiceCall): Framing {
  if (endStream) return 'none';
  return fields.get('content-length') === undefined ? 'chunked' : 'length';
}

/** What is made of a list is remembered in it: clients repeat their requests. */
class RememberedHead {
  readonly head: OutgoingHead;

  constructor(head: OutgoingHead) {
    this.head = head;
  }
}

function headOf(fields: HeaderList, framing: Framing): OutgoingHead {
  const known = fields.derived;
  if (known instanceof RememberedHead && known.head.framing === framing) return known.head;
  const head = outgoingHead(fields, framing);
  fields.derived = new RememberedHead(head);
  return head;
}

function responseList(httpStatus: number, reasonPhrase: string, fields: readonly string[]): HeaderList {
  const list = new HeaderList();
  list.addSpelt(':status', reasonPhrase, String(httpStatus));
  addFields(list, fields);
  return list;
}

function without(fields: readonly string[], name: string): string[] {
  return fields.filter((_field, index) => fields[index - (index % 2)].toLowerCase() !== name);
}
