// The entry point of HTTP/1.1 clients. Each of their requests becomes an exchange like a request of HTTP/2, on the stream that Http1Call
// provides. A request that its service could not answer gets a response that explains why.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Failure } from '../calls/failure.ts';
import type { LocalResponse } from '../calls/local-response.ts';
import { beginCall, exchangeOf } from '../relay/begin-call.ts';
import type { Exchange } from '../relay/exchange.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import { WaitingSocket } from '../transport/waiting-socket.ts';
import { Http1Call } from './http1-call.ts';
import { Http1Connection } from './http1-connection.ts';
import type { Http1EdgeContext, Http1Peer } from './http1-edge-context.ts';
import { type Http1Head, readHttp1Head } from './http1-head.ts';
import {
  grpcRefusal,
  type Http1Refusal,
  http1Refusal,
  invalidRefusal,
  webSocketRefusal,
} from './http1-refusal.ts';
import { Http1Reply } from './http1-reply.ts';
import type { InvalidRequest } from './http1-request.ts';
import { RunningRequest } from './running-request.ts';

/** How many pipelined requests of one connection may wait. No client needs more, and each of them takes memory. */
const MOST_PIPELINED = 100;
/** How often requests are checked for stalled clients. */
const WATCH_INTERVAL_MS = 2000;

export interface Circumstances {
  /** Set if the client's listener is going away: the snapshot that its requests use until then. */
  readonly last?: Snapshot | undefined;
  /** Whether Node has dropped fields of the request, because there were more than the limit. */
  readonly isTruncated?: boolean;
}

/** A request that Node has parsed, and the means to answer it. */
interface Arrival {
  readonly request: IncomingMessage;
  readonly answer: Http1Reply | WaitingSocket;
  readonly connection: Http1Connection;
  readonly peer: Http1Peer;
}

export class Http1Edge {
  readonly #context: Http1EdgeContext;
  readonly #connections = new WeakMap<Http1Peer, Http1Connection>();
  readonly #running = new Set<RunningRequest>();
  #isDraining = false;
  #watch: NodeJS.Timeout | undefined = undefined;
  #onIdle: (() => void) | undefined = undefined;

  constructor(context: Http1EdgeContext) {
    this.#context = context;
  }

  /** The number of requests in progress or waiting for their turn, including WebSockets, until their responses have been sent. */
  get exchangeCount(): number {
    return this.#running.size;
  }

  /** The exchanges of these requests. */
  get runningCalls(): readonly Exchange[] {
    return Array.from(this.#running, ({ exchange }) => exchange);
  }

  /** Handles a request from Node's HTTP server. Requests of one connection must come in their order. */
  handleRequest(
    request: IncomingMessage,
    response: ServerResponse,
    peer: Http1Peer,
    circumstances: Circumstances = {},
  ): void {
    this.#run(request.socket, () => this.#receive(request, response, peer, circumstances));
  }

  /** Handles a request for a WebSocket. @param head bytes that were read after the request */
  handleUpgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    peer: Http1Peer,
    circumstances: Circumstances = {},
  ): void {
    this.#run(socket, () => this.#receiveUpgrade(request, head, peer, circumstances));
  }

