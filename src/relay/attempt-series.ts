// The attempts of one exchange: finds a connection, waits for one where it has to, sends the request, and sends it once
// more where the upstream never processed it.

import type { AttemptListener } from '../calls/attempt-listener.ts';
import { type Failure, requestAboveUpstream, tooManyCancelled, tooManyFaults } from '../calls/failure.ts';
import type { Http1Target, ServiceAttempt } from '../calls/http1-target.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { formatGrpcTimeout } from '../grpc/timeout.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import type { ClientAccount } from '../upstreams/client-account.ts';
import type { Holding } from '../upstreams/holding.ts';
import type { Waiter } from '../upstreams/upstream.ts';
import type { UpstreamConnection } from '../upstreams/upstream-connection.ts';
import { Attempt } from './attempt.ts';
import type { CallFields } from './call-fields.ts';
import { forwardedTrailers } from './forwarded-headers.ts';
import type { ExchangeHome, RelayContext } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';
import type { StreamRelay } from './stream-relay.ts';

/** Times a request is sent again to upstreams that never processed it. */
const MOST_TRANSPARENT_RETRIES = 1;

/** What CallFields add at most, as HeaderList.sizeBytes counts: x-request-id of 32 bytes, and grpc-timeout. */
const CALL_FIELDS_BYTES = 12 + 32 + 32 + 12 + 9 + 32;

const NOTHING = Buffer.alloc(0);

/** The exchange the attempts are made for. */
export interface Call extends AttemptListener {
  readonly subject: RequestHead;
  /** A number of RequestIds, or the client's own x-request-id. */
  readonly requestId: string | number;
  readonly durationMs: number;
  readonly home: ExchangeHome;
}

export class AttemptSeries implements Waiter {
  readonly #context: RelayContext;
  readonly #call: Call;
  readonly #request: StreamRelay;
  readonly #response: StreamRelay;
  #current: Attempt | undefined = undefined;
  #isWaiting = false;
  #holding: Holding | undefined = undefined;
  #count = 0;
  #last: Attempt | undefined = undefined;
  /** Where the service speaks HTTP/1.1: the only one, which makes its own tries. */
  #http1: ServiceAttempt | undefined = undefined;

  constructor(context: RelayContext, call: Call, request: StreamRelay, response: StreamRelay) {
    this.#context = context;
    this.#call = call;
    this.#request = request;
    this.#response = response;
  }

