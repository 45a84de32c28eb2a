// A request on its way through an HTTP/1.1 upstream: an endpoint is found, the next one where it could not be reached,
// and the response is handed on piece by piece. Says each thing once, and nothing after the end.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GrpcStatus } from '../grpc/status.ts';
import type { Failure } from '../relay/failure.ts';
import type { AttemptEvents, AttemptFailure, AttemptHandle, AttemptStarter } from './attempt.ts';
import { BodyPump, type RequestBody } from './body-pump.ts';
import type { EndpointPool, EndpointSeeker } from './endpoint-pool.ts';
import type { Http1Endpoint } from './http1-endpoint.ts';
import type { OutgoingHead } from './request-fields.ts';
import { type IncomingFields, responseFields, trailerFields } from './response-fields.ts';
import { invalidResponse, upstreamFailure } from './upstream-failure.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { request: httpRequest } = process.getBuiltinModule('node:http');

export interface ForwardedRequest {
  readonly head: OutgoingHead;
  /** Sent behind the fields of the head: those that differ from request to request. */
  readonly callFields: readonly string[];
  readonly body: RequestBody | undefined;
  readonly start: AttemptStarter;
}

export interface ResponseHead extends IncomingFields {
  readonly httpStatus: number;
  readonly reasonPhrase: string;
}

export interface ResponseReceiver {
  /** What it throws makes the response an invalid one. */
  receiveHead(head: ResponseHead): void;
  /** No octets of the body came with the head: it is to be sent without them. */
  flushHead(): void;
  /** @returns whether there is room for more; if not, `resume` asks for it */
  receiveData(chunk: Buffer): boolean;
  receiveEnd(trailers: readonly string[]): void;
  receiveUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Before the head: there is no response. After it: it broke off. */
  receiveFailure(failure: Failure): void;
}

