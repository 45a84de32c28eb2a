// The attempts of one exchange, one after the other. An AttemptSeries asks the upstream for an endpoint, waits for one if necessary, and sends the request.
// It alone decides whether the request is sent again, by the retry policy of its route.

import { requestAboveUpstream } from '../calls/failure.ts';
import { type AttemptEnd, isRepeated, type RetryPolicy } from '../calls/retry-policy.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import { refusalOf } from '../upstreams/client-refusal.ts';
import type { Holding } from '../upstreams/holding.ts';
import { Http1Attempt } from '../upstreams/http1/http1-attempt.ts';
import type { Http1Endpoint } from '../upstreams/http1/http1-endpoint.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { CallTraits, Waiter } from '../upstreams/waiter.ts';
import { Attempt } from './attempt.ts';
import { attemptFields, attemptTextFields, mostFieldBytes } from './attempt-fields.ts';
import type { AttemptState, Attempts, Call } from './attempts.ts';
import { forwardedOf } from './call-changes.ts';
import { Deadline } from './deadline.ts';
import type { ForwardedFields } from './forward-template.ts';
import { forwardedTrailers } from './forwarded-headers.ts';
import { PastEndpoints } from './past-endpoints.ts';
import type { RelayContext } from './relay-context.ts';
import type { ResponseHead } from './response-head.ts';
import { NEXT_TURN_MS, RetryPlace } from './retry-place.ts';
import type { CallEndpoint } from './snapshot.ts';
import type { StreamRelay } from './stream-relay.ts';

const NOTHING = Buffer.alloc(0);
const NONE: readonly never[] = [];

export class AttemptSeries implements Attempts, Waiter<CallEndpoint> {
  readonly #context: RelayContext;
  readonly #call: Call;
  readonly #request: StreamRelay;
  readonly #response: Pick<StreamRelay, 'setSource'>;
  #current: Attempt | Http1Attempt | undefined = undefined;
  #isWaiting = false;
  #holding: Holding | undefined = undefined;
  #count = 0;
  /** How often the request was sent again because no endpoint had processed it. */
  #repeats = 0;
  /** How many attempts the retry policy of the route has granted. */
  #retries = 0;
  #retryPlace: RetryPlace | undefined = undefined;
  /** The delay before the next attempt, or the time limit of the current one. */
  #timer: Deadline | undefined = undefined;
  #last: CallEndpoint | undefined = undefined;
  /** Where the call has been before. */
  #past: PastEndpoints | undefined = undefined;

  constructor(
    context: RelayContext,
    call: Call,
    request: StreamRelay,
    response: Pick<StreamRelay, 'setSource'>,
  ) {
    this.#context = context;
    this.#call = call;
    this.#request = request;
    this.#response = response;
  }

  get endpoint(): string {
    return this.#last?.address.text ?? '';
  }

  get endpoints(): readonly string[] | undefined {
    return this.#past?.addressesWith(this.#current && this.#last);
  }

  /** The endpoint tried last. */
  get last(): CallEndpoint | undefined {
    return this.#last;
  }

  get isUnderWay(): boolean {
    return this.#current !== undefined;
  }

  get count(): number {
    return this.#count;
  }

  get retries(): number {
    return this.#retries;
  }

