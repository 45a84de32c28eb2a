// The attempts of one exchange. An AttemptSeries asks the upstream for an endpoint, waits for one if necessary, and sends the request.
// It alone decides whether the request is sent again, by the retry policy of its route.

import type { AttemptListener } from '../calls/attempt-listener.ts';
import { type Failure, requestAboveUpstream, tooManyCancelled, tooManyFaults } from '../calls/failure.ts';
import { type AttemptEnd, isRepeated } from '../calls/retry-policy.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import type { ClientAccount } from '../upstreams/client-account.ts';
import type { Holding } from '../upstreams/holding.ts';
import { Http1Attempt } from '../upstreams/http1/http1-attempt.ts';
import type { Http1Endpoint } from '../upstreams/http1/http1-endpoint.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { Waiter } from '../upstreams/upstream.ts';
import { Attempt } from './attempt.ts';
import { attemptFields, attemptTextFields, type FieldSource, mostFieldBytes } from './attempt-fields.ts';
import { Deadline } from './deadline.ts';
import type { ForwardedFields } from './forward-template.ts';
import { forwardedTrailers } from './forwarded-headers.ts';
import type { ExchangeHome, RelayContext } from './relay-context.ts';
import type { ResponseHead } from './response-head.ts';
import type { CallEndpoint } from './snapshot.ts';
import type { StreamRelay } from './stream-relay.ts';

/**
 * The most endpoints that one call finds unreachable. Each may take connections.connectTimeout, and an upstream may have thousands. The
 * next call passes over those that this one has met, so what is left out is a call that comes before any other, to an upstream most of
 * whose endpoints are down. Envoy (num_retries) and HAProxy (retries) try a few hosts for one request as well.
 */
const MOST_UNREACHABLE = 5;

const NOTHING = Buffer.alloc(0);

const NONE: readonly never[] = [];

/** The exchange the attempts are made for. */
export interface Call extends AttemptListener, FieldSource {
  /** No endpoint can take the call, and waiting for one is pointless. */
  unavailable(diagnosis: Diagnosis): void;
  readonly home: ExchangeHome;
}

export class AttemptSeries implements Waiter<CallEndpoint> {
  readonly #context: RelayContext;
  readonly #call: Call;
  readonly #request: StreamRelay;
  readonly #response: StreamRelay;
  #current: Attempt | Http1Attempt | undefined = undefined;
  #isWaiting = false;
  #holding: Holding | undefined = undefined;
  #count = 0;
  /** How often the request was sent again because no endpoint had processed it. */
  #repeats = 0;
  /** How many attempts the retry policy of the route has granted. */
  #retries = 0;
  /** The delay before the next attempt. Undefined while none is running. */
  #pause: Deadline | undefined = undefined;
  #last: CallEndpoint | undefined = undefined;
  /** Endpoints that could not be reached, MOST_UNREACHABLE of them at most. */
  #tried: CallEndpoint[] | undefined = undefined;

  constructor(context: RelayContext, call: Call, request: StreamRelay, response: StreamRelay) {
    this.#context = context;
    this.#call = call;
    this.#request = request;
    this.#response = response;
  }

  /** The address of the endpoint tried last, as configured. '' before the first attempt. */
  get endpoint(): string {
    return this.#last === undefined ? '' : this.#last.address.text;
  }

  /** The number of attempts so far. */
  get count(): number {
    return this.#count;
  }

  get tried(): readonly CallEndpoint[] {
    return this.#tried ?? NONE;
  }

