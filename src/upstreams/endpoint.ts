// One address of an upstream. It lives from the first configuration that names it to the last, and knows its calls, its health
// and whether it can take another call. How calls reach it depends on its kind: http2/http2-endpoint.ts and
// http1/http1-endpoint.ts.

import type { EndpointCounts } from '../calls/endpoint-counts.ts';
import type { Address } from '../config/address.ts';
import type { EndpointState } from '../config/upstream-config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { FaultLayer } from '../transport/containment.ts';
import { Backoff } from './backoff.ts';
import type { PlaceCount } from './holding.ts';
import type { EndpointOutcomes } from './outliers/endpoint-outcomes.ts';
import type { PlaceUser } from './place-user.ts';
import type { Allowance } from './waiting-calls.ts';

/** Streams that ended with their connection. */
export interface LostStreams {
  readonly ended: number;
  /** How many of them have a request that is sent again. */
  readonly repeated: number;
}

/** The events an endpoint sends to its upstream, and what it asks of it. */
export interface EndpointEvents {
  /** The counters of the attempts at an address. */
  readonly countsOf: (endpoint: string) => EndpointCounts;
  /** Undefined where outliers are not detected. */
  readonly outcomesOf?: ((endpoint: Endpoint) => EndpointOutcomes) | undefined;
  /** The endpoint can take calls, or more of them than before. */
  onCapacity(): void;
  onConnected(endpoint: Endpoint): void;
  /** The endpoint has gone silent, or answers again, without a connection that was made or could not be made. */
  onReach(endpoint: Endpoint): void;
  /** Connecting to the endpoint failed. */
  onConnectFailed(endpoint: Endpoint, diagnosis: Diagnosis): void;
  /**
   * An HTTP/2 connection accepts no new streams any more, or is closed.
   * @param lost how many open streams ended with it
   * @param silence the diagnosis when it was given up because the endpoint went silent
   */
  onRetired(endpoint: Endpoint, reason: string, lost: LostStreams, silence?: Diagnosis): void;
  /** The endpoint finds that it gets too many PINGs, which now come after `afterMs` only. */
  onTooManyPings(endpoint: Endpoint, afterMs: number): void;
  /** The endpoint broke a rule of HTTP/2. */
  onViolation(endpoint: Endpoint, error: ConnectionError | StreamError): void;
  /**
   * The endpoint rejected so many calls of this client that no more are sent to it for now.
   * @param client the client's address as it is counted
   */
  onClientAtFault(endpoint: Endpoint, client: string): void;
  /** The endpoint gets no calls from now on, or gets calls again. @param exclusion what has changed */
  onExclusion(endpoint: Endpoint, exclusion: Exclusion): void;
  /** The endpoint has not answered on its connections for so long that it gets no calls until it does. */
  onDoubt(endpoint: Endpoint): void;
  /** A fault of ours in the code that serves this endpoint. */
  onFault(layer: FaultLayer, error: unknown): void;
}

/** Who can keep calls away from an endpoint that can be reached. */
export type Excluder = 'health' | 'outliers';

/** What one of them has found. */
export interface Exclusion {
  readonly by: Excluder;
  /** Why the endpoint gets no calls. Undefined when there is no reason any more. */
  readonly reason: Diagnosis | undefined;
}

/** An endpoint that owes the keepalive an answer. */
export interface Doubt {
  /** How long nothing has come from it although calls were open. */
  readonly silentMs: number;
  /** How long ago it was asked. */
  readonly askedMs: number;
  /** When its calls end unless it answers, from now. */
  readonly endsInMs: number;
}

export abstract class Endpoint {
  readonly address: Address;
  /** When this process began to know it. */
  readonly knownSinceEpochMs = Date.now();
  #state: EndpointState;
  /** The counters of attempts at this address, including those at earlier objects for it. */
  readonly counts: EndpointCounts;
  protected readonly backoff: Backoff = new Backoff();
  #lastFailure: Diagnosis | undefined = undefined;
  #recentFailure: Diagnosis | undefined = undefined;
  #failingSinceEpochMs = 0;
  #failingSinceMs = 0;

  /** Where outliers are detected: it is told how calls end, and when the endpoint is reached again. */
  readonly outcomes: EndpointOutcomes | undefined;