  /** The endpoint of the last attempt, or ''. */
  get endpoint(): string {
    if (this.#last !== undefined) return this.#last.endpoint;
    return this.#http1 === undefined ? '' : this.#http1.endpoint;
  }

  /** Attempts made so far. */
  get count(): number {
    return this.#http1 === undefined ? this.#count : this.#http1.attempts;
  }

  /** What the client has of the upstream. */
  get holding(): Holding {
    if (this.#holding === undefined) throw new Error('a call that is not forwarded needs no place');
    return this.#holding;
  }

  /** Sends the request, now or when there is a connection for it. */
  begin(): void {
    const { decision } = this.#call.subject;
    if (decision.kind !== 'forward') return;
    const { upstream, fields } = decision;
    if (upstream.protocol === 'http1') {
      this.#beginHttp1(upstream, fields);
      return;
    }
    const account = this.#call.home.accountFor(this.#call.subject);
    const holding = account.holdingIn(upstream.shares);
    this.#holding = holding;
    const refusal = whyNot(account, holding, upstream.name);
    if (refusal !== undefined) {
      this.#call.abort(refusal);
      return;
    }
    const connection = upstream.pickFor(holding);
    if (connection !== undefined) {
      this.#send(connection, this.#count > 0);
      return;
    }
    this.#isWaiting = true;
    upstream.wait(this);
  }

  #beginHttp1(target: Http1Target, fields: HeaderList): void {
    const call = {
      fields,
      endStream: this.#request.takeEnd(),
      client: this.#call.subject.clientKey,
      callFields: () => this.#textFields(),
    };
    const attempt = target.open(call, this.#call);
    this.#http1 = attempt;
    this.#response.setSource(attempt);
    this.#request.setTarget(attempt);
    attempt.begin();
  }

  onConnection(connection: UpstreamConnection): void {
    this.#isWaiting = false;
    try {
      this.#send(connection, true);
    } catch (error) {
      this.#call.fault(error);
    }
  }

  onUnavailable(diagnosis: Diagnosis): void {
    this.#isWaiting = false;
    try {
      this.#call.unavailable(diagnosis);
    } catch (error) {
      this.#call.fault(error);
    }
  }

  #send(connection: UpstreamConnection, hasWaited: boolean): void {
    const { decision } = this.#call.subject;
    if (decision.kind !== 'forward') return;
    const mostBytes = connection.http2.peerMaxHeaderListBytes;
    // Some services end the connection over it, with the calls of all other clients (grpc-java beyond 5/4 of its limit).
    if (decision.fields.sizeBytes + CALL_FIELDS_BYTES > mostBytes) {
      this.#call.fail(requestAboveUpstream(connection.endpoint, mostBytes));
      return;
    }
    this.#count++;
    const attempt = new Attempt(connection, this.#call, this.#context.replayBuffer, this.holding);
    const { stream } = attempt;
    this.#current = attempt;
    this.#last = attempt;
    const { bytes, length } = this.#callFields(hasWaited);
    if (!stream.sendHeaders(decision.fields, this.#request.takeEnd(), bytes, length)) {
      // The connection broke between being picked and being used: nobody has seen the request.
      attempt.neverSent();
      return;
    }
    this.#response.setSource(stream);
    this.#request.setTarget(stream, attempt);
  }

  /**
   * The client's trailer section, which ends the request. Services of HTTP/2 get the end without it: a request of gRPC has
   * none (gRPC over HTTP/2, section "Requests"), and grpc-go ends the connection, with the calls of all other clients, over
   * any second header block of a stream.
   */
  sendTrailers(list: HeaderList): void {
    const { decision } = this.#call.subject;
    if (decision.kind === 'forward' && decision.upstream.protocol !== 'http1') {
      this.#request.forward(NOTHING, 0, 0, true);
      return;
    }
    this.#request.forwardTrailers(forwardedTrailers(list));
  }

  /** What differs from call to call, for a service of HTTP/1.1. */
  #textFields(): readonly string[] {
    const { requestId, durationMs, subject } = this.#call;
    const fields: string[] = [];
    if (typeof requestId === 'number') fields.push('x-request-id', this.#context.requestIds.text(requestId));
    const { timeoutMs, timeoutText } = subject;
    if (timeoutMs !== undefined && timeoutText !== undefined)
      fields.push('grpc-timeout', durationMs < 1 ? timeoutText : formatGrpcTimeout(timeoutMs - durationMs));
    return fields;
  }

  /** What differs from call to call. The deadline shrinks by what the call has waited here. */
  #callFields(hasWaited: boolean): CallFields {
    const { requestId, durationMs, subject } = this.#call;
    const { callFields } = this.#context;
    callFields.begin();
    if (typeof requestId === 'number') callFields.addRequestId(requestId);
    if (subject.timeoutMs !== undefined && subject.timeoutText !== undefined) {
      callFields.addTimeout(
        hasWaited ? formatGrpcTimeout(subject.timeoutMs - durationMs) : subject.timeoutText,
      );
    }
    return callFields;
  }

  /**
   * For a request that was never processed.
   * @returns false when it cannot be sent again: something of it is not known any more, or it has had its retry
   */
  retry(): boolean {
    const attempt = this.#current;
    if (attempt === undefined || attempt.isCommitted || this.#count > MOST_TRANSPARENT_RETRIES) return false;
    const sent = attempt.replay();
    if (sent === undefined) return false;
    const wasEnded = this.#request.isEnded;
    this.#current = undefined;
    this.#request.clearTarget();
    this.#request.replay(sent, wasEnded);
    this.begin();
    return true;
  }

  /** Gives back the connection, or the place in the queue for one. May be called again. */
  end(code: number): void {
    this.#current?.release(code);
    this.#http1?.release();
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    const { decision } = this.#call.subject;
    if (decision.kind === 'forward' && decision.upstream.protocol !== 'http1')
      decision.upstream.stopWaiting(this);
  }
}

/** A client that would harm others on the connections they share. */
function whyNot(account: ClientAccount, holding: Holding, upstream: string): Failure | undefined {
  if (account.hasAbandonedTooMany) return tooManyCancelled(account.abandoned);
  return holding.hasFaults && holding.isAtFault(turnNowMs()) ? tooManyFaults(upstream) : undefined;
}
