// One address of an upstream, from the first configuration that names it to the last: what it carries, how it fares, and whether
// a call may be given to it. How calls reach it is a matter of its kind: http2/http2-endpoint.ts and http1/http1-endpoint.ts.

import type { EndpointCounts } from '../calls/endpoint-counts.ts';
import type { Address } from '../config/config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { FaultLayer } from '../transport/containment.ts';
import { Backoff } from './backoff.ts';
import type { PlaceCount } from './holding.ts';
import type { PlaceUser } from './place-user.ts';

/** What an endpoint tells its upstream, and what it asks. */
export interface EndpointEvents {
  /** What is counted of the attempts at this address. */
  readonly countsOf: (endpoint: string) => EndpointCounts;
  /** It can take calls, or can take more than before. */
  onCapacity(): void;
  onConnected(endpoint: Endpoint): void;
  /** Connecting has failed. */
  onConnectFailed(endpoint: Endpoint, diagnosis: Diagnosis): void;
  /**
   * A connection of HTTP/2 takes no new streams any more, or is gone.
   * @param lostStreams that were open on it and ended with it
   */
  onRetired(endpoint: Endpoint, reason: string, lostStreams: number): void;
  /** The endpoint broke a rule of HTTP/2. */
  onViolation(endpoint: Endpoint, error: ConnectionError | StreamError): void;
  /** It has found fault with so many calls of this client that no more are sent to it. @param client its counted address */
  onClientAtFault(endpoint: Endpoint, client: string): void;
  /** A fault of ours in what is done for this endpoint. */
  onFault(layer: FaultLayer, error: unknown): void;
}

export abstract class Endpoint {
  readonly address: Address;
  /** Of its attempts; not those of this object alone. */
  readonly counts: EndpointCounts;
  protected readonly backoff: Backoff = new Backoff();
  #lastFailure: Diagnosis | undefined = undefined;
  #recentFailure: Diagnosis | undefined = undefined;

  protected constructor(address: Address, { countsOf }: Pick<EndpointEvents, 'countsOf'>) {
    this.address = address;
    this.counts = countsOf(address.text);
  }

  /** Attempts that have a place at it now, those included that nobody waits for any more but it. */
  abstract get activeCalls(): number;

  /** A call may be given to it now. */
  abstract get isPickable(): boolean;

  /** Of one that is failing: whether a call may try it all the same where no other is left, since the call makes the connection itself. */
  abstract get isLastResort(): boolean;

  /** Attempts that it may carry now, those included for which connections could still be made; Infinity where nobody knows. */
  abstract get places(): number;

  /** Places that become free by themselves: streams that are over, and that it may still count. */
  abstract get unreadCount(): number;

  /** The attempts that hold its places. */
  abstract get calls(): Iterable<PlaceUser>;

  /** The places of its calls are counted there from now on. */
  abstract countCallsIn(shares: PlaceCount): void;

  /** Connections by their state. */
  abstract get connectionCounts(): Readonly<Record<string, number>>;

  protected abstract get isConnecting(): boolean;

  /** Why it could not be reached last time, until it is reached. */
  get lastFailure(): Diagnosis | undefined {
    return this.#lastFailure;
  }

  protected set lastFailure(failure: Diagnosis | undefined) {
    this.#lastFailure = failure;
    if (failure !== undefined) this.#recentFailure = failure;
  }

  /** Why no connection to it is made now; undefined where one may be made. */
  get whyNotTried(): Diagnosis | undefined {
    return (
      this.lastFailure ?? (this.backoff.remainingMs(performance.now()) > 0 ? this.#recentFailure : undefined)
    );
  }

  /** A call waits that only an endpoint like this could take: it is tried again soon. */
  noteDemand(): void {
    if (this.isFailing) this.backoff.noteDemand();
  }

  /** It could not be reached last time, and is not to be tried again yet, or is being tried. */
  get isFailing(): boolean {
    if (this.lastFailure === undefined) return false;
    return this.isConnecting || this.backoff.remainingMs(performance.now()) > 0;
  }

  /** It has neither a connection nor a call. */
  get isGone(): boolean {
    return this.activeCalls === 0 && Object.values(this.connectionCounts).every((count) => count === 0);
  }

  /**
   * Connects where that is what it takes to give it a call, and where it is allowed now.
   * @returns whether a call may wait for it: a connection is on its way, or places will become free
   */
  abstract seekCapacity(nowMs: number): boolean;

  /** The time of its upstream is over: each connection ends with its last call. Calls that are sent to it all the same are served. */
  abstract close(): void;

  /** No configuration names it any more, and nobody will give it a call: each connection ends with its last call. */
  abstract leave(): void;

  /** A configuration names it again before all of its calls have ended. */
  abstract comeBack(): void;

  /** Lets go of connections that can be done without. */
  abstract shrink(): void;

  /** Ends every connection now. */
  abstract destroy(reason: string): void;
}
