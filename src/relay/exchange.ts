// One request with its response, from the client's HEADERS to the record in the log. The methods are in the order of
// docs/life-of-an-exchange.md: start, begin an attempt, relay both ways, decide the outcome, finish.

import type { AttemptListener } from '../calls/attempt-listener.ts';
import type { CallStream } from '../calls/call-stream.ts';
import type { CallTrace } from '../calls/call-trace.ts';
import type { ClientCall } from '../calls/client-call.ts';
import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import {
  attemptTimedOut,
  deadlineExceeded,
  FAULT,
  type Failure,
  memoryPressure,
  unavailable,
} from '../calls/failure.ts';
import { grpcStatusIn, type LocalResponse } from '../calls/local-response.ts';
import { type AttemptEnd, failedWith, UNANSWERED, UNREACHABLE } from '../calls/retry-policy.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { ErrorCode, errorCodeName } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { Timed } from '../transport/deadline-wheel.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import { Admission, type AdmissionOwner } from './admission.ts';
import type { Attempts, Call } from './attempts.ts';
import { attemptsFor } from './attempts-for.ts';
import type { CallChanges } from './call-changes.ts';
import { ClientResponse, type ResponseOwner } from './client-response.ts';
import { GRACE_MS } from './deadline.ts';
import { endedByDeadline, endedByService, type Leaving, leftByClient } from './given-up.ts';
import { type IdleOwner, IdleWatch } from './idle-watch.ts';
import type { ExchangeParts } from './live-facts.ts';
import { Outcome } from './outcome.ts';
import { type PassedReset, passedReset, unprocessed } from './passed-reset.ts';
import { recordOf } from './record-of.ts';
import type { ExchangeHome, RelayContext } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import { failureOfReset } from './response-rules.ts';
import { runContained } from './run-contained.ts';
import { StreamRelay, trafficOf } from './stream-relay.ts';