  /** What its load reports have made of its weight, in proportion to those of others. Undefined while no report counts. */
  reportedWeight: number | undefined = undefined;
  /** Its weight by load reports, its own or those of others. Undefined while weights are those of the configuration. */
  #assignedWeight: number | undefined = undefined;
  /** How much of its weight the endpoint has while it starts slowly. From above 0 to 1. */
  #warmth = 1;
  /** Its share of the calls in proportion to the other endpoints, as balancers read it. */
  weight: number;

  /** Whether calls are kept away from the endpoint. A field, since each pick reads it. */
  isExcluded = false;
  readonly #exclusions = new Map<Excluder, Diagnosis>();
  readonly #onExclusion: EndpointEvents['onExclusion'];

  protected constructor(
    state: EndpointState,
    { countsOf, outcomesOf, onExclusion }: Pick<EndpointEvents, 'countsOf' | 'outcomesOf' | 'onExclusion'>,
  ) {
    this.#state = state;
    this.weight = state.weight;
    this.address = state.address;
    this.counts = countsOf(state.address.text);
    this.#onExclusion = onExclusion;
    this.outcomes = outcomesOf?.(this);
  }

  /** Host and port of requests that name the endpoint: the name in DNS by which it was found, or its address. */
  get authority(): string {
    return this.#state.authority ?? authorityOf(this.address);
  }

  /** What the newest configuration or source says of the endpoint. */
  get state(): EndpointState {
    return this.#state;
  }

  describe(state: EndpointState): void {
    this.#state = state;
    this.weight = this.wholeWeight * this.#warmth;
  }

  /** Its weight when it does not start slowly. */
  get wholeWeight(): number {
    return this.#assignedWeight ?? this.#state.weight;
  }

  get assignedWeight(): number | undefined {
    return this.#assignedWeight;
  }

  /** Must be followed by a use of the new weight. */
  set assignedWeight(weight: number | undefined) {
    this.#assignedWeight = weight;
    this.weight = this.wholeWeight * this.#warmth;
  }

  get warmth(): number {
    return this.#warmth;
  }

  set warmth(warmth: number) {
    this.#warmth = warmth;
    this.weight = this.wholeWeight * warmth;
  }

  /** Whether nothing keeps the endpoint out, and it was reached last time or was never tried. */
  get isUsable(): boolean {
    return !this.isExcluded && this.#lastFailure === undefined;
  }

  /** Whether the endpoint is usable, and answers: what its gauge tells. */
  get isHealthy(): boolean {
    return this.isUsable && !this.isInDoubt;
  }