  get states(): readonly AttemptState[] {
    const current = this.#current;
    if (current !== undefined) {
      const { sentAtMs } = current;
      const sent = { stage: 'sent', number: this.#count, endpoint: this.endpoint, sentAtMs } as const;
      const { stream, unansweredMs } = current instanceof Attempt ? current : { stream: current };
      return [{ ...sent, stream, unansweredMs }];
    }
    if (this.#isWaiting) return [{ stage: 'queued', number: this.#count + 1 }];
    return this.#timer === undefined ? NONE : [{ stage: 'paused', number: this.#count + 1 }];
  }

  get note(): string {
    return this.#retryPlace?.note ?? '';
  }

  get #policy(): RetryPolicy | undefined {
    const { isGrpc, plan } = this.#call.subject;
    return isGrpc ? plan.retry : undefined;
  }

  get tried(): readonly CallEndpoint[] {
    return this.#past?.tried ?? NONE;
  }

  get traits(): CallTraits {
    return this.#call.subject;
  }

  /** The client's share of the upstream. */
  get holding(): Holding {
    if (this.#holding === undefined) throw new Error('a call that is not forwarded needs no place');
    return this.#holding;
  }

  begin(): void {
    const { decision } = this.#call.subject;
    if (decision.kind !== 'forward') return;
    const { upstream } = decision;
    const account = this.#call.home.accountFor(this.#call.subject);
    const holding = account.holdingIn(upstream.shares);
    this.#holding = holding;
    const refusal = refusalOf(account, holding, upstream.name);
    if (refusal !== undefined) {
      this.#call.abort(refusal);
      return;
    }
    const { subject } = this.#call;
    const endpoint =
      this.#past?.pickOther(upstream, holding, subject) ?? upstream.pickFor(holding, this.tried, subject);
    if (endpoint !== undefined) {
      this.#send(endpoint);
      return;
    }
    this.#isWaiting = true;
    upstream.wait(this);
  }

  /** In place of `begin`: sends the request to an endpoint that was just picked. */
  beginAt(endpoint: CallEndpoint, holding: Holding): void {
    this.#holding = holding;
    this.#send(endpoint);
  }

  /** Before `begin`: where another endpoint has room, none of these is taken. */
  avoid(endpoints: readonly CallEndpoint[]): void {
    (this.#past ??= new PastEndpoints()).avoided = endpoints;
  }

  onEndpoint(endpoint: CallEndpoint): void {
    this.#isWaiting = false;
    try {
      this.#send(endpoint);
      this.#call.placed?.();
    } catch (error) {
      this.#call.fault(error);
    }
  }

  forgetTried(): void {
    this.#past?.forgetTried();
  }

  responded(): void {
    const attempt = this.#current;
    attempt?.endpoint.counts.responseBegan(Math.floor(turnNowMs()) - attempt.sentAtMs);
  }

  commit(): void {
    if (this.#current !== undefined) this.#current.isCommitted = true;
    if (this.#timer !== undefined) this.#stopTimer();
    // From here on it is a call like others: a retried stream that lasts for days takes no retry from anyone.
    this.#retryPlace?.leave();
  }

  triesAgainAfter({ grpcStatus, pushback }: ResponseHead): boolean {
    if (this.#policy === undefined || grpcStatus === 'OK') return false;
    return this.tryAgain({ kind: 'answered', grpcStatus, pushback });
  }

  get holdMs(): number {
    const policy = this.#policy;
    if (policy?.holdMs === undefined || this.#current?.isReplayable !== true) return 0;
    return this.#retries < (policy.mostRetries ?? Number.POSITIVE_INFINITY) ? policy.holdMs : 0;
  }

  blame(): void {
    if (this.#current !== undefined) this.#current.hasFailed = true;
  }

  onUnavailable(diagnosis: Diagnosis): void {
    this.#isWaiting = false;
    try {
      this.#call.unavailable(diagnosis);
    } catch (error) {
      this.#call.fault(error);
    }
  }

  #send(endpoint: CallEndpoint): void {
    const forwarded = forwardedOf(this.#call, endpoint);
    if (forwarded === undefined) return;
    if (this.#context.observers.wantAttempts) this.#call.attempting(endpoint.address.text);
    if (endpoint.protocol === 'http2') this.#sendHttp2(endpoint, forwarded);
    else this.#sendHttp1(endpoint, forwarded.fields);
  }

  #sendHttp2(endpoint: Http2Endpoint, { fields, apart, sizeBytes }: ForwardedFields): void {
    const connection = endpoint.takePicked();
    if (connection === undefined) throw new Error('an endpoint that was picked has no room');
    const mostBytes = connection.http2.peerMaxHeaderListBytes;
    // Some services close the connection because of a larger header list, including the calls of all other clients (grpc-java above 5/4
    // of its limit).
    if (sizeBytes + mostFieldBytes(this.#call) > mostBytes) {
      this.#call.fail(requestAboveUpstream(connection.endpoint, mostBytes));
      return;
    }
    this.#count++;
    const policy = this.#policy;
    const attempt = new Attempt(
      endpoint,
      connection,
      this.#call,
      this.#context.replayBuffer,
      this.holding,
      policy?.replayBytes,
    );
    const { stream } = attempt;
    this.#current = attempt;
    this.#last = endpoint;
    const { bytes, length } = attemptFields(this.#call, this.#context, apart);
    if (!stream.sendHeaders(fields, this.#request.takeEnd(), bytes, length)) {
      // The connection broke after it was picked, so no service has seen the request.
      attempt.neverSent();
      return;
    }
    if (policy?.perTryMs !== undefined)
      this.#timer = new Deadline(this.#context.deadlines, this, policy.perTryMs);
    this.#response.setSource(stream);
    this.#request.setTarget(stream, attempt);
  }

  #sendHttp1(endpoint: Http1Endpoint, fields: HeaderList): void {
    this.#count++;
    const call = {
      fields,
      callFields: () => attemptTextFields(this.#call, this.#context),
      endStream: this.#request.takeEnd(),
      client: this.#call.subject.clientKey,
      onOpen: () => this.#request.setTarget(attempt),
    };
    const attempt: Http1Attempt = new Http1Attempt(endpoint, call, this.holding, this.#call);
    this.#current = attempt;
    this.#last = endpoint;
    this.#response.setSource(attempt);
    attempt.begin();
  }

  /**
   * Ends the request with the client's trailer section. HTTP/2 services get the end without the trailers: a gRPC request has none (gRPC
   * over HTTP/2, section "Requests"), and grpc-go closes the connection, including the calls of all other clients, when a stream has a
   * second header block.
   */
  sendTrailers(list: HeaderList): void {
    const { decision } = this.#call.subject;
    if (decision.kind === 'forward' && decision.upstream.protocol !== 'http1') {
      this.#request.forward(NOTHING, 0, 0, true);
      return;
    }
    this.#request.forwardTrailers(forwardedTrailers(list));
  }

  /** Only hedging begins with the end of the request. */
  requestEnded(): void {}

  /** What was sent of the request, or undefined if it was not kept. */
  get sent(): readonly Buffer[] | undefined {
    return this.#current?.replay();
  }

  /** What is sent is not kept for another attempt, since somebody else has it. */
  forgetReplay(): void {
    if (this.#current instanceof Attempt) this.#current.forgetReplay();
  }

  /** Another attempt of the call has won. */
  lose(): void {
    if (this.#current instanceof Attempt) this.#current.lose();
    this.end(ErrorCode.CANCEL);
  }

  /**
   * Sends the request again if no endpoint has processed it or the retry policy of its route says so, and if everything that was sent of
   * the request is still known.
   */
  tryAgain(end: AttemptEnd): boolean {
    const attempt = this.#current;
    if (attempt?.isCommitted === true) return false;
    if (attempt !== undefined && isRepeated(end, this.#repeats)) {
      const sent = attempt.replay();
      if (sent === undefined) return false;
      if (end.kind !== 'unreachable' || this.#hasAnother()) {
        if (end.kind !== 'unreachable') this.#repeats++;
        this.#takeBack(attempt, sent, end);
        this.begin();
        return true;
      }
    }
    return this.#retry(end, attempt);
  }

  /** Sends the request again if the retry policy of the route and the upstream's budget allow it. @param attempt undefined if none was made */
  #retry(end: AttemptEnd, attempt: Attempt | Http1Attempt | undefined): boolean {
    const { plan, timeoutMs = Number.POSITIVE_INFINITY } = this.#call.subject;
    if (this.#policy === undefined || attempt?.isReplayable === false) return false;
    const waitMs = plan.retryDelayMs(end, this.#retries);
    if (waitMs < 0 || waitMs >= timeoutMs - this.#call.durationMs) return false;
    const sent = attempt?.replay();
    if (attempt !== undefined && sent === undefined) return false;
    if (!this.#mayRetry(waitMs)) return false;
    this.#retries++;
    this.#past?.forgetTried();
    if (this.#last !== undefined) this.avoid([this.#last]);
    if (attempt !== undefined && sent !== undefined) this.#takeBack(attempt, sent, end);
    if (waitMs === 0) this.begin();
    else this.#timer = new Deadline(this.#context.deadlines, this, waitMs);
    return true;
  }

  /** Takes a place in the budget, and gives it back for a long pause. @returns false if there is none */
  #mayRetry(waitMs: number): boolean {
    const { decision } = this.#call.subject;
    if (decision.kind !== 'forward') return false;
    this.#retryPlace ??= new RetryPlace(decision.upstream);
    return this.#retryPlace.grant(this.holding, waitMs);
  }

  /** Notes that the last attempt's endpoint could not be reached. @returns whether another endpoint is to be tried */
  #hasAnother(): boolean {
    const { decision } = this.#call.subject;
    if (this.#last === undefined || decision.kind !== 'forward') return false;
    return (this.#past ??= new PastEndpoints()).hasOtherThan(this.#last, decision.upstream);
  }

  /** Ends the attempt, and puts what was sent of the request in front of what is still to be sent. */
  #takeBack(attempt: Attempt | Http1Attempt, sent: readonly Buffer[], { kind }: AttemptEnd): void {
    // An attempt that was answered or has failed by its time still holds its place.
    attempt.release(kind === 'answered' ? ErrorCode.NO_ERROR : ErrorCode.CANCEL);
    const wasEnded = this.#request.isEnded;
    this.#current = undefined;
    (this.#past ??= new PastEndpoints()).note(this.#last);
    this.#stopTimer();
    this.#request.clearTarget();
    this.#request.replay(sent, wasEnded);
  }

  /** The delay before the next attempt is over, or the current attempt has taken too long. */
  deadlinePassed(): void {
    this.#timer = undefined;
    if (this.#current !== undefined) this.#call.attemptTimedOut(this.#policy?.perTryMs ?? 0);
    else if (this.#retryPlace?.take(this.holding) !== false) this.begin();
    else this.#timer = new Deadline(this.#context.deadlines, this, NEXT_TURN_MS);
  }

  #stopTimer(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }

  /** Called by the deadline when the next attempt has thrown. */
  fault(error: unknown): void {
    this.#call.fault(error);
  }

  end(code: number): void {
    this.#current?.release(code);
    this.#stopTimer();
    this.#retryPlace?.leave();
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    const { decision } = this.#call.subject;
    if (decision.kind === 'forward') decision.upstream.stopWaiting(this);
  }
}
