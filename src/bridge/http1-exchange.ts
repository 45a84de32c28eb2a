// One HTTP/1.1 request with its response, from its header to the record in the log; a WebSocket with it, where the request
// asked for one. Ends exactly once: when the connection has taken the last octet, or is gone.

import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ExchangeRecord, ExchangeTraffic } from '../relay/exchange-record.ts';
import { clientTookNothing, type Failure, reasonOf } from '../relay/failure.ts';
import { type LocalResponse, localResponse } from '../relay/local-response.ts';
import { Outcome } from '../relay/outcome.ts';
import type { RequestHead } from '../relay/request-head.ts';
import type { WaitingSocket } from '../transport/waiting-socket.ts';
import type { Guard } from './attempt.ts';
import { BodyPump } from './body-pump.ts';
import type { BridgeContext } from './bridge-context.ts';
import { type ForwardedRequest, Forwarding } from './forwarding.ts';
import { forwardRequest, forwardUpgrade } from './guarded-proxy.ts';
import type { Http1Head } from './http1-head.ts';
import { breakOff, closeGently, Http1Reply } from './http1-reply.ts';
import type { Http1Upstream } from './http1-upstream.ts';
import { requestTrailers } from './response-fields.ts';
import type { ResponseHead, ResponseReceiver } from './response-receiver.ts';
import { TunnelBytes } from './tunnel-bytes.ts';

/** Read once: the getter walks through the platform's time service. */
const TIME_ORIGIN_EPOCH_MS = performance.timeOrigin;

/** What becomes of the exchange. */
export type Http1Plan =
  | { readonly kind: 'forward'; readonly upstream: Http1Upstream }
  | {
      readonly kind: 'answer';
      readonly response: LocalResponse;
      readonly reason: string;
      readonly closes: boolean;
    }
  /** Nobody is told anything. */
  | { readonly kind: 'drop'; readonly reason: string };

export interface Http1ExchangeParts {
  readonly context: BridgeContext;
  readonly request: IncomingMessage;
  readonly head: Http1Head;
  /** A request for a WebSocket has none yet, but a socket that waits. */
  readonly answer: Http1Reply | WaitingSocket;
  readonly onFinished: (exchange: Http1Exchange) => void;
}

export class Http1Exchange implements ResponseReceiver {
  readonly #parts: Http1ExchangeParts;
  readonly subject: RequestHead;
  readonly #socket: Socket;
  readonly #startedAtMs = performance.now();
  readonly #requestId: string | number;
  readonly #outcome = new Outcome(false);
  #reply: Http1Reply | undefined;
  readonly #waiting: WaitingSocket | undefined;
  #forwarding: Forwarding | undefined = undefined;
  #tunnel: TunnelBytes | undefined = undefined;
  #isFinished = false;
  /** Of all that was written to the client's connection, at the last look that found a change. */
  #takenBytes = 0;
  #takenAtMs = 0;

