// One attempt of a request at an HTTP/1.1 endpoint: it gets a connection, sends the request, and passes on the response piece by piece. Each
// event is reported once, and none after the end.

import { FAULT, type Failure } from '../../calls/failure.ts';
import { responseTrailers } from '../../calls/http1-fields.ts';
import type { ParsedHead, ParseError } from '../../h1/response-parser.ts';
import type { Containment } from '../../transport/containment.ts';
import { turnNowMs } from '../../transport/turn-clock.ts';
import type { ConnectError, Dial } from './endpoint-socket.ts';
import { Expectation } from './expectation.ts';
import { type Guard, ProxySteps } from './guarded-proxy.ts';
import type { Http1Endpoint } from './http1-endpoint.ts';
import {
  ANSWERED_UNASKED,
  areTooLarge,
  CONTENT_BEHIND_205,
  readHttp1Response,
  readInterim,
  SWITCHED_UNASKED,
} from './http1-response.ts';
import { pacedBegins } from './paced-begins.ts';
import type { RequestBody } from './request-body.ts';
import type { OutgoingHead } from './request-fields.ts';
import { type EncodedHead, encodeRest } from './request-head.ts';
import { type AttemptFailure, DirectSteps, type RequestSteps, type StepEvents } from './request-steps.ts';
import type { ReceivedHead, ResponseReceiver } from './response-receiver.ts';
import type { ConnectionUser, ServiceConnection } from './service-connection.ts';
import { invalidResponse, NOT_AS_ASKED, UNFIT_REQUEST, upstreamFailure } from './upstream-failure.ts';
import { whyNoWebSocket } from './websocket-handshake.ts';

export interface ForwardedRequest {
  readonly head: OutgoingHead;
  /** Undefined when HTTP/1.1 has no form for the head. */
  readonly encoded: EncodedHead | undefined;
  /** Fields that differ from request to request, sent after those of the head. Called when the request is sent. */
  readonly callFields: () => readonly string[];
  /** Undefined when the request has no body. A WebSocket has one: what its client sends. */
  readonly body: RequestBody | undefined;
  readonly isWebSocket: boolean;
  /** The client's address as it is counted, or ''. */
  readonly client: string;
}

/** Methods whose effect is the same however often they are sent (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * The parser's errors for a trailer section that contains framing fields. Such fields come after the last chunk, so the whole body is
 * there.
 */
const FRAMING_IN_TRAILERS: ReadonlySet<string> = new Set([
  'HPE_INVALID_CONTENT_LENGTH',
  'HPE_UNEXPECTED_CONTENT_LENGTH',
  'HPE_INVALID_TRANSFER_ENCODING',
]);

export class Forwarding implements ConnectionUser, StepEvents {
  responseBytes = 0;
  sentAtMs = 0;
  readonly #endpoint: Http1Endpoint;
  readonly #request: ForwardedRequest;
  readonly #receiver: ResponseReceiver;
  readonly #containment: Containment;
  readonly #expectation: Expectation | undefined;
  #hasBegun = false;
  #steps: RequestSteps | undefined = undefined;
  #connection: ServiceConnection | undefined = undefined;
  #dial: Dial | undefined = undefined;
  /** The head of the response, until the steps have come to it. */
  #arrivedHead: ParsedHead | undefined = undefined;
  #hasResponse = false;
  /** The head of a response that must be empty, until its end shows that it is. */
  #heldHead: ReceivedHead | undefined = undefined;
  /** Interim responses from the service. */
  #interimCount = 0;
  /** We sent 100 (Continue) in place of the service. */
  #wasToldToGoOn = false;
  /** The connection may serve another request behind this one. */
  #mayReuse = false;
  /** The WebSocket is open. */
  #isTunnel = false;
  #isOver = false;
  #isCancelled = false;
  #hasFault = false;

  constructor(endpoint: Http1Endpoint, request: ForwardedRequest, receiver: ResponseReceiver) {
    this.#endpoint = endpoint;
    this.#request = request;
    this.#receiver = receiver;
    this.#containment = endpoint.containment;
    if (request.head.expectsContinue) this.#expectation = new Expectation(this.guard(() => this.#goOn()));
  }

  get requestBytes(): number {
    return this.#request.body?.sentBytes ?? 0;
  }

  get movedBytes(): number {
    return this.requestBytes + this.responseBytes;
  }

