// One of several attempts of a hedged call. If it is the only one, it passes on to the exchange at once what it receives. Otherwise it does
// so only after it has won: by a message, by a status that ends the call, or by a head that was held back for long enough. So an exchange sees only one attempt.

import type { CallStream } from '../calls/call-stream.ts';
import type { CallTrace } from '../calls/call-trace.ts';
import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import { type Failure, noGrpcStatus } from '../calls/failure.ts';
import { type AttemptEnd, failedWith, REFUSED, UNANSWERED, UNPROCESSED } from '../calls/retry-policy.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { grpcStatusOfReset } from '../grpc/reset-mapping.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { AttemptSeries } from './attempt-series.ts';
import type { Call } from './attempts.ts';
import type { CallChanges } from './call-changes.ts';
import { type HeadHolder, HeldHead } from './held-head.ts';
import type { ExchangeHome, RelayContext } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import { ResponseHead } from './response-head.ts';
import { failureOfReset, whyNotPassedOn, whyTrailersNotPassedOn } from './response-rules.ts';
import type { StreamRelay } from './stream-relay.ts';

/** HedgedAttempts. */
export interface Contest {
  /** Whether it is still open which attempt the client gets. Before and after that there is only one. */
  readonly isOpen: boolean;
  /** Whether nothing can take the place of this attempt any more. */
  isLast(contender: Contender): boolean;
  /** The client gets this attempt. The others end. */
  wins(contender: Contender): void;
  /** @returns whether the call goes on without this attempt, which has ended */
  goesOnAfter(contender: Contender, end: AttemptEnd): boolean;
  /** @returns whether the call goes on without this attempt, which takes up something that others need */
  goesOnWithout(contender: Contender): boolean;
  /** The request was sent to an endpoint. */
  sentTo(contender: Contender, stream: CallStream): void;
  /** The request was sent after it had waited for a place. */
  placed(contender: Contender): void;
}

export interface ContenderParts {
  readonly contest: Contest;
  readonly context: RelayContext;
  /** The exchange. */
  readonly call: Call;
  readonly request: StreamRelay;
  /** How many attempts of the call were sent before this one. */
  readonly previous: number;
  /** Whether it has a place in the upstream's RetryBudget. */
  readonly isBudgeted: boolean;
  /** How long a head stands before it wins. */
  readonly holdMs: number;
}

export class Contender implements Call, HeadHolder {
  readonly series: AttemptSeries;
  readonly #contest: Contest;
  readonly #context: RelayContext;
  readonly #call: Call;
  readonly #request: StreamRelay;
  readonly #holdMs: number;
  readonly retries: number;
  isBudgeted: boolean;
  /** Of its attempt that was sent last, among all of the call. */
  number = 0;
  /** Where the response comes from. */
  stream: CallStream | undefined = undefined;
  #held: HeldHead | undefined = undefined;
  /** The section that the held head was made of. */
  #heldList: HeaderList | undefined = undefined;
  #hasResponded = false;
  #isOver = false;

  constructor(parts: ContenderParts) {
    this.#contest = parts.contest;
    this.#context = parts.context;
    this.#call = parts.call;
    this.#request = parts.request;
    this.#holdMs = parts.holdMs;
    this.retries = parts.previous;
    this.isBudgeted = parts.isBudgeted;
    this.series = new AttemptSeries(parts.context, this, parts.request, this);
  }

  get subject(): RequestHead {
    return this.#call.subject;
  }

  get home(): ExchangeHome {
    return this.#call.home;
  }

  get requestId(): string | number {
    return this.#call.requestId;
  }

  get trace(): CallTrace | undefined {
    return this.#call.trace;
  }

  get changes(): CallChanges | undefined {
    return this.#call.changes;
  }

  get durationMs(): number {
    return this.#call.durationMs;
  }

  get traffic(): ExchangeTraffic {
    return this.#call.traffic;
  }