  constructor(parts: Http1ExchangeParts) {
    const { context, head, request, answer } = parts;
    this.#parts = parts;
    this.subject = head.request;
    this.#socket = request.socket;
    this.#requestId = head.request.requestId ?? context.requestIds.next();
    this.#reply = answer instanceof Http1Reply ? answer : undefined;
    this.#waiting = answer instanceof Http1Reply ? undefined : answer;
    if (head.expectsContinue) this.#reply?.awaitContinue();
    const onClose = context.containment.guard(
      () => this.destroy(),
      () => this.#finish(),
    );
    (this.#reply?.response ?? request.socket).once('close', onClose);
  }

  get durationMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  /** Nothing is known here of messages. */
  get traffic(): ExchangeTraffic {
    const tunnel = this.#tunnel;
    const forwarding = this.#forwarding;
    const answered = (forwarding?.responseBytes ?? 0) + (this.#reply?.writtenBytes ?? 0);
    return {
      requestBytes: tunnel?.requestBytes ?? forwarding?.requestBytes ?? 0,
      responseBytes: tunnel?.responseBytes ?? answered,
      requestMessages: 0,
      responseMessages: 0,
    };
  }

  start(plan: Http1Plan): void {
    // The client went away while an earlier request of its connection was answered, or was told then that it closes.
    if (this.#isFinished || !this.#socket.writable) return;
    const { head, request } = this.#parts;
    // An expectation without a body: nothing is to be waited for, and without a 100 Node would close the connection.
    if (!head.expectsContinue && request.headers.expect !== undefined) this.#reply?.goOn();
    switch (plan.kind) {
      case 'forward':
        this.#forwarding = new Forwarding(plan.upstream.pool, this.#outgoing(), this);
        this.#forwarding.start();
        break;
      case 'answer':
        this.#outcome.decide('framegate', '', plan.reason);
        this.#answer(plan.response, plan.closes);
        break;
      case 'drop':
        this.#outcome.decide('framegate', '', plan.reason);
        this.#socket.destroy();
    }
  }

  /** An interim response of the service, but 101. Fields of the service's connection are not among `fields`. */
  receiveInterim(httpStatus: number, fields: readonly string[]): void {
    this.#reply?.inform(httpStatus, fields);
  }

  receiveHead(head: ResponseHead): void {
    this.#openReply().begin(head);
  }

  flushHead(): void {
    this.#reply?.flush();
  }

  receiveData(chunk: Buffer): boolean {
    const reply = this.#reply;
    if (reply === undefined || reply.write(chunk)) return true;
    reply.whenWritable(() => this.#forwarding?.resume());
    return false;
  }

  receiveEnd(trailers: readonly string[]): void {
    this.#outcome.decide('upstream', '', '');
    this.#reply?.end(trailers);
    if (this.#parts.head.outgoing.framing !== 'none') this.#reply?.dropBody();
  }

  receiveUpgrade(_response: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (socket instanceof Socket) this.#tunnel = new TunnelBytes(socket, head);
    this.#waiting?.giveBack();
    this.#outcome.decide('upstream', '', '');
  }

  receiveFailure(failure: Failure): void {
    // The service's side of a WebSocket has ended; what it has sent is still on its way.
    if (this.#tunnel !== undefined) {
      if (failure.token === 'idle_gave_way') {
        this.#outcome.overrule('framegate', '', reasonOf(failure));
      }
      closeGently(this.#socket);
      return;
    }
    this.#outcome.decide('framegate', '', reasonOf(failure));
    if (this.#reply !== undefined && this.#reply.httpStatus !== 0) {
      this.breakOff();
    } else {
      this.#answer(localResponse(failure, { isGrpc: false, isHead: this.subject.isHead }), false);
    }
  }

  /** To be called now and then. A client that takes nothing of what is written to it has so much time in a row. */
  checkTime(nowMs: number, stallTimeoutMs: number): void {
    const { bytesWritten, writableLength } = this.#socket;
    const takenBytes = bytesWritten - writableLength;
    if (writableLength === 0 || takenBytes !== this.#takenBytes) {
      this.#takenBytes = takenBytes;
      this.#takenAtMs = nowMs;
    } else if (nowMs - this.#takenAtMs >= stallTimeoutMs) {
      const { token, message } = clientTookNothing(stallTimeoutMs);
      this.#outcome.overrule('framegate', '', `${token}: ${message}`);
      this.#socket.destroy();
    }
  }

  /** Ends it now: with a status, where nothing was sent yet. */
  abort(failure: Failure): void {
    if (this.#isFinished) return;
    this.#outcome.overrule('framegate', '', reasonOf(failure));
    this.#forwarding?.cancel();
    if (this.#tunnel === undefined && (this.#reply === undefined || this.#reply.httpStatus === 0)) {
      this.#answer(localResponse(failure, { isGrpc: false, isHead: this.subject.isHead }), true);
    } else {
      this.breakOff();
    }
  }

  /** Half a response is there, and no more comes. */
  breakOff(): void {
    breakOff(this.#parts.request);
  }

  /** After a fault of ours. */
  destroy(): void {
    this.#socket.destroy();
    this.#finish();
  }

  /** No request after this one. */
  closeAfter(): void {
    const response = this.#reply?.response;
    if (response !== undefined && !response.headersSent) response.shouldKeepAlive = false;
  }

  #outgoing(): ForwardedRequest {
    const { request, head, context } = this.#parts;
    const id = this.#requestId;
    const client = this.subject.clientKey;
    const fields = typeof id === 'number' ? ['x-request-id', context.requestIds.text(id)] : [];
    const callFields = (): readonly string[] => fields;
    if (this.#reply === undefined) {
      const start = forwardUpgrade(this.#socket);
      return { head: head.outgoing, callFields, body: undefined, start, client };
    }
    const body =
      head.outgoing.framing === 'none'
        ? undefined
        : (guard: Guard) =>
            new BodyPump({ stream: request, trailers: () => requestTrailers(request.rawTrailers) }, guard);
    return { head: head.outgoing, callFields, body, start: forwardRequest, client };
  }

  #answer(response: LocalResponse, closes: boolean): void {
    const reply = this.#openReply();
    if (closes) reply.response.shouldKeepAlive = false;
    reply.answer(response);
  }

  #openReply(): Http1Reply {
    if (this.#reply === undefined) {
      this.#waiting?.drop();
      this.#reply = Http1Reply.onSocket(this.#parts.request, this.#parts.context.containment);
    }
    return this.#reply;
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    try {
      this.#end();
    } finally {
      this.#parts.onFinished(this);
    }
  }

  #end(): void {
    this.#forwarding?.cancel();
    if (this.#reply !== undefined && !this.#reply.response.writableFinished) {
      this.#outcome.decide('downstream', '', GONE);
      // Decided by the service, but the client did not wait for it.
      if (this.#outcome.endedBy === 'upstream') this.#outcome.overrule('downstream', '', GONE);
    }
    this.#outcome.decide('downstream', '', GONE);
    this.#parts.context.observer.onExchangeFinished(this.#record());
  }

  #record(): ExchangeRecord {
    const forwarding = this.#forwarding;
    return {
      subject: this.subject,
      endpoint: forwarding === undefined ? '' : forwarding.endpointText,
      grpcStatus: '',
      httpStatus: this.#tunnel === undefined ? (this.#reply?.httpStatus ?? 0) : 101,
      startedAtEpochMs: TIME_ORIGIN_EPOCH_MS + this.#startedAtMs,
      durationMs: this.durationMs,
      ...this.traffic,
      attempts: forwarding === undefined ? 0 : forwarding.attempts,
      endedBy: this.#outcome.endedBy,
      reason: this.#outcome.reason,
      requestId: this.#requestId,
    };
  }
}

const GONE = 'The client closed the connection before it had the whole response.';
