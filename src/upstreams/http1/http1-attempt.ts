// One attempt of a call at an HTTP/1.1 endpoint. Towards the relay it is a stream as in HTTP/2; towards the service it is an
// HTTP/1.1 request, or for a WebSocket (RFC 8441) the socket, once the service has upgraded it.

import { randomBytes } from 'node:crypto';
import type { AttemptListener } from '../../calls/attempt-listener.ts';
import type { CallStream } from '../../calls/call-stream.ts';
import type { AttemptEvent, AttemptNotes } from '../../calls/call-trace.ts';
import type { AttemptOutcome } from '../../calls/endpoint-counts.ts';
import { type Failure, unavailable } from '../../calls/failure.ts';
import { addFields } from '../../calls/http1-fields.ts';
import { ErrorCode } from '../../h2/error-codes.ts';
import { StreamError } from '../../h2/errors.ts';
import { checkResponse, checkTrailers } from '../../h2/header-rules.ts';
import { HeaderList } from '../../h2/hpack/header-list.ts';
import type { StreamRoom } from '../../h2/stream-room.ts';
import { turnNowMs } from '../../transport/turn-clock.ts';
import type { Holding } from '../holding.ts';
import type { PlaceUser } from '../place-user.ts';
import { Forwarding } from './forwarding.ts';
import type { Http1Endpoint } from './http1-endpoint.ts';
import { pacedEnds } from './paced-ends.ts';
import { RequestBody } from './request-body.ts';
import { type Framing, type OutgoingHead, outgoingHead, upgradeHead } from './request-fields.ts';
import { type EncodedHead, encodeHead } from './request-head.ts';
import { scanFields } from './response-fields.ts';
import type { ReceivedHead, ResponseReceiver } from './response-receiver.ts';

const BODILESS_STATUSES = new Set([204, 205, 304]);
/** What gRPC calls UNAVAILABLE, but for 429, which depends on the client. */
const UNAVAILABLE_STATUSES = new Set([502, 503, 504]);
const UNAVAILABLE = 'UNAVAILABLE';
const NOTHING: Buffer = Buffer.alloc(0);

/** A call as the relay passes it to its attempt. */
export interface ServiceCall {
  /** The fields as in HTTP/2, pseudo-header fields first. Equal requests have the same list object. */
  readonly fields: HeaderList;
  /** The fields that differ from call to call, names and values alternating. Called when the request is sent. */
  readonly callFields: () => readonly string[];
  /** The request has no body. */
  readonly endStream: boolean;
  /** The client's address as it is counted, or ''. */
  readonly client: string;
  /** Called when there is a connection and the attempt accepts the body. Not called when connecting fails. */
  readonly onOpen: () => void;
}

export class Http1Attempt implements CallStream, PlaceUser, ResponseReceiver {
  readonly endpoint: Http1Endpoint;
  holding: Holding;
  readonly #listener: AttemptListener;
  readonly #forwarding: Forwarding;
  readonly #call: ServiceCall;
  readonly #trace: AttemptNotes | undefined;
  readonly #isHead: boolean;
  readonly #isWebSocket: boolean;
  /** Undefined for a request without a body. */
  readonly #body: RequestBody | undefined;
  /** The head of a response without content, which is passed on together with the end. */
  #bodilessHead: HeaderList | undefined = undefined;
  /** Bytes of the response that the relay was given and has not sent on. */
  #uncreditedBytes = 0;
  #isPaused = false;
  /** The service has sent its whole response. */
  #isAnswered = false;
  #isOver = false;
  #wasAnswered = false;
  /** The status of the response is one of UNAVAILABLE_STATUSES. */
  #isUnavailable = false;
  /** The endpoint sent a response that cannot be passed on, or broke it off. */
  hasFailed = false;

  /** Takes a place at the endpoint. `begin` starts the attempt. */
  constructor(endpoint: Http1Endpoint, call: ServiceCall, holding: Holding, listener: AttemptListener) {
    const { fields, callFields, client } = call;
    this.endpoint = endpoint;
    this.holding = holding;
    this.#call = call;
    const isWebSocket = fields.get(':method') === 'CONNECT';
    this.#isWebSocket = isWebSocket;
    this.#listener = listener;
    this.#trace = listener.trace?.beginAttempt(endpoint.address.text, turnNowMs());
    this.#isHead = fields.get(':method') === 'HEAD';
    const framing = isWebSocket ? 'length' : framingOf(call);
    const { head, encoded } = isWebSocket ? upgradeOf(fields) : requestOf(fields, framing);
    this.#body = call.endStream && !isWebSocket ? undefined : this.#makeBody(framing);
    this.#forwarding = new Forwarding(
      endpoint,
      { head, encoded, callFields, body: this.#body, isWebSocket, client },
      this,
    );
    endpoint.take(this);
  }