/** Their effect is the same however often they are sent (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export class Forwarding implements EndpointSeeker, AttemptEvents {
  attempts = 0;
  responseBytes = 0;
  readonly #pool: EndpointPool;
  readonly #request: ForwardedRequest;
  readonly #receiver: ResponseReceiver;
  readonly #pump: BodyPump | undefined;
  readonly #tried: Http1Endpoint[] = [];
  #endpoint: Http1Endpoint | undefined = undefined;
  #attempt: AttemptHandle | undefined = undefined;
  #response: IncomingMessage | undefined = undefined;
  #isUpgraded = false;
  #wasRepeated = false;
  #isOver = false;

  constructor(pool: EndpointPool, request: ForwardedRequest, receiver: ResponseReceiver) {
    this.#pool = pool;
    this.#request = request;
    this.#receiver = receiver;
    this.#pump = request.body === undefined ? undefined : new BodyPump(request.body);
  }

  get requestBytes(): number {
    return this.#pump === undefined ? 0 : this.#pump.sentBytes;
  }

  get movedBytes(): number {
    return this.requestBytes + this.responseBytes;
  }

  /** Of a WebSocket that is nobody's turn in particular. */
  get isWaitingForClient(): boolean {
    if (this.#isUpgraded) return false;
    return this.#pump?.isStarved === true || this.#response?.isPaused() === true;
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
    this.#end();
  }

  onEndpoint(endpoint: Http1Endpoint): void {
    this.#endpoint = endpoint;
    this.endpointText = endpoint.address.text;
    this.attempts++;
    const request = openRequest(this.#request, endpoint);
    if (request === undefined) {
      this.#fail(UNFIT_REQUEST);
      return;
    }
    const sendBody = (connected: ClientRequest): void => {
      if (this.#pump === undefined) connected.end();
      else this.#pump.start(connected);
    };
    this.#attempt = this.#request.start({ request, sendBody }, this);
  }

  giveUp(failure: Failure): void {
    if (!this.#isOver) this.#fail(failure);
  }

  onUnavailable(failure: Failure): void {
    this.#isOver = true;
    this.#receiver.receiveFailure(failure);
  }

  onResponse(response: IncomingMessage): void {
    const endpoint = this.#endpoint;
    if (this.#isOver || endpoint === undefined) return;
    const httpStatus = response.statusCode ?? 0;
    if (httpStatus < 200 || httpStatus > 599) {
      this.#fail(invalidResponse(endpoint, 'status_out_of_range'));
      return;
    }
    const incoming = responseFields(response.rawHeaders);
    const { keepAliveSeconds } = incoming;
    if (keepAliveSeconds !== undefined) endpoint.agent.noteKeepAlive(keepAliveSeconds);
    this.#response = response;
    try {
      this.#receiver.receiveHead({ ...incoming, httpStatus, reasonPhrase: response.statusMessage ?? '' });
    } catch {
      this.#fail(invalidResponse(endpoint, 'fields'));
      return;
    }
    response.on('data', this.#onData);
    response.on('end', this.#onEnd);
    // What came with the head is emitted before this.
    process.nextTick(() => {
      if (!this.#isOver && this.responseBytes === 0) this.#receiver.flushHead();
    });
  }

  onUpgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#isUpgraded = true;
    this.#receiver.receiveUpgrade(response, socket, head);
  }

  onEnded(failure: AttemptFailure): void {
    const endpoint = this.#endpoint;
    if (this.#isOver || endpoint === undefined) return;
    if (this.#response === undefined && !this.#isUpgraded && this.#canRepeat(failure, endpoint)) {
      this.#letGo();
      this.start();
    } else {
      this.#fail(upstreamFailure(failure, endpoint));
    }
  }

  /** Nothing was sent, or what was sent on an old connection cannot have been answered because it was closed. */
  #canRepeat({ isConnected, isReused, code }: AttemptFailure, endpoint: Http1Endpoint): boolean {
    if (!isConnected) {
      this.#tried.push(endpoint);
      return this.#tried.length < this.#pool.endpoints.length;
    }
    const isRepeatable = this.#request.body === undefined && IDEMPOTENT.has(this.#request.head.method);
    if (!isReused || this.#wasRepeated || !isRepeatable || (code !== 'ECONNRESET' && code !== 'EPIPE')) {
      return false;
    }
    this.#wasRepeated = true;
    return true;
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isOver) return;
    this.responseBytes += chunk.length;
    if (!this.#receiver.receiveData(chunk)) this.#response?.pause();
  };

  readonly #onEnd = (): void => {
    if (this.#isOver) return;
    const trailers = trailerFields(this.#response?.rawTrailers ?? []);
    this.#end();
    this.#receiver.receiveEnd(trailers);
  };

  #fail(failure: Failure): void {
    this.#end();
    this.#receiver.receiveFailure(failure);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#pump?.stop();
    this.#pool.stopWaiting(this);
    this.#letGo();
  }

  #letGo(): void {
    const endpoint = this.#endpoint;
    this.#attempt?.finish();
    this.#attempt = undefined;
    this.#endpoint = undefined;
    // A turn later Node has its connection back; before that, the next request would make another.
    if (endpoint !== undefined) process.nextTick(() => this.#pool.release(endpoint, this));
  }
}

/** Undefined where HTTP/1.1 cannot say it. */
function openRequest(
  { head, callFields }: ForwardedRequest,
  { agent }: Http1Endpoint,
): ClientRequest | undefined {
  const { method, target: path, fields } = head;
  // Node writes methods in capitals, and they are compared with case (RFC 9110 section 9.1).
  if (method !== method.toUpperCase()) return undefined;
  const headers = callFields.length === 0 ? fields : [...fields, ...callFields];
  try {
    const request = httpRequest({ agent, method, path, headers });
    // Beyond a maximum Node drops fields without a word.
    request.maxHeadersCount = 0;
    return request;
  } catch {
    return undefined;
  }
}

const UNFIT_REQUEST: Failure = {
  token: 'http1_request_invalid',
  grpcStatus: GrpcStatus.INTERNAL,
  httpStatus: 400,
  message:
    'The method, the path or a field of this request has no form in HTTP/1.1, which its service speaks.',
};
