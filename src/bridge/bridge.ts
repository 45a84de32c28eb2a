// Where HTTP/1.1 clients come in. Their requests are routed, limited and logged as those of gRPC clients are; those that lead
// to an HTTP/1.1 service are forwarded, gRPC-Web goes to the relay, and the others are told what is wrong.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Failure, memoryPressure, reasonOf } from '../relay/failure.ts';
import { localResponse } from '../relay/local-response.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import { WaitingSocket } from '../transport/waiting-socket.ts';
import type { BridgeContext, BridgePeer } from './bridge-context.ts';
import { Http1Connection } from './http1-connection.ts';
import { Http1Exchange, type Http1Plan } from './http1-exchange.ts';
import { type Http1Head, readHttp1Head } from './http1-head.ts';
import {
  type Http1Refusal,
  refuseGrpc,
  refuseHttp1,
  refuseInvalid,
  refuseWebSocket,
} from './http1-refusal.ts';
import { Http1Reply } from './http1-reply.ts';
import type { InvalidRequest } from './http1-request.ts';
import { Http1Upstream } from './http1-upstream.ts';

/** Sent ahead of the answers by one client; no client needs more, and each costs memory. */
const MOST_PIPELINED = 100;
/** How often exchanges are asked whether their clients dawdle. */
const WATCH_INTERVAL_MS = 2000;

export class Bridge {
  readonly #context: BridgeContext;
  readonly #connections = new WeakMap<BridgePeer, Http1Connection>();
  readonly #exchanges = new Set<Http1Exchange>();
  #isDraining = false;
  #watch: NodeJS.Timeout | undefined = undefined;
  #onIdle: (() => void) | undefined = undefined;

  constructor(context: BridgeContext) {
    this.#context = context;
  }

  /** Those that run, WebSockets included. */
  get exchangeCount(): number {
    return this.#exchanges.size;
  }