  /** The client's share of the upstream. */
  get holding(): Holding {
    if (this.#holding === undefined) throw new Error('a call that is not forwarded needs no place');
    return this.#holding;
  }

  /** Sends the request now, or when an endpoint can take it. */
  begin(): void {
    const { decision } = this.#call.subject;
    if (decision.kind !== 'forward') return;
    const { upstream } = decision;
    const account = this.#call.home.accountFor(this.#call.subject);
    const holding = account.holdingIn(upstream.shares);
    this.#holding = holding;
    const refusal = whyNot(account, holding, upstream.name);
    if (refusal !== undefined) {
      this.#call.abort(refusal);
      return;
    }
    const endpoint = upstream.pickFor(holding, this.tried);
    if (endpoint !== undefined) {
      this.#send(endpoint, this.#count > 0);
      return;
    }
    this.#isWaiting = true;
    upstream.wait(this);
  }

  onEndpoint(endpoint: CallEndpoint): void {
    this.#isWaiting = false;
    try {
      this.#send(endpoint, true);
    } catch (error) {
      this.#call.fault(error);
    }
  }

  forgetTried(): void {
    this.#tried = undefined;
  }

  /** The head of a response has arrived. The request is committed to this attempt: the client gets the response, or an error. */
  responded(): void {
    const attempt = this.#current;
    if (attempt === undefined) return;
    this.commit();
    attempt.endpoint.counts.responseBegan(Math.floor(turnNowMs()) - attempt.sentAtMs);
  }

  /** From now on the request is never sent again, since the client has a part of a response, or is about to get one. */
  commit(): void {
    if (this.#current !== undefined) this.#current.isCommitted = true;
  }

  /** Offers a response before the request is committed to it. @returns whether the request is sent again instead */
  triesAgainAfter(head: ResponseHead, endStream: boolean): boolean {
    if (!endStream || this.#call.subject.plan.retry === undefined) return false;
    return this.tryAgain({ kind: 'answered', grpcStatus: head.grpcStatus });
  }

  /** Counts the attempt as failed, since the endpoint has sent something that cannot be passed on. */
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

  #send(endpoint: CallEndpoint, hasWaited: boolean): void {
    const { decision } = this.#call.subject;
    if (decision.kind !== 'forward') return;
    const { observers } = this.#context;
    if (observers.wantAttempts) {
      const { text } = endpoint.address;
      observers.attempted({ exchange: this.#call, endpoint: text, number: this.#count + 1 });
    }
    if (endpoint.protocol === 'http2') this.#sendHttp2(endpoint, decision, hasWaited);
    else this.#sendHttp1(endpoint, decision.fields);
  }

  #sendHttp2(
    endpoint: Http2Endpoint,
    { fields, apart, sizeBytes }: ForwardedFields,
    hasWaited: boolean,
  ): void {
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
    const attempt = new Attempt(endpoint, connection, this.#call, this.#context.replayBuffer, this.holding);
    const { stream } = attempt;
    this.#current = attempt;
    this.#last = endpoint;
    const { bytes, length } = attemptFields(this.#call, this.#context, apart, hasWaited);
    if (!stream.sendHeaders(fields, this.#request.takeEnd(), bytes, length)) {
      // The connection broke after it was picked, so no service has seen the request.
      attempt.neverSent();
      return;
    }
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

  /**
   * Sends the request again if no endpoint has processed it or the retry policy of its route says so, and if everything that was sent of
   * the request is still known.
   * @param end how the attempt ended. The client must not have received any part of its response.
   * @returns false if the attempt was the last
   */
  tryAgain(end: AttemptEnd): boolean {
    const attempt = this.#current;
    const sent = attempt === undefined || attempt.isCommitted ? undefined : attempt.replay();
    if (attempt === undefined || sent === undefined) return false;
    if (isRepeated(end, this.#repeats) && (end.kind !== 'unreachable' || this.#hasAnother())) {
      if (end.kind !== 'unreachable') this.#repeats++;
      this.#repeat(attempt, sent, 0);
      return true;
    }
    const waitMs = this.#call.subject.plan.retryDelayMs(end, this.#retries);
    if (waitMs < 0) return false;
    this.#retries++;
    this.#repeat(attempt, sent, waitMs);
    return true;
  }

  /** Notes that the last attempt's endpoint could not be reached. @returns whether another endpoint is to be tried */
  #hasAnother(): boolean {
    const { decision } = this.#call.subject;
    if (this.#last === undefined || decision.kind !== 'forward') return false;
    this.#tried ??= [];
    this.#tried.push(this.#last);
    return this.#tried.length < MOST_UNREACHABLE && decision.upstream.hasOther(this.#tried);
  }

  #repeat(attempt: Attempt | Http1Attempt, sent: readonly Buffer[], waitMs: number): void {
    // An attempt that was answered still holds its place.
    attempt.release(ErrorCode.NO_ERROR);
    const wasEnded = this.#request.isEnded;
    this.#current = undefined;
    this.#request.clearTarget();
    this.#request.replay(sent, wasEnded);
    if (waitMs === 0) this.begin();
    else this.#pause = new Deadline(this.#context.deadlines, this, waitMs);
  }

  /** The delay before the next attempt is over. */
  deadlinePassed(): void {
    this.#pause = undefined;
    this.begin();
  }

  /** Called by the deadline when the next attempt has thrown. */
  fault(error: unknown): void {
    this.#call.fault(error);
  }

  /** Releases the attempt's place, or stops waiting for one. May be called twice. */
  end(code: number): void {
    this.#current?.release(code);
    this.#pause?.clear();
    this.#pause = undefined;
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    const { decision } = this.#call.subject;
    if (decision.kind === 'forward') decision.upstream.stopWaiting(this);
  }
}

/** @returns why the client gets no place: it would harm others on the connections they share */
function whyNot(account: ClientAccount, holding: Holding, upstream: string): Failure | undefined {
  if (account.hasAbandonedTooMany) return tooManyCancelled(account.abandoned);
  return holding.hasFaults && holding.isAtFault(turnNowMs()) ? tooManyFaults(upstream) : undefined;
}