  get movedBytes(): number {
    return this.#forwarding.movedBytes;
  }

  get isWaitingForClient(): boolean {
    return this.#forwarding.isWaitingForClient;
  }

  get method(): string {
    return this.#listener.subject.method;
  }

  /** When the request got its connection, in whole milliseconds. */
  get sentAtMs(): number {
    return this.#forwarding.sentAtMs;
  }

  get roomBytes(): number {
    return this.#body?.hasRoom === true ? Number.POSITIVE_INFINITY : 0;
  }

  get room(): StreamRoom {
    return {
      sendWindow: undefined,
      receiveWindow: undefined,
      connectionSendWindow: undefined,
      connectionReceiveWindow: undefined,
      unsentBytes: this.#body?.unsentBytes ?? 0,
      heldBytes: 0,
      isPaused: this.#isPaused,
    };
  }

  /** The client is given the response of this attempt, so that the request is never sent again. */
  isCommitted = false;

  /** Always false: nothing of the body is kept. */
  get isReplayable(): boolean {
    return false;
  }

  /**
   * Nothing, or undefined once a response was seen: by then the connection has taken of the body what nobody remembers. Before that no
   * body is accepted without a connection, and a request that was sent is repeated only if it had none.
   */
  replay(): Buffer[] | undefined {
    return this.#wasAnswered && this.#body !== undefined ? undefined : [];
  }

  /** Starts the attempt. The listener may learn of its end during the call. */
  begin(): void {
    this.#forwarding.contain(() => this.#forwarding.start());
  }

  #makeBody(framing: Framing): RequestBody {
    return new RequestBody(framing, {
      onOpen: () => this.#opened(),
      onRoom: () => {
        if (!this.#isOver) this.#listener.requestWritable();
      },
      onSent: () => this.#forwarding.closeTunnel(),
    });
  }