  /** Whether it has sent the head of a response that waits for what follows. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  attempting(endpoint: string): void {
    this.#call.attempting(endpoint);
  }

  setSource(stream: CallStream | undefined): void {
    if (stream === undefined) return;
    this.stream = stream;
    this.#contest.sentTo(this, stream);
  }

  placed(): void {
    this.#contest.placed(this);
  }

  receiveResponse(list: HeaderList, endStream: boolean): void {
    if (!this.#contest.isOpen) {
      this.#call.receiveResponse(list, endStream);
      return;
    }
    const head = ResponseHead.of(list);
    // gRPC clients get no interim responses.
    if (head.httpStatus < 200) return;
    this.responded();
    const cause = whyNotPassedOn(head, endStream, this.subject, this.series.endpoint);
    if (cause !== undefined) {
      if (this.#goesOnAfterFailure(cause)) return;
    } else if (endStream) {
      if (this.#goesOnAfterStatus(head)) return;
    } else if (!this.#contest.isLast(this)) {
      this.#held = new HeldHead(this);
      this.#heldList = list;
      this.#context.deadlines.set(this.#held, this.#holdMs);
      return;
    }
    this.#contest.wins(this);
    this.#call.receiveResponse(list, endStream);
  }

  receiveResponseData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#contest.isOpen) {
      const isEmpty = start === end;
      if (isEmpty && !endStream) return;
      if (isEmpty && this.#goesOnAfterFailure(this.#noStatus())) return;
      this.passHeldHead();
      if (this.#isOver) return;
    }
    this.#call.receiveResponseData(bytes, start, end, endStream);
  }

  #noStatus(): Failure {
    return noGrpcStatus(this.series.endpoint, 'ended its response without trailers');
  }

  receiveResponseTrailers(list: HeaderList): void {
    if (this.#contest.isOpen) {
      const trailers = ResponseHead.of(list);
      const cause = whyTrailersNotPassedOn(trailers, true, this.series.endpoint);
      const goesOn =
        cause === undefined ? this.#goesOnAfterStatus(trailers) : this.#goesOnAfterFailure(cause);
      if (goesOn) return;
      this.passHeldHead();
      if (this.#isOver) return;
    }
    this.#call.receiveResponseTrailers(list);
  }

  #goesOnAfterStatus({ grpcStatus, pushback }: ResponseHead): boolean {
    if (grpcStatus === 'OK') return false;
    return this.#contest.goesOnAfter(this, { kind: 'answered', grpcStatus, pushback });
  }

  #goesOnAfterFailure(cause: Failure): boolean {
    if (cause.source === 'endpoint') this.series.blame();
    return cause.isRetryable && this.#contest.goesOnAfter(this, failedWith(grpcStatusName(cause.grpcStatus)));
  }

  /** The client gets the head that has stood, and with it the response of this attempt. */
  passHeldHead(): void {
    const list = this.#heldList;
    this.#contest.wins(this);
    if (list !== undefined) this.#call.receiveResponse(list, false);
  }

  /** The head of a response has arrived. Counts once. */
  responded(): void {
    if (this.#hasResponded) return;
    this.#hasResponded = true;
    this.series.responded();
  }

  requestWritable(): void {
    this.#request.resume();
  }

  attemptReset(code: number, violation: string | undefined): void {
    if (this.#contest.isOpen) {
      const { endpoint } = this.series;
      const cause = failureOfReset(code, violation, endpoint, this.subject);
      const status = grpcStatusName(grpcStatusOfReset(code));
      const end = code === ErrorCode.REFUSED_STREAM ? REFUSED : failedWith(status);
      const goesOn =
        cause === undefined ? this.#contest.goesOnAfter(this, end) : this.#goesOnAfterFailure(cause);
      if (goesOn) return;
      this.#contest.wins(this);
    }
    this.#call.attemptReset(code, violation);
  }

  attemptRefused(): void {
    if (!this.#endsCall(UNPROCESSED)) return;
    this.#call.attemptRefused();
  }

  attemptLost(cause: Failure): boolean {
    return this.#endsCall(failedWith(grpcStatusName(cause.grpcStatus))) && this.#call.attemptLost(cause);
  }

  attemptUnreachable(cause: Failure): void {
    if (!this.#endsCall(failedWith(grpcStatusName(cause.grpcStatus)))) return;
    this.#call.attemptUnreachable(cause);
  }

  attemptUnanswered(cause: Failure): void {
    if (!this.#endsCall(UNANSWERED)) return;
    this.#call.attemptUnanswered(cause);
  }

  attemptTimedOut(limitMs: number): void {
    if (!this.#endsCall(failedWith('UNAVAILABLE'))) return;
    this.#call.attemptTimedOut(limitMs);
  }

  /** @returns whether the call ends as this attempt did */
  #endsCall(end: AttemptEnd): boolean {
    if (!this.#contest.isOpen) return true;
    if (this.#contest.goesOnAfter(this, end)) return false;
    this.#contest.wins(this);
    return true;
  }

  unavailable(diagnosis: Diagnosis): void {
    if (this.#contest.goesOnWithout(this)) return;
    this.#call.unavailable(diagnosis);
  }

  fail(cause: Failure): void {
    if (this.#contest.goesOnWithout(this)) return;
    this.#call.fail(cause);
  }

  abort(cause: Failure): void {
    if (this.#contest.goesOnWithout(this)) return;
    this.#call.abort(cause);
  }

  fault(error: unknown): void {
    this.#call.fault(error);
  }

  breakOff(): void {
    this.#call.breakOff();
  }

  /** What it has sent is not held back any more: the client gets it, or never will. */
  settle(): void {
    if (this.#held !== undefined) this.#context.deadlines.clear(this.#held);
    this.#held = undefined;
    this.#heldList = undefined;
  }

  /** Releases its place. Nothing it receives later reaches the call. May be called twice. */
  end(code: number): void {
    this.#isOver = true;
    this.settle();
    this.series.end(code);
  }

  /** Another attempt has won. */
  lose(): void {
    this.#isOver = true;
    this.settle();
    this.series.lose();
  }
}