/** It is the timer of its own deadline, since nearly every call of a gRPC client has one. */
export class Exchange
  implements ClientCall, AttemptListener, AdmissionOwner, ResponseOwner, IdleOwner, Call, Timed
{
  readonly subject: RequestHead;
  readonly #context: RelayContext;
  readonly home: ExchangeHome;
  readonly #stream: CallStream;
  readonly request: StreamRelay;
  readonly response: StreamRelay;
  readonly #answer: ClientResponse;
  readonly #attempts: Attempts;
  /** Undefined, since an exchange is not a translator. */
  readonly translated = undefined;
  admission: Admission | undefined = undefined;
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;
  #idle: IdleWatch | undefined = undefined;
  isFinished = false;
  identity: string | undefined = undefined;
  /** By the clock of `turnNowMs`. */
  readonly startedAtMs = turnNowMs();
  #decided: Outcome | undefined = undefined;
  /** A number from RequestIds, which tells the exchange from all others of the process. */
  readonly number: number;
  /** Set before the start. Undefined if the call is not traced. */
  trace: CallTrace | undefined = undefined;

  constructor(context: RelayContext, home: ExchangeHome, stream: CallStream, head: RequestHead) {
    this.subject = head;
    this.#context = context;
    this.home = home;
    this.#stream = stream;
    this.request = new StreamRelay(head.isGrpc);
    this.response = new StreamRelay(head.isGrpc);
    this.number = context.requestIds.next();
    this.#attempts = attemptsFor(context, this, this.request, this.response);
    this.#answer = new ClientResponse(this, stream, this.#attempts, context.deadlines);
  }

  /** The client's own x-request-id if it is kept, else the number. */
  get requestId(): string | number {
    return this.subject.requestId ?? this.number;
  }

  /** What reports look at while the exchange runs. */
  get parts(): ExchangeParts {
    return { stream: this.#stream, attempts: this.#attempts, isAsked: this.admission !== undefined };
  }

  /** What policies change in this call alone. */
  get changes(): CallChanges | undefined {
    return this.admission?.changes;
  }

  /** Created when there is something to decide, since an idle stream needs no outcome. */
  get #outcome(): Outcome {
    this.#decided ??= new Outcome(this.subject.isGrpc);
    return this.#decided;
  }

  get durationMs(): number {
    return turnNowMs() - this.startedAtMs;
  }

  peerDeadlineMs(): number | undefined {
    return this.subject.peerTimeoutMs;
  }

  get traffic(): ExchangeTraffic {
    return trafficOf(this.request, this.response);
  }

  start(endStream: boolean): void {
    const { decision, kind, plan, timeoutMs } = this.subject;
    this.request.setSource(this.#stream);
    this.response.setTarget(this.#stream);
    if (endStream) this.request.end();
    if (decision.kind === 'refuse') {
      this.fail(decision.failure);
      return;
    }
    if (decision.kind === 'answer') {
      this.answer(decision.response, decision.reason);
      return;
    }
    if (this.#context.terms.isRefusingCalls) {
      this.fail(memoryPressure());
      return;
    }
    if (timeoutMs !== undefined) this.#context.deadlines.set(this, timeoutMs + GRACE_MS);
    const idleMs = kind.timeouts?.idleMs;
    if (idleMs !== undefined) this.#idle = new IdleWatch(this, this.#context.deadlines, idleMs);
    if (!plan.admits) {
      this.admitted();
      return;
    }
    this.admission = new Admission(this, this.#context);
    this.admission.begin();
  }

  admitted(): void {
    this.#context.observers.started(this);
    this.#attempts.begin();
  }

  /** Answers the call instead of forwarding it, as its route wants it. */
  answer(response: LocalResponse, reason: string): void {
    this.#outcome.decideAnswer(grpcStatusIn(response), reason);
    this.#answer.respond(response);
    this.#settle();
  }

  /** In place of `start`: refuses the call with a status of the proxy. */
  refuse(cause: Failure): void {
    this.response.setTarget(this.#stream);
    this.fail(cause);
  }

  /** In place of `start`: refuses a client that speaks another protocol than its route. @param response undefined closes the connection */
  refuseMismatch(response: LocalResponse | undefined, reason: string): void {
    this.response.setTarget(this.#stream);
    this.#outcome.decideMismatch(response === undefined ? '' : grpcStatusIn(response), reason);
    if (response === undefined) {
      this.#finish(ErrorCode.CANCEL);
      return;
    }
    this.#answer.respond(response);
    this.#settle();
  }

  get endpointAtWork(): string {
    return this.#attempts.isUnderWay ? this.#attempts.endpoint : '';
  }

  get hasResponse(): boolean {
    return this.#answer.hasBegun;
  }

  get retries(): number {
    return this.#attempts.retries;
  }

  attempting(endpoint: string): void {
    this.#context.observers.attempted({ exchange: this, endpoint, number: this.#attempts.count + 1 });
  }

  unavailable(diagnosis: Diagnosis): void {
    this.attemptFailed(unavailable(diagnosis));
  }

  // A client's stream has no such events, since towards a client the proxy is the server.
  onResponse(): void {}
  onRefused(): void {}

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.request.forward(bytes, start, end, endStream);
    if (endStream) this.#attempts.requestEnded();
  }

  onTrailers(list: HeaderList): void {
    const kept = this.subject.kind.edits.applyToTrailers(list);
    this.#attempts.sendTrailers(this.changes?.requestTrailers(kept) ?? kept);
  }

  onWritable(): void {
    this.response.resume();
    this.#settle();
  }

  onReset(code: number, violation: string | undefined): void {
    if (violation === undefined)
      this.#leaves({ reason: `The client reset the call (${errorCodeName(code)}).`, code });
    else this.#outcome.decideViolation(violation);
    this.#finish(ErrorCode.CANCEL);
  }

  onConnectionLost(reason: string): void {
    this.#leaves({ reason: `The client's connection is gone: ${reason}.`, code: undefined });
    this.#finish(ErrorCode.CANCEL);
  }

  #leaves(how: Leaving): void {
    if (!this.isFinished) leftByClient(this, this.#outcome, how);
  }

  receiveResponse(list: HeaderList, endStream: boolean): void {
    this.#answer.receiveHead(list, endStream);
  }

  receiveResponseData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream || this.#answer.awaitsData) this.#answer.receiveData(bytes, start, end, endStream);
    else this.response.forward(bytes, start, end, false);
  }

  receiveResponseTrailers(list: HeaderList): void {
    this.#answer.receiveTrailers(list);
  }

  responseEnds(grpcStatus: string): void {
    if (grpcStatus === 'OK') this.#outcome.decide('upstream', grpcStatus, '');
    else endedByService(this, this.#outcome, { grpcStatus, reason: '' }, this.#attempts.note);
  }

  responseEnded(): void {
    this.#settle();
  }

  requestWritable(): void {
    this.request.resume();
    if (this.request.isComplete) this.#attempts.requestEnded();
  }

  attemptReset(code: number, violation: string | undefined): void {
    // A complete response counts, however its stream ended afterwards. It may still wait for the client to take it.
    if (this.response.isComplete) return;
    const { endpoint } = this.#attempts;
    const unanswered = this.#answer.hasBegun ? undefined : this.subject;
    const cause = failureOfReset(code, violation, endpoint, unanswered);
    if (cause === undefined) this.#passReset(passedReset(endpoint, code));
    else this.attemptFailed(cause);
  }

  attemptRefused(): void {
    if (!this.response.isComplete) this.#passReset(unprocessed(this.#attempts.endpoint));
  }

  #passReset({ end, code, status, reason }: PassedReset): void {
    if (this.#triesAgain(end)) return;
    endedByService(this, this.#outcome, { grpcStatus: status, reason }, this.#attempts.note);
    this.#stream.reset(code);
    this.#finish(ErrorCode.CANCEL);
  }

  attemptLost(cause: Failure): boolean {
    return !this.response.isComplete && this.attemptFailed(cause);
  }

  attemptTimedOut(limitMs: number): void {
    if (!this.response.isComplete) this.attemptFailed(attemptTimedOut(this.#attempts.endpoint, limitMs));
  }

  attemptUnreachable(cause: Failure): void {
    if (!this.#triesAgain(UNREACHABLE)) this.fail(cause);
  }

  attemptUnanswered(cause: Failure): void {
    if (!this.#triesAgain(UNANSWERED)) this.fail(cause);
  }

  /** @returns whether another attempt takes the place of the last one, of whose response the client has nothing */
  #triesAgain(end: AttemptEnd): boolean {
    if (this.#answer.hasBegun || !this.#attempts.tryAgain(end)) return false;
    this.#answer.dropHeldHead();
    return true;
  }

  /** The deadline has passed. */
  onTimer(): void {
    try {
      const { timeoutMs, timeoutKey } = this.subject;
      // A complete response counts, even if the client has not taken all of it yet. A limit holds it back no longer than this.
      if (this.response.isComplete && !this.response.isPaced) return;
      if (!this.isFinished) endedByDeadline(this, this.#outcome);
      this.abort(deadlineExceeded(timeoutMs, timeoutKey));
    } catch (error) {
      this.fault(error);
    }
  }

  /**
   * An internal error within this call, in an event other than those of its client. It ends this call and not the connection to
   * the endpoint, which carries the calls of other clients. Never throws.
   */
  fault(error: unknown): void {
    this.#context.onFault(error);
    try {
      this.abort(FAULT);
    } catch (second) {
      this.#context.onFault(second);
      this.breakOff();
    }
  }

  /** Ends the call by a reset, also after an error in its own clean-up: each step runs even if another one fails. Never throws. */
  breakOff(cause: Failure = FAULT): void {
    this.#outcome.overruleByFailure(cause);
    runContained(this.#context, () => this.#stream.reset(ErrorCode.INTERNAL_ERROR));
    runContained(this.#context, () => this.#finish(ErrorCode.CANCEL));
  }

  /** Ends the exchange at once with a status of the proxy. Data that the client has not taken is dropped. */
  abort(cause: Failure): void {
    if (this.isFinished) return;
    this.response.discard();
    this.exceeded(cause);
  }

  /** Ends the exchange at once with a status of the proxy, after what waits for the client already. */
  exceeded(cause: Failure): void {
    this.#outcome.overruleByFailure(cause);
    this.fail(cause);
  }

  /** Ends the exchange if no other attempt is made, which it returns. The endpoint is not to blame for what the client asked or accepts. */
  attemptFailed(cause: Failure): boolean {
    if (this.isFinished) return false;
    if (cause.source === 'endpoint') this.#attempts.blame();
    if (cause.isRetryable && this.#triesAgain(failedWith(grpcStatusName(cause.grpcStatus)))) return true;
    this.fail(cause);
    return false;
  }

  /** Ends the exchange with a status of the proxy. A gRPC client still gets the data that already waits for it. */
  fail(cause: Failure): void {
    if (this.isFinished) return;
    this.#outcome.decideFailure(cause, this.#attempts.note);
    this.admission?.cancel();
    this.#attempts.end(ErrorCode.CANCEL);
    this.response.setSource(undefined);
    if (this.#answer.endWith(cause)) {
      this.#settle();
      return;
    }
    this.#stream.reset(ErrorCode.INTERNAL_ERROR);
    this.#finish(ErrorCode.CANCEL);
  }

  /** Finishes once the last byte of the response was sent. The upstream's stream is released earlier, if the client is slow. */
  #settle(): void {
    if (this.response.isComplete) this.#attempts.end(ErrorCode.NO_ERROR);
    if (!this.response.isEnded || this.isFinished) return;
    // A client that is still sending may stop, since the response is complete (RFC 9113 section 8.1).
    this.#stream.reset(ErrorCode.NO_ERROR);
    this.#finish(ErrorCode.NO_ERROR);
  }

  /** Releases everything and tells the observers. Has an effect only once, whatever ended the exchange. */
  #finish(upstreamCode: number): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.#context.deadlines.clear(this);
    this.#idle?.close();
    this.#answer.dropHeldHead();
    this.admission?.cancel();
    this.trace?.watch?.close();
    this.#attempts.end(upstreamCode);
    try {
      const record = recordOf(this, this.#attempts, this.#outcome, this.startedAtMs, this.#answer);
      this.#context.observers.finished(record);
    } catch (error) {
      // An error in the record must not keep the connection from learning that the call is over.
      this.#context.onFault(error);
    }
    this.home.exchangeFinished();
  }
}
