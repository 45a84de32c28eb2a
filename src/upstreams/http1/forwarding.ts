// One attempt of a request at an HTTP/1.1 endpoint: sends the request and hands on its response piece by piece. Each event is
// reported once, and none after the end.

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
  /** Fields that differ from request to request, sent after those of the head. Called when the request is sent. */
  readonly callFields: () => readonly string[];
  /** Makes the body; `guard` wraps its listeners. Undefined when the request has no body. */
  readonly body: ((guard: Guard) => OutgoingBody) | undefined;
  readonly start: AttemptStarter;
  /** The client's address as it is counted, or ''. */
  readonly client: string;
}

/** Methods whose effect is the same however often they are sent (RFC 9110 section 9.2.2). */
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
  /** The head of a response that must be empty, until its end shows that it is. */
  #heldHead: ResponseHead | undefined = undefined;
  /** Interim responses from the service. */
  #interimCount = 0;
  /** We sent 100 (Continue) in place of the service. */
  #wasToldToGoOn = false;
  #isEndedByClose = false;
  /** The service's socket of a WebSocket. */
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

  /** Whether it is the client's turn. False for a WebSocket, where it is never the turn of one side in particular. */
  get isWaitingForClient(): boolean {
    if (this.#tunnel !== undefined) return false;
    return this.#body?.isStarved === true || this.#response?.isPaused() === true;
  }

  /** Whether the attempt has not begun yet. */
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

  /** Continues reading: the receiver has room again. */
  resume(): void {
    this.#response?.resume();
  }

  /** Ends the attempt, because it is not needed any more. */
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
    // We may already have told the client to continue.
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
    // Node ends such a body at a reset just as at a FIN: half of it would look like all of it.
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
    // The place is released only once the agent has its connection back. Before that, the next request would make another one.
    const release = this.guard(() => this.#receiver.released());
    process.nextTick(() => setImmediate(release));
    attempt?.finish();
    this.#clientRequest?.destroy();
    // Node would continue the dial for the next request, which has not been counted for it.
    this.#dial?.cancel();
  }

  /** Wraps functions that are called by Node or by a timer. */
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