  /** Whether it is the client's turn. False for a WebSocket, where it is never the turn of one side in particular. */
  get isWaitingForClient(): boolean {
    if (this.#isTunnel) return false;
    return this.#request.body?.hasRoom === true || this.#connection?.isPaused === true;
  }

  /** Whether the attempt has not begun yet. */
  get isWaiting(): boolean {
    return !this.#hasBegun;
  }

  start(): void {
    if (this.#endpoint.pool.idleCount > 0) this.#begin();
    else pacedBegins.add(this.#request.client, () => this.#beginLater());
  }

  #beginLater(): boolean {
    if (this.#isOver) return false;
    this.contain(() => this.#begin());
    return true;
  }

  #begin(): void {
    const { encoded, isWebSocket } = this.#request;
    this.#hasBegun = true;
    if (encoded === undefined) {
      this.#fail(UNFIT_REQUEST);
      return;
    }
    this.#steps = isWebSocket ? new DirectSteps(this) : new ProxySteps(this.guard, this);
    const idle = this.#endpoint.pool.take();
    if (idle === undefined) {
      this.#dial = this.#endpoint.pool.dial((error, connection) => this.#dialled(error, connection));
    } else {
      this.#connected(idle);
    }
  }

  #dialled(error: ConnectError | undefined, connection: ServiceConnection | undefined): void {
    this.#dial = undefined;
    if (this.#isOver) connection?.destroy();
    else if (connection !== undefined) this.contain(() => this.#connected(connection));
    else if (error === undefined) this.#endByFault();
    else this.contain(() => this.#failed({ code: error.code, reason: undefined, isConnected: false }));
  }

  #connected(connection: ServiceConnection): void {
    this.#connection = connection;
    connection.begin(this, this.#request.head.method === 'HEAD');
    this.#steps?.connected();
  }

  /** There is a connection. */
  onSend(): void {
    const { body, callFields, encoded } = this.#request;
    const connection = this.#connection;
    if (this.#isOver || connection === undefined || encoded === undefined) return;
    const rest = encodeRest(encoded, callFields());
    if (rest === undefined) {
      this.#fail(UNFIT_REQUEST);
      return;
    }
    this.#expectation?.start();
    this.sentAtMs = Math.floor(turnNowMs());
    connection.write(encoded.bytes);
    connection.write(rest);
    if (!this.#request.isWebSocket) body?.open(connection);
  }

  /** Continues reading: the receiver has room again. */
  resume(): void {
    this.#connection?.resume();
  }

  /** Our side of a WebSocket is closed when everything of the client's was sent. */
  closeTunnel(): void {
    if (this.#isTunnel) this.#connection?.end();
  }

  /** HTTP/1.1 has no form for a field of the request's trailer section. */
  refuseTrailers(): void {
    this.#fail(UNFIT_REQUEST);
  }

  /** Ends the attempt, because it is not needed any more. */
  cancel(): void {
    this.#isCancelled = true;
    this.#end();
  }

  onRoom(): void {
    this.#request.body?.drained();
  }

  onInterim({ httpStatus, rawFields }: ParsedHead): void {
    const endpoint = this.#endpoint;
    const read = readInterim(++this.#interimCount, rawFields, endpoint.limits);
    if (!read.isValid) {
      this.#fail(invalidResponse(endpoint, read.what));
      return;
    }
    // We may already have told the client to continue.
    if (httpStatus === 100 && this.#expectation?.settle() === false) return;
    this.#receiver.receiveInterim(httpStatus, read.fields);
  }

  onHead(head: ParsedHead): void {
    this.#hasResponse = true;
    this.#arrivedHead = head;
    this.#steps?.responded();
  }

  onRespond(): void {
    const parsed = this.#arrivedHead;
    if (this.#isOver || parsed === undefined) return;
    this.#arrivedHead = undefined;
    const endpoint = this.#endpoint;
    this.#expectation?.settle();
    const read = readHttp1Response(parsed, this.#request.head.method === 'HEAD', endpoint.limits);
    if (!read.isValid) {
      this.#fail(invalidResponse(endpoint, read.what));
      return;
    }
    const { incoming, mustBeEmpty, isReusable } = read;
    if (incoming.keepAliveSeconds !== undefined) endpoint.pool.noteKeepAlive(incoming.keepAliveSeconds);
    this.#mayReuse = isReusable;
    const { httpStatus, reasonPhrase } = parsed;
    const head = { ...incoming, httpStatus, reasonPhrase };
    if (mustBeEmpty) this.#heldHead = head;
    else this.#receiver.receiveHead(head);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    if (this.#heldHead === undefined) this.#receive(bytes, start, end);
    else this.#fail(invalidResponse(this.#endpoint, CONTENT_BEHIND_205));
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    this.responseBytes += end - start;
    if (!this.#receiver.receiveData(bytes, start, end)) this.#connection?.pause();
  }

  onEnd(rawTrailers: readonly string[]): void {
    if (this.#isOver) return;
    if (areTooLarge(rawTrailers, this.#endpoint.limits)) {
      this.#fail(invalidResponse(this.#endpoint, 'too_large'));
      return;
    }
    this.#complete(responseTrailers(rawTrailers));
  }

  #complete(trailers: readonly string[]): void {
    this.#end();
    if (this.#heldHead !== undefined) {
      this.#heldHead.fields.push('Content-Length', '0');
      this.#receiver.receiveHead(this.#heldHead);
    }
    this.#receiver.receiveEnd(this.#heldHead === undefined ? trailers : []);
  }

  onSwitched({ rawFields }: ParsedHead): void {
    const endpoint = this.#endpoint;
    const { head, body, isWebSocket } = this.#request;
    const connection = this.#connection;
    const why = isWebSocket ? whyNoWebSocket(head.fields, rawFields) : SWITCHED_UNASKED;
    if (why !== undefined || connection === undefined) {
      this.#failed({ code: NOT_AS_ASKED, reason: why, isConnected: true });
      return;
    }
    if (areTooLarge(rawFields, endpoint.limits)) {
      this.#fail(invalidResponse(endpoint, 'too_large'));
      return;
    }
    this.#isTunnel = true;
    connection.becomeTunnel();
    this.#receiver.receiveUpgrade(rawFields);
    if (!this.#isOver) body?.open(connection);
  }

  onTunnelData(bytes: Buffer, start: number, end: number): void {
    this.#receive(bytes, start, end);
  }

  onTunnelEnd(): void {
    this.#receiver.receiveEnd([]);
  }

  onInvalid({ code, reason, isBehindBody }: ParseError): void {
    if (this.#isOver) return;
    if (isBehindBody && FRAMING_IN_TRAILERS.has(code)) this.#complete([]);
    else this.#failed({ code, reason, isConnected: true });
  }

  onUnasked(): void {
    if (this.#isOver) return;
    const isReused = this.#connection?.isReused === true;
    const isUnsent = this.requestBytes === 0 && this.#interimCount === 0 && !this.#wasToldToGoOn;
    const cause = invalidResponse(this.#endpoint, ANSWERED_UNASKED);
    this.#end();
    // It is a connection's fault, and nothing of the request was sent: another connection may serve it.
    if (isReused && isUnsent) this.#receiver.receiveUnanswered(cause);
    else this.#receiver.receiveFailure(cause);
  }

  onLost(code: string | undefined, reason: string | undefined): void {
    if (this.#isOver) return;
    if (this.#isTunnel) {
      this.#end();
      this.#receiver.receiveTunnelLost();
    } else {
      this.#failed({ code, reason, isConnected: true });
    }
  }

  onFault(): void {
    this.#endByFault();
  }

  #failed(failure: Omit<AttemptFailure, 'isReused' | 'hasBegun'>): void {
    const isReused = this.#connection?.isReused === true;
    this.#steps?.failed({ ...failure, isReused, hasBegun: this.#hasResponse });
  }

  onEnded(failure: AttemptFailure): void {
    if (this.#isOver) return;
    const cause = upstreamFailure(failure, this.#endpoint);
    const isUnanswered = !failure.hasBegun && !this.#isTunnel;
    this.#end();
    if (isUnanswered && !failure.isConnected) this.#receiver.receiveUnreachable(cause);
    else if (isUnanswered && this.#canRepeat(failure)) this.#receiver.receiveUnanswered(cause);
    else this.#receiver.receiveFailure(cause);
  }

  /** Tells the client to continue, because the service has not, and may never do so. */
  #goOn(): void {
    if (this.#isOver || this.requestBytes > 0) return;
    this.#wasToldToGoOn = true;
    this.#receiver.receiveInterim(100, []);
  }

  /**
   * Whether the request may be sent again: it is idempotent, has no body, and went out on a reused connection that the service
   * closed without a response.
   */
  #canRepeat({ isReused, code }: AttemptFailure): boolean {
    // Once the client has seen an interim response, the response of another attempt must not follow.
    if (this.#interimCount > 0 || this.#wasToldToGoOn) return false;
    if (this.#request.body !== undefined || !IDEMPOTENT.has(this.#request.head.method)) return false;
    return isReused && (code === undefined || code === 'ECONNRESET' || code === 'EPIPE');
  }

  #fail(failure: Failure): void {
    this.#end();
    this.#receiver.receiveFailure(failure);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#expectation?.settle();
    const hasSentAll = this.#request.body?.hasEnded !== false;
    const connection = this.#connection;
    this.#connection = undefined;
    try {
      this.#request.body?.stop();
      if (this.#mayReuse && hasSentAll) connection?.release();
      else connection?.destroy();
    } finally {
      // A request that waits for the place finds the connection, which is idle in the next turn. One that was closed may still be open then.
      setImmediate(this.guard(() => this.#receiver.released()));
    }
    const steps = this.#steps;
    this.#steps = undefined;
    steps?.finish();
    this.#dial?.cancel();
  }

  /** Wraps functions that are called by a timer, or by a package. */
  readonly guard: Guard = (listener) => this.#containment.guard(this.#endByFault, listener);

  /** Runs `action`. An error that it throws ends this request only. */
  contain(action: () => void): void {
    this.#containment.run(this.#endByFault, action);
  }

  /** Everything is released first, because the code that failed may fail again. */
  readonly #endByFault = (): void => {
    this.#end();
    if (this.#hasFault || this.#isCancelled) return;
    this.#hasFault = true;
    try {
      this.#receiver.receiveFailure(FAULT);
    } catch (error) {
      this.#receiver.breakOff();
      throw error;
    }
  };
}