  #run(socket: Socket, action: () => void): void {
    this.#context.containment.run(() => socket.destroy(), action);
  }

  #receive(
    request: IncomingMessage,
    response: ServerResponse,
    peer: Http1Peer,
    { last, isTruncated = false }: Circumstances,
  ): void {
    const { socket } = request;
    // If the client goes away, the response emits 'close', which is enough.
    request.on('error', ignore);
    const connection = this.#connectionOf(peer, socket);
    if (connection.outstandingCount >= MOST_PIPELINED) {
      this.#context.onRefused(peer, 'http1_request_invalid', `${MOST_PIPELINED} requests without an answer`);
      socket.destroy();
      return;
    }
    const { relay, containment } = this.#context;
    const { memo } = connection;
    const { decided } = memo.kinds;
    const head = memo.headOf(request, peer, last ?? relay.snapshot, isTruncated);
    relay.decisions += memo.kinds.decided - decided;
    if (this.#isDraining || connection.isOlderThan(relay.terms.connectionAgeMs))
      response.shouldKeepAlive = false;
    const answer = new Http1Reply(response, containment);
    this.#begin({ request, answer, connection, peer }, head, (valid) => whyNotHttp1(valid, request, peer));
  }

  #receiveUpgrade(
    request: IncomingMessage,
    head: Buffer,
    peer: Http1Peer,
    { last, isTruncated = false }: Circumstances,
  ): void {
    const { socket } = request;
    socket.on('error', ignore);
    const connection = this.#connectionOf(peer, socket);
    const { relay, containment } = this.#context;
    const answer = new WaitingSocket(socket, head, containment);
    const isUpgrade = true;
    const { kinds } = connection.memo;
    const { decided } = kinds;
    const read = readHttp1Head(request, peer, last ?? relay.snapshot, kinds, { isUpgrade, isTruncated });
    relay.decisions += kinds.decided - decided;
    this.#begin({ request, answer, connection, peer }, read, (valid) =>
      whyNoWebSocketHere(valid, request, peer),
    );
  }

  #begin(
    arrival: Arrival,
    head: Http1Head | InvalidRequest,
    refusalOf: (head: Http1Head) => Http1Refusal | undefined,
  ): void {
    if ('isValid' in head) {
      this.#refuseInvalid(arrival, head);
      return;
    }
    const request = head.request.forCall();
    if (this.#context.relay.observers.readHeaders) request.keepReceived(head.list);
    const drawn = request === head.request ? head : { ...head, request };
    this.#serve(arrival, drawn, refusalOf(drawn));
  }

  #serve({ request, answer, connection, peer }: Arrival, head: Http1Head, refusal?: Http1Refusal): void {
    const { relay, containment } = this.#context;
    let running: RunningRequest | undefined;
    const onClosed = (): void => this.#closed(running, connection);
    const { limits } = head.request.snapshot;
    const { hasBody } = head;
    const call = new Http1Call({ request, answer, containment, hasBody, limits, onClosed });
    const owner = beginCall(relay, connection, call, head.request, head.list);
    const begun = new RunningRequest(head, call, exchangeOf(owner), owner);
    running = begun;
    this.#running.add(begun);
    this.#watch ??= setInterval(
      containment.guard(ignore, () => this.#checkTime()),
      WATCH_INTERVAL_MS,
    ).unref();
    connection.enqueue(() => {
      // While an earlier request was answered, the client may have gone away, or the response may have closed the connection.
      if (call.isClosed) return;
      if (refusal !== undefined) this.#refuse(begun, refusal, peer);
      else begun.start();
    });
  }

  /** @param running undefined if an internal error ended the connection before the request was registered */
  #closed(running: RunningRequest | undefined, connection: Http1Connection): void {
    if (running === undefined) return;
    this.#running.delete(running);
    connection.next();
    if (this.#running.size === 0) this.#onIdle?.();
  }

  /** Closes connections after their responses. New requests are still served. Resolves when no request is in progress. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#forEach((running) => running.closeAfter());
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      if (this.#running.size === 0) resolve();
    });
  }

  /** Ends all requests, with the status of `cause` if no response has begun. */
  abort(cause: Failure): void {
    this.#forEach((running) => running.abort(cause));
  }

  /** If the action throws for a request, only the connection of that request ends. */
  #forEach(action: (running: RunningRequest) => void): void {
    for (const running of this.#running) {
      this.#context.containment.run(
        () => running.destroy(),
        () => action(running),
      );
    }
  }

  #checkTime(): void {
    const { stallTimeoutMs } = this.#context.relay.snapshot.limits;
    const nowMs = performance.now();
    this.#forEach((running) => running.checkTime(nowMs, stallTimeoutMs));
    if (this.#running.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #connectionOf(peer: Http1Peer, socket: Socket): Http1Connection {
    let connection = this.#connections.get(peer);
    if (connection === undefined) {
      const made = new Http1Connection(peer, this.#context.relay.accounts);
      connection = made;
      this.#connections.set(peer, connection);
      socket.once(
        'close',
        this.#context.containment.guard(ignore, () => made.close()),
      );
    }
    return connection;
  }

  #refuse(running: RunningRequest, { token, response, reason }: Http1Refusal, peer: Http1Peer): void {
    this.#context.onRefused(peer, token);
    running.closeAfter();
    if (peer.mismatchPolicy === 'close') running.drop(reason);
    else running.refuse(response, reason);
  }

  /** An invalid request makes no exchange: the client gets a response, the connection is closed, and the log has only the refusal. */
  #refuseInvalid({ request, answer, connection, peer }: Arrival, { httpStatus, why }: InvalidRequest): void {
    const { relay, containment } = this.#context;
    const { limits } = relay.snapshot;
    const onClosed = (): void => connection.next();
    const call = new Http1Call({ request, answer, containment, hasBody: true, limits, onClosed });
    connection.enqueue(() => {
      if (call.isClosed) return;
      this.#context.onRefused(peer, 'http1_request_invalid', why);
      if (answer instanceof Http1Reply) {
        answer.response.shouldKeepAlive = false;
        if (request.headers.expect !== undefined) answer.awaitContinue();
      }
      send(call, invalidRefusal(httpStatus, why).response);
    });
  }
}

function send(call: Http1Call, { fields, body }: LocalResponse): void {
  call.sendHeaders(fields, body === undefined);
  if (body !== undefined) call.sendData(body, 0, body.length, true);
}

/** @returns why the service of the request's route cannot serve an HTTP/1.1 request, or undefined */
function whyNotHttp1(
  { request: { translation, isGrpc, plan, decision } }: Http1Head,
  request: IncomingMessage,
  peer: Http1Peer,
): Http1Refusal | undefined {
  if (translation !== undefined) return undefined;
  if (isGrpc) return grpcRefusal(request, peer);
  const isForward = decision.kind === 'forward';
  return isForward && decision.upstream.protocol !== 'http1'
    ? http1Refusal(request, peer, plan.isForBrowsers)
    : undefined;
}

function whyNoWebSocketHere(
  { request: { isGrpc, decision } }: Http1Head,
  request: IncomingMessage,
  peer: Http1Peer,
): Http1Refusal | undefined {
  if (isGrpc) return grpcRefusal(request, peer);
  const isUnsupported = decision.kind === 'refuse' && decision.failure.token === 'connect_unsupported';
  return isUnsupported ? webSocketRefusal() : undefined;
}

function ignore(): void {
  // 'close' follows.
}