  /** Requests that run, WebSockets included. */
  get runningCalls(): readonly Http1Exchange[] {
    return [...this.#exchanges];
  }

  /**
   * For requests of Node's HTTP server, in the order of their connection.
   * @param last of a client that is to go elsewhere: what its requests begin with until then
   */
  handleRequest(request: IncomingMessage, response: ServerResponse, peer: BridgePeer, last?: Snapshot): void {
    this.#run(request.socket, () => this.#receive(request, response, peer, last ?? this.#context.snapshot()));
  }

  /** For requests for a WebSocket. `head` is what was read behind the request. */
  handleUpgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    peer: BridgePeer,
    last?: Snapshot,
  ): void {
    this.#run(socket, () =>
      this.#receiveUpgrade(request, new WaitingSocket(socket, head, this.#context.containment), peer, last),
    );
  }

  #run(socket: Socket, action: () => void): void {
    this.#context.containment.run(() => socket.destroy(), action);
  }

  #receive(request: IncomingMessage, response: ServerResponse, peer: BridgePeer, snapshot: Snapshot): void {
    const { socket } = request;
    // A client that goes away is told by the response's 'close'.
    request.on('error', ignore);
    const connection = this.#connectionOf(peer);
    if (connection.outstandingCount >= MOST_PIPELINED) {
      this.#context.onRefused(peer, 'http1_request_invalid', `${MOST_PIPELINED} requests without an answer`);
      socket.destroy();
      return;
    }
    const head = connection.memo.headOf(request, peer, snapshot);
    const { connectionAgeMs } = this.#context.terms;
    if (this.#isDraining || connection.isOlderThan(connectionAgeMs)) response.shouldKeepAlive = false;
    if (!('isValid' in head) && !this.#isGrpcWeb(head)) {
      const exchange = this.#begin(request, head, this.#replyOn(response), connection);
      connection.enqueue(() => exchange.start(this.#plan(request, head, peer)));
      return;
    }
    // No exchange counts these, so that the next one's turn is when they are over.
    response.once(
      'close',
      this.#context.containment.guard(
        () => socket.destroy(),
        () => connection.next(),
      ),
    );
    connection.enqueue(() => {
      if (!socket.writable) return;
      if ('isValid' in head) this.#refuseInvalid(head, this.#replyOn(response), peer);
      else this.#context.handleGrpcWeb(request, response, peer, snapshot);
    });
  }

  #receiveUpgrade(
    request: IncomingMessage,
    waiting: WaitingSocket,
    peer: BridgePeer,
    last: Snapshot | undefined,
  ): void {
    const { socket } = request;
    socket.on('error', ignore);
    const connection = this.#connectionOf(peer);
    const result = readHttp1Head(request, peer, last ?? this.#context.snapshot(), true);
    if ('isValid' in result) {
      connection.enqueue(() => {
        waiting.drop();
        this.#refuseInvalid(result, Http1Reply.onSocket(request, this.#context.containment), peer);
      });
      return;
    }
    const exchange = this.#begin(request, result, waiting, connection);
    connection.enqueue(() => exchange.start(this.#planUpgrade(result, peer)));
  }

  /** New requests are still answered, and their connections closed. Resolves when nothing runs. */
  drain(): Promise<void> {
    this.#isDraining = true;
    this.#forEach((exchange) => exchange.closeAfter());
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      if (this.#exchanges.size === 0) resolve();
    });
  }

  /** Ends everything that still runs: with the failure's status, where nothing was sent yet. */
  abort(cause: Failure): void {
    this.#forEach((exchange) => exchange.abort(cause));
  }

  /** What one of them throws ends that one. */
  #forEach(action: (exchange: Http1Exchange) => void): void {
    for (const exchange of this.#exchanges) {
      this.#context.containment.run(
        () => exchange.destroy(),
        () => action(exchange),
      );
    }
  }

  #replyOn(response: ServerResponse): Http1Reply {
    return new Http1Reply(response, this.#context.containment);
  }

  #checkTime(): void {
    const { stallTimeoutMs } = this.#context.snapshot().limits;
    const nowMs = performance.now();
    if (stallTimeoutMs !== undefined) {
      this.#forEach((exchange) => exchange.checkTime(nowMs, stallTimeoutMs));
    }
    if (this.#exchanges.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #connectionOf(peer: BridgePeer): Http1Connection {
    let connection = this.#connections.get(peer);
    if (connection === undefined) {
      connection = new Http1Connection();
      this.#connections.set(peer, connection);
    }
    return connection;
  }

  #begin(
    request: IncomingMessage,
    head: Http1Head,
    answer: Http1Reply | WaitingSocket,
    connection: Http1Connection,
  ): Http1Exchange {
    const onFinished = (finished: Http1Exchange): void => {
      this.#exchanges.delete(finished);
      connection.next();
      if (this.#exchanges.size === 0) this.#onIdle?.();
    };
    const exchange = new Http1Exchange({ context: this.#context, request, head, answer, onFinished });
    this.#exchanges.add(exchange);
    this.#watch ??= setInterval(
      this.#context.containment.guard(ignore, () => this.#checkTime()),
      WATCH_INTERVAL_MS,
    ).unref();
    return exchange;
  }

  /** A service of HTTP/1.1 may serve gRPC-Web itself. */
  #isGrpcWeb({ request: { grpcWeb, decision, upstream, snapshot } }: Http1Head): boolean {
    if (grpcWeb === undefined && decision.kind !== 'answer') return false;
    return snapshot.upstreams.get(upstream)?.protocol !== 'http1';
  }

  #plan(request: IncomingMessage, head: Http1Head, peer: BridgePeer): Http1Plan {
    const { isGrpc, decision } = head.request;
    if (isGrpc) return this.#refuse(refuseGrpc(request, peer), peer);
    if (decision.kind === 'refuse') return planFailure(decision.failure, head);
    if (decision.kind === 'answer') return { ...decision, closes: false };
    if (decision.upstream instanceof Http1Upstream) return this.#planForward(decision.upstream, head);
    return this.#refuse(refuseHttp1(request, peer), peer);
  }

  #planUpgrade(head: Http1Head, peer: BridgePeer): Http1Plan {
    const { decision } = head.request;
    if (decision.kind === 'refuse') return planFailure(decision.failure, head);
    if (decision.kind === 'forward' && decision.upstream instanceof Http1Upstream)
      return this.#planForward(decision.upstream, head);
    return this.#refuse(refuseWebSocket(), peer);
  }

  #planForward(upstream: Http1Upstream, head: Http1Head): Http1Plan {
    if (this.#context.terms.isRefusingCalls) return planFailure(memoryPressure(), head);
    return { kind: 'forward', upstream };
  }

  #refuse({ token, response, reason }: Http1Refusal, peer: BridgePeer): Http1Plan {
    this.#context.onRefused(peer, token);
    if (peer.mismatchPolicy === 'close') return { kind: 'drop', reason };
    return { kind: 'answer', response, reason, closes: true };
  }

  /** There is no request to speak of: the connection is answered and closed, and the log has the refusal only. */
  #refuseInvalid({ httpStatus, why }: InvalidRequest, reply: Http1Reply, peer: BridgePeer): void {
    this.#context.onRefused(peer, 'http1_request_invalid', why);
    reply.response.shouldKeepAlive = false;
    if (reply.response.req.headers.expect !== undefined) reply.awaitContinue();
    reply.answer(refuseInvalid(httpStatus, why).response);
  }
}

function planFailure(failure: Failure, { request }: Http1Head): Http1Plan {
  const response = localResponse(failure, { isGrpc: false, isHead: request.isHead });
  return { kind: 'answer', response, reason: reasonOf(failure), closes: false };
}

function ignore(): void {
  // 'close' follows.
}
