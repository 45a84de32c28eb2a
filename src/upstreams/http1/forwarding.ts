// One try of a request at an HTTP/1.1 endpoint: it is sent, and its response is handed on piece by piece. Says each thing once, and
// nothing after the end.

import type { ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { FAULT, type Failure } from '../../calls/failure.ts';
import { responseTrailers } from '../../calls/http1-fields.ts';
import type { Containment } from '../../transport/containment.ts';
import { turnNowMs } from '../../transport/turn-clock.ts';
import type { Dial } from './endpoint-socket.ts';
import { Expectation } from './expectation.ts';
import type { Http1Endpoint } from './http1-endpoint.ts';
import { areTooLarge, CONTENT_BEHIND_205, readHttp1Response, readInterim } from './http1-response.ts';
import { openRequest } from './open-request.ts';
import { pacedBegins } from './paced-begins.ts';
import type { OutgoingBody } from './request-body.ts';
import type { OutgoingHead } from './request-fields.ts';
import type { ResponseHead, ResponseReceiver } from './response-receiver.ts';
import type {
  AttemptEvents,
  AttemptFailure,
  AttemptHandle,
  AttemptStarter,
  Guard,
} from './service-request.ts';
import { invalidResponse, UNFIT_REQUEST, upstreamFailure } from './upstream-failure.ts';

export interface ForwardedRequest {
  readonly head: OutgoingHead;
  /** Sent behind the fields of the head: those that differ from request to request. Asked for when it is sent. */
  readonly callFields: () => readonly string[];
  /** Makes the body; `guard` is for its listeners. Undefined: the request has none. */
  readonly body: ((guard: Guard) => OutgoingBody) | undefined;
  readonly start: AttemptStarter;
  /** The client's address as it is counted, or ''. */
  readonly client: string;
}

/** Their effect is the same however often they are sent (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export class Forwarding implements AttemptEvents {
  responseBytes = 0;
  sentAtMs = 0;
  readonly #endpoint: Http1Endpoint;
  readonly #request: ForwardedRequest;
  readonly #receiver: ResponseReceiver;
  readonly #containment: Containment;
  readonly #body: OutgoingBody | undefined;
  readonly #expectation: Expectation | undefined;
  #attempt: AttemptHandle | undefined = undefined;
  #clientRequest: ClientRequest | undefined = undefined;
  #dial: Dial | undefined = undefined;
  #response: IncomingMessage | undefined = undefined;
  /** Of a response that may have no content, until its end shows that it has none. */
  #heldHead: ResponseHead | undefined = undefined;
  /** Of the service. */
  #interimCount = 0;
  /** We have sent 100 in its place. */
  #wasToldToGoOn = false;
  #isEndedByClose = false;
  /** Of a WebSocket, the service's. */
  #tunnel: Duplex | undefined = undefined;
  #isOver = false;
  #isCancelled = false;
  #hasFault = false;

  constructor(endpoint: Http1Endpoint, request: ForwardedRequest, receiver: ResponseReceiver) {
    this.#endpoint = endpoint;
    this.#request = request;
    this.#receiver = receiver;
    this.#containment = endpoint.containment;
    this.#body = request.body?.(this.guard);
    if (request.head.expectsContinue) this.#expectation = new Expectation(this.guard(() => this.#goOn()));
  }

  get requestBytes(): number {
    return this.#body === undefined ? 0 : this.#body.sentBytes;
  }

  get movedBytes(): number {
    return this.#tunnel instanceof Socket
      ? this.#tunnel.bytesRead + this.#tunnel.bytesWritten
      : this.requestBytes + this.responseBytes;
  }

  /** Of a WebSocket that is nobody's turn in particular. */
  get isWaitingForClient(): boolean {
    if (this.#tunnel !== undefined) return false;
    return this.#body?.isStarved === true || this.#response?.isPaused() === true;
  }

  /** Nothing was sent yet. */
  get isWaiting(): boolean {
    return this.#attempt === undefined;
  }

  start(): void {
    if (this.#endpoint.agent.hasIdle) this.#begin();
    else pacedBegins.add(this.#request.client, () => this.#beginLater());
  }

  #beginLater(): boolean {
    if (this.#isOver) return false;
    this.contain(() => this.#begin());
    return true;
  }

  /** The receiver has room again. */
  resume(): void {
    this.#response?.resume();
  }

  /** Nothing is wanted any more. */
  cancel(): void {
    this.#isCancelled = true;
    this.#end();
  }

  onInterim(httpStatus: number, rawHeaders: readonly string[]): void {
    if (this.#isOver) return;
    const endpoint = this.#endpoint;
    const read = readInterim(++this.#interimCount, rawHeaders, endpoint.limits);
    if (!read.isValid) {
      this.#fail(invalidResponse(endpoint, read.what));
      return;
    }
    // The client may have been told to go on already.
    if (httpStatus === 100 && this.#expectation?.settle() === false) return;
    this.#receiver.receiveInterim(httpStatus, read.fields);
  }

  onResponse(response: IncomingMessage): void {
    if (this.#isOver) return;
    const endpoint = this.#endpoint;
    this.#expectation?.settle();
    const read = readHttp1Response(response, this.#request.head.method === 'HEAD', endpoint.limits);
    if (!read.isValid) {
      this.#fail(invalidResponse(endpoint, read.what));
      return;
    }
    const { incoming, isEndedByClose, mustBeEmpty, isReusable } = read;
    this.#isEndedByClose = isEndedByClose;
    if (incoming.keepAliveSeconds !== undefined) endpoint.agent.noteKeepAlive(incoming.keepAliveSeconds);
    if (!isReusable && this.#clientRequest !== undefined) this.#clientRequest.shouldKeepAlive = false;
    this.#response = response;
    const { statusCode: httpStatus = 0, statusMessage: reasonPhrase = '' } = response;
    const head = { ...incoming, httpStatus, reasonPhrase };
    if (mustBeEmpty) this.#heldHead = head;
    else this.#receiver.receiveHead(head);
    response.on('data', this.guard(this.#onData));
    response.on('end', this.guard(this.#onEnd));
  }

  onUpgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isOver) {
      socket.destroy();
      return;
    }
    const endpoint = this.#endpoint;
    if (areTooLarge(response.rawHeaders, endpoint.limits)) {
      socket.destroy();
      this.#fail(invalidResponse(endpoint, 'too_large'));
      return;
    }
    this.#tunnel = socket;
    this.#receiver.receiveUpgrade(response, socket, head);
  }

  onEnded(failure: AttemptFailure): void {
    if (this.#isOver) return;
    const cause = upstreamFailure(failure, this.#endpoint);
    const isUnanswered = this.#response === undefined && this.#tunnel === undefined;
    this.#end();
    if (isUnanswered && !failure.isConnected) this.#receiver.receiveUnreachable(cause);
    else if (isUnanswered && this.#canRepeat(failure)) this.#receiver.receiveUnanswered(cause);
    else this.#receiver.receiveFailure(cause);
  }

  #begin(): void {
    const { head, callFields, start } = this.#request;
    const request = openRequest(head, callFields(), this.#endpoint);
    if (request === undefined) {
      this.#fail(UNFIT_REQUEST);
      return;
    }
    this.#clientRequest = request;
    this.#dial = this.#endpoint.agent.takeDial();
    const sendBody = this.guard((connected: ClientRequest): void => {
      this.#expectation?.start();
      this.sentAtMs = Math.floor(turnNowMs());
      if (this.#body === undefined) connected.end();
      else this.#body.start(connected);
    });
    this.#attempt = start({ request, head, sendBody, guard: this.guard }, this);
  }

  /** The service does not say it, and may never do so. */
  #goOn(): void {
    if (this.#isOver || this.requestBytes > 0) return;
    this.#wasToldToGoOn = true;
    this.#receiver.receiveInterim(100, []);
  }

  /** What was sent on an old connection cannot have been answered, because it was closed. */
  #canRepeat({ isReused, code }: AttemptFailure): boolean {
    // What the client was told of one answer may not be followed by another.
    if (this.#interimCount > 0 || this.#wasToldToGoOn) return false;
    if (this.#request.body !== undefined || !IDEMPOTENT.has(this.#request.head.method)) return false;
    return isReused && (code === 'ECONNRESET' || code === 'EPIPE');
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isOver) return;
    const endpoint = this.#endpoint;
    if (this.#heldHead !== undefined) {
      this.#fail(invalidResponse(endpoint, CONTENT_BEHIND_205));
      return;
    }
    this.responseBytes += chunk.length;
    if (!this.#receiver.receiveData(chunk)) this.#response?.pause();
  };

  readonly #onEnd = (): void => {
    if (this.#isOver) return;
    const endpoint = this.#endpoint;
    // Node ends such a body by a reset as it does by a FIN: half of it would look like all of it.
    const broken = this.#isEndedByClose ? this.#response?.socket.errored : undefined;
    if (broken !== undefined && broken !== null) {
      this.onEnded({ code: 'ECONNRESET', reason: broken.message, isConnected: true, isReused: false });
      return;
    }
    const raw = this.#response?.rawTrailers ?? [];
    if (areTooLarge(raw, endpoint.limits)) {
      this.#fail(invalidResponse(endpoint, 'too_large'));
      return;
    }
    const trailers = responseTrailers(raw);
    this.#end();
    if (this.#heldHead !== undefined) {
      this.#heldHead.fields.push('Content-Length', '0');
      this.#receiver.receiveHead(this.#heldHead);
    }
    this.#receiver.receiveEnd(this.#heldHead === undefined ? trailers : []);
  };

  #fail(failure: Failure): void {
    this.#end();
    this.#receiver.receiveFailure(failure);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#expectation?.settle();
    this.#body?.stop();
    this.#letGo();
  }

  #letGo(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    // Once the agent has its connection back; before that, the next request would make another.
    const release = this.guard(() => this.#receiver.released());
    process.nextTick(() => setImmediate(release));
    attempt?.finish();
    this.#clientRequest?.destroy();
    // Node would go on with it for the next request, whose own it is not counted as.
    this.#dial?.cancel();
  }

  /** For whatever is called by Node or by a timer. */
  readonly guard: Guard = (listener) => this.#containment.guard(this.#endByFault, listener);

  /** What `action` throws ends this request, and nothing else. */
  contain(action: () => void): void {
    this.#containment.run(this.#endByFault, action);
  }

  /** Everything is given back first: what failed once may fail again. */
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