  #opened(): void {
    if (this.#isOver) return;
    this.#call.onOpen();
    // This is a WebSocket whose client ended its side with the request.
    if (this.#isWebSocket && this.#call.endStream) this.sendData(NOTHING, 0, 0, true);
  }

  // From the relay to the service.

  /** Sends the trailer section of the request, which ends it. */
  sendHeaders(list: HeaderList): boolean {
    const trailers = list.names.flatMap((name, index) => [
      list.spellingAt(index) ?? name,
      list.valueAt(index),
    ]);
    this.#forwarding.contain(() => {
      if (this.#body?.sendTrailers(trailers) === false) this.#forwarding.refuseTrailers();
    });
    return !this.#isOver;
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    let taken = 0;
    this.#forwarding.contain(() => {
      taken = this.#body?.send(bytes, start, end, endStream) ?? 0;
    });
    return taken;
  }

  /** Notes that the relay has sent on `size` bytes of the response. */
  credit(size: number): void {
    this.#uncreditedBytes -= size;
    if (!this.#isPaused || this.#uncreditedBytes * 2 > this.endpoint.windowBytes) return;
    this.#isPaused = false;
    this.#forwarding.resume();
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

  /** Ends the attempt, because it is not needed any more. There are no events after this. May be called again. */
  release(): void {
    if (this.#isOver) return;
    const { outcomes } = this.endpoint;
    if (this.hasFailed) {
      this.#end('failed');
      outcomes?.failed('a response that cannot be passed on', this.holding);
    } else {
      this.#end(this.#isAnswered ? 'answered' : 'given_up');
      if (this.#isAnswered) outcomes?.answered(this.#isUnavailable ? UNAVAILABLE : '', this.holding);
    }
    // Cancelling costs nothing when it closes no connection. Otherwise it is paced.
    if (this.#isAnswered || this.#forwarding.isWaiting) this.#cancel();
    else pacedEnds.add(() => this.#cancel());
  }

  #end(outcome: AttemptOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.endpoint.counts.attemptEnded(outcome);
    this.#trace?.end(outcome, turnNowMs());
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

  receiveHead({ httpStatus, reasonPhrase, fields }: ReceivedHead): void {
    this.#wasAnswered = true;
    this.#isUnavailable = UNAVAILABLE_STATUSES.has(httpStatus);
    const list = responseList(httpStatus, reasonPhrase, fields);
    if (this.#isOver || !this.#isValid(() => checkResponse(list, 0))) return;
    // To a client this would mean that the WebSocket is open (RFC 8441 section 5).
    if (this.#isWebSocket && httpStatus < 300) {
      this.receiveFailure(noWebSocket(this.endpoint.address.text, httpStatus));
      return;
    }
    if (this.#isHead || BODILESS_STATUSES.has(httpStatus)) this.#bodilessHead = list;
    else this.#listener.receiveResponse(list, false);
  }

  receiveData(bytes: Buffer, start: number, end: number): boolean {
    if (this.#isOver || this.#bodilessHead !== undefined) return true;
    this.#uncreditedBytes += end - start;
    this.#listener.receiveResponseData(bytes, start, end, false);
    // Only credit() ends a pause.
    if (this.#uncreditedBytes >= this.endpoint.windowBytes) this.#isPaused = true;
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

  receiveUpgrade(rawFields: readonly string[]): void {
    this.#wasAnswered = true;
    const list = responseList(200, '', without(scanFields(rawFields).fields, 'sec-websocket-accept'));
    if (this.#isOver || !this.#isValid(() => checkResponse(list, 0))) return;
    this.#listener.receiveResponse(list, false);
  }

  /** An end is passed on as an end, and a break as a break (RFC 8441 section 5: RST_STREAM with CANCEL). */
  receiveTunnelLost(): void {
    if (this.#isOver) return;
    this.#note('connection_lost', '');
    this.#listener.attemptReset(ErrorCode.CANCEL, undefined);
  }

  receiveUnreachable(failure: Failure): void {
    this.#note('unreachable', failure.message);
    this.#endUnserved('unreached', () => this.#listener.attemptUnreachable(failure));
  }

  receiveUnanswered(failure: Failure): void {
    this.#note('connection_lost', failure.message);
    this.#endUnserved('failed', () => this.#listener.attemptUnanswered(failure));
  }

  /** Notes in the trace why the attempt is about to end. */
  #note(name: AttemptEvent['name'], detail: string): void {
    if (this.#trace !== undefined && !this.#isOver) this.#trace.event = { name, detail };
  }

  #endUnserved(outcome: AttemptOutcome, tell: () => void): void {
    if (this.#isOver) return;
    this.#end(outcome);
    // The attempt is over. A fault in the following goes to the call, which may have another attempt by then.
    try {
      tell();
    } catch (error) {
      this.#listener.fault(error);
    }
  }

  receiveFailure(failure: Failure): void {
    if (this.#isOver) return;
    // Neither a request that HTTP/1.1 cannot express nor a fault of ours counts against the endpoint.
    if (failure.source === 'endpoint') this.hasFailed = true;
    this.#listener.fail(failure);
  }

  released(): void {
    this.endpoint.give(this);
  }

  breakOff(): void {
    if (!this.#isOver) this.#listener.breakOff();
  }

  /** Whether the service's fields are valid in HTTP/2. If they are not, reports a failure. */
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

/** How the end of the body is marked. */
function framingOf({ fields, endStream }: ServiceCall): Framing {
  if (endStream) return 'none';
  return fields.get('content-length') === undefined ? 'chunked' : 'length';
}

/** The head made of a field list, kept in the list because clients repeat their requests. */
class RememberedHead {
  readonly head: OutgoingHead;
  readonly encoded: EncodedHead | undefined;

  constructor(head: OutgoingHead) {
    this.head = head;
    this.encoded = encodeHead(head);
  }
}

function requestOf(fields: HeaderList, framing: Framing): RememberedHead {
  const known = fields.derived;
  if (known instanceof RememberedHead && known.head.framing === framing) return known;
  const made = new RememberedHead(outgoingHead(fields, framing));
  fields.derived = made;
  return made;
}

function upgradeOf(fields: HeaderList): RememberedHead {
  return new RememberedHead(upgradeHead(fields, randomBytes(16).toString('base64')));
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
