// One address of an upstream, from the first configuration that names it to the last: what it carries, how it fares, and whether
// a call may be given to it. How calls reach it is a matter of its kind: http2/http2-endpoint.ts and http1/http1-endpoint.ts.

import type { EndpointCounts } from '../calls/endpoint-counts.ts';
import type { Address } from '../config/config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { FaultLayer } from '../transport/containment.ts';
import { Backoff } from './backoff.ts';
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
  /** Why it could not be reached last time, until it is reached. */
  lastFailure: Diagnosis | undefined = undefined;
  /** Of its attempts; not those of this object alone. */
  readonly counts: EndpointCounts;
  protected readonly backoff: Backoff = new Backoff();

  protected constructor(address: Address, { countsOf }: Pick<EndpointEvents, 'countsOf'>) {
    this.address = address;
    this.counts = countsOf(address.text);
  }

  /** Attempts that have a place at it now, those included that nobody waits for any more but it. */
  abstract get activeCalls(): number;

  /** A call may be given to it now. */
  abstract get isPickable(): boolean;

  /** It failed a short while ago, but a call may try it where no other endpoint is left: the call makes the connection itself. */
  abstract get isLastResort(): boolean;

  /** Attempts that it may carry now, those included for which connections could still be made; Infinity where nobody knows. */
  abstract get places(): number;

  /** Places that become free by themselves: streams that are over, and that it may still count. */
  abstract get unreadCount(): number;

  /** The attempts that hold its places. */
  abstract get calls(): Iterable<PlaceUser>;

  /** Connections by their state. */
  abstract get connectionCounts(): Readonly<Record<string, number>>;

  protected abstract get isConnecting(): boolean;

  /** It could not be reached last time, and is not to be tried again yet, or is being tried. */
  get isFailing(): boolean {
    if (this.lastFailure === undefined) return false;
    return this.isConnecting || this.backoff.remainingMs(performance.now()) > 0;
  }

  /** It has no connection. */
  get isUnconnected(): boolean {
    return Object.values(this.connectionCounts).every((count) => count === 0);
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