  /** Why no calls are sent to the endpoint although it can be reached. Undefined when they are. */
  get exclusion(): Diagnosis | undefined {
    for (const reason of this.#exclusions.values()) return reason;
    return undefined;
  }

  exclusionBy(by: Excluder): Diagnosis | undefined {
    return this.#exclusions.get(by);
  }

  /** Keeps new calls away from the endpoint. Running calls go on. */
  exclude(by: Excluder, reason: Diagnosis): void {
    this.#exclusions.set(by, reason);
    this.isExcluded = true;
    this.#onExclusion(this, { by, reason });
  }

  /** Withdraws an exclusion. The endpoint gets calls again when there is no other. */
  readmit(by: Excluder): void {
    if (!this.#exclusions.delete(by)) return;
    this.isExcluded = this.#exclusions.size > 0;
    this.#onExclusion(this, { by, reason: undefined });
  }

  /** The number of attempts that have a place now, including cancelled ones that the endpoint still runs. */
  abstract get activeCalls(): number;

  /** Whether a call may be given to this endpoint now. */
  abstract get isPickable(): boolean;

  /** Whether a call cannot be given to this endpoint only because its first connection is not there yet. */
  abstract get isAwaited(): boolean;

  /** Whether a call may try this endpoint while it is failing and no other is left, since the call makes the connection itself. */
  abstract get isLastResort(): boolean;

  /**
   * How many attempts the endpoint may carry now, including those for which connections could still be made. Infinity when that
   * is not known.
   */
  abstract get places(): number;

  /** What limits its places. Undefined while no connection answers. */
  get allowance(): Allowance | undefined {
    return undefined;
  }

  /** How many places become free by themselves: those of streams that are over, but that the endpoint may still count. */
  abstract get unreadCount(): number;

  /** The attempts that hold this endpoint's places. */
  abstract get calls(): Iterable<PlaceUser>;

  /** From now on counts the places of its calls in `shares`. */
  abstract countCallsIn(shares: PlaceCount): void;

  /** The number of connections by state. */
  abstract get connectionCounts(): Readonly<Record<string, number>>;

  /** When something came last, by `performance.now`, on the connections that new calls may use. Undefined if there are none. */
  abstract get heardAtMs(): number | undefined;

  protected abstract get isConnecting(): boolean;

  /** Why the endpoint could not be reached last time. Undefined once it was reached. */
  get lastFailure(): Diagnosis | undefined {
    return this.#lastFailure;
  }

  protected set lastFailure(failure: Diagnosis | undefined) {
    const wasReached = this.#lastFailure === undefined;
    if (wasReached && failure !== undefined) {
      this.#failingSinceEpochMs = Date.now();
      this.#failingSinceMs = Math.floor(performance.now());
    }
    this.#lastFailure = failure;
    if (failure !== undefined) this.#recentFailure = failure;
    else if (!wasReached) this.outcomes?.reachedAgain();
  }

  /** Somebody else has found that the endpoint answers again: calls may try it at once. */
  noteRecovery(): void {
    this.backoff.succeed();
    this.outcomes?.reachedAgain();
  }

  /** Why no connection to the endpoint is made now. Undefined when one may be made. */
  get whyNotTried(): Diagnosis | undefined {
    return (
      this.lastFailure ?? (this.backoff.remainingMs(performance.now()) > 0 ? this.#recentFailure : undefined)
    );
  }

  /** Since when the endpoint could not be reached, to be shown. Meaningless while it can. */
  get failingSinceEpochMs(): number {
    return this.#failingSinceEpochMs;
  }

  /** The same by `performance.now`, to be compared with `heardAtMs`: the clock of the other may have been set since. */
  get failingSinceMs(): number {
    return this.#failingSinceMs;
  }

  /** The time until a connection may be tried again. 0 when it may be tried, or is being tried. */
  get triedAgainInMs(): number {
    return Math.round(this.backoff.remainingMs(performance.now()));
  }

  /** Notes that a call waits for an endpoint, so that this one is tried again soon if it is failing. */
  noteDemand(): void {
    if (this.isFailing) this.backoff.noteDemand();
  }

  /** Whether the endpoint could not be reached last time, and may not be tried yet or is being tried. */
  get isFailing(): boolean {
    if (this.lastFailure === undefined) return false;
    return this.isConnecting || this.backoff.remainingMs(performance.now()) > 0;
  }

  /** Whether none of its connections gets calls, since it owes an answer on each. Over HTTP/1.1 that is never known. */
  get isInDoubt(): boolean {
    return false;
  }

  /** What is in doubt. Undefined if nothing is. */
  get doubt(): Doubt | undefined {
    return undefined;
  }

  /** Whether the endpoint has neither a connection nor a call. */
  get isGone(): boolean {
    return this.activeCalls === 0 && Object.values(this.connectionCounts).every((count) => count === 0);
  }

  /**
   * Makes a connection, if a call needs one and it is allowed now.
   * @returns whether a call may wait for this endpoint: a connection is being made, or places will become free
   */
  abstract seekCapacity(nowMs: number): boolean;

  /**
   * Called when the upstream is closed: each connection ends with its last call. Calls that are still sent to the endpoint are
   * served.
   */
  abstract close(): void;

  /** Called when no configuration names the endpoint any more: it gets no new calls, and each connection ends with its last call. */
  abstract leave(): void;

  /** Called when a configuration names the endpoint again before all of its calls have ended. */
  abstract comeBack(): void;

  /** Closes connections that are not needed. */
  abstract shrink(): void;

  /** Ends every connection now. */
  abstract destroy(reason: string): void;
}

/** As gRPC has it, that of a Unix socket is localhost. A zone of IPv6 (%eth0) means something on this machine only. */
function authorityOf(address: Address): string {
  return address.kind === 'unix' ? 'localhost' : address.text.replace(/%[^\]]*/, '');
}
