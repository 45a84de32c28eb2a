// A request on its way through an HTTP/1.1 upstream: an endpoint is found, the next one where it could not be reached,
// and the response is handed on piece by piece. Says each thing once, and nothing after the end.

import type { ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { FAULT, type Failure } from '../../calls/failure.ts';
import { responseTrailers } from '../../calls/http1-fields.ts';
import type { Containment } from '../../transport/containment.ts';
import type { Holding } from '../holding.ts';
import type { EndpointPool, EndpointSeeker } from './endpoint-pool.ts';
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
  /** Sent behind the fields of the head: those that differ from request to request. Asked for with each try. */
  readonly callFields: () => readonly string[];
  /** Makes the body; `guard` is for its listeners. Undefined: the request has none. */
  readonly body: ((guard: Guard) => OutgoingBody) | undefined;
  readonly start: AttemptStarter;
  /** The client's address as it is counted, or ''. */
  readonly client: string;
}

/** Their effect is the same however often they are sent (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export class Forwarding implements EndpointSeeker, AttemptEvents {
  attempts = 0;
  responseBytes = 0;
  readonly holding: Holding;
  readonly #pool: EndpointPool;
  readonly #request: ForwardedRequest;
  readonly #receiver: ResponseReceiver;
  /** All endpoints of an upstream report to the same log. */
  readonly #containment: Containment;
  readonly #body: OutgoingBody | undefined;
  readonly #expectation: Expectation | undefined;
  readonly #tried: Http1Endpoint[] = [];
  #endpoint: Http1Endpoint | undefined = undefined;
  #attempt: AttemptHandle | undefined = undefined;
  #clientRequest: ClientRequest | undefined = undefined;
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
  #wasRepeated = false;
  #isOver = false;
  #isCancelled = false;
  #hasFault = false;

  constructor(pool: EndpointPool, request: ForwardedRequest, receiver: ResponseReceiver) {
    this.#pool = pool;
    this.#request = request;
    this.#receiver = receiver;
    this.holding = pool.holdingOf(request.client);
    this.#containment = pool.endpoints[0].containment;
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

  /** Address of the endpoint tried last, or '' when none was. */
  endpointText = '';

  start(): void {
    this.#pool.acquire(this, this.#tried);
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

  /** The caller may be the end of another request: nothing may be thrown at it. */
  onEndpoint(endpoint: Http1Endpoint): void {
    this.#endpoint = endpoint;
    if (endpoint.agent.hasIdle) this.contain(() => this.#begin(endpoint));
    else pacedBegins.add(this.#request.client, () => this.#beginLater(endpoint));
  }

  #beginLater(endpoint: Http1Endpoint): boolean {
    if (this.#isOver || this.#endpoint !== endpoint) return false;
    this.contain(() => this.#begin(endpoint));
    return true;
  }

  giveUp(failure: Failure): void {
    this.contain(() => {
      if (!this.#isOver) this.#fail(failure);
    });
  }

  onUnavailable(failure: Failure): void {
    this.#isOver = true;
    this.#expectation?.settle();
    this.contain(() => this.#receiver.receiveFailure(failure));
  }

  onInterim(httpStatus: number, rawHeaders: readonly string[]): void {
    const endpoint = this.#endpoint;
    if (this.#isOver || endpoint === undefined) return;
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
    const endpoint = this.#endpoint;
    if (this.#isOver || endpoint === undefined) return;
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
    const endpoint = this.#endpoint;
    if (this.#isOver || endpoint === undefined) {
      socket.destroy();
      return;
    }
    if (areTooLarge(response.rawHeaders, endpoint.limits)) {
      socket.destroy();
      this.#fail(invalidResponse(endpoint, 'too_large'));
      return;
    }
    this.#tunnel = socket;
    this.#receiver.receiveUpgrade(response, socket, head);
  }

  onEnded(failure: AttemptFailure): void {
    const endpoint = this.#endpoint;
    if (this.#isOver || endpoint === undefined) return;
    if (this.#response === undefined && this.#tunnel === undefined && this.#canRepeat(failure, endpoint)) {
      this.#letGo();
      this.start();
    } else {
      this.#fail(upstreamFailure(failure, endpoint));
    }
  }

  #begin(endpoint: Http1Endpoint): void {
    this.endpointText = endpoint.address.text;
    this.attempts++;
    const { head, callFields, start } = this.#request;
    const request = openRequest(head, callFields(), endpoint);
    if (request === undefined) {
      this.#fail(UNFIT_REQUEST);
      return;
    }
    this.#clientRequest = request;
    const sendBody = this.guard((connected: ClientRequest): void => {
      this.#expectation?.start();
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

  /** Nothing was sent, or what was sent on an old connection cannot have been answered because it was closed. */
  #canRepeat({ isConnected, isReused, code }: AttemptFailure, endpoint: Http1Endpoint): boolean {
    if (!isConnected) {
      this.#tried.push(endpoint);
      return this.#tried.length < this.#pool.endpoints.length;
    }
    // What the client was told of one answer may not be followed by another.
    if (this.#interimCount > 0 || this.#wasToldToGoOn) return false;
    const isRepeatable = this.#request.body === undefined && IDEMPOTENT.has(this.#request.head.method);
    if (!isReused || this.#wasRepeated || !isRepeatable || (code !== 'ECONNRESET' && code !== 'EPIPE')) {
      return false;
    }
    this.#wasRepeated = true;
    return true;
  }

  readonly #onData = (chunk: Buffer): void => {
    const endpoint = this.#endpoint;
    if (this.#isOver || endpoint === undefined) return;
    if (this.#heldHead !== undefined) {
      this.#fail(invalidResponse(endpoint, CONTENT_BEHIND_205));
      return;
    }
    this.responseBytes += chunk.length;
    if (!this.#receiver.receiveData(chunk)) this.#response?.pause();
  };

  readonly #onEnd = (): void => {
    const endpoint = this.#endpoint;
    if (this.#isOver || endpoint === undefined) return;
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
    this.#pool.stopWaiting(this);
    this.#letGo();
  }

  #letGo(): void {
    const endpoint = this.#endpoint;
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#endpoint = undefined;
    // Once the agent has its connection back; before that, the next request would make another.
    if (endpoint !== undefined) {
      const release = this.guard(() => this.#pool.release(endpoint, this));
      process.nextTick(() => setImmediate(release));
    }
    attempt?.finish();
    this.#clientRequest?.destroy();
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
