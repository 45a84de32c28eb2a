// A named group of endpoints, and the calls that wait for one of them. Endpoints take turns; one that cannot take a
// call now is passed over.

import type { UpstreamConfig } from '../config/config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { LocalSettings } from '../h2/settings.ts';
import type { Dialer } from './dial.ts';
import { Endpoint, type EndpointEvents } from './endpoint.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** A call that waits for a free stream. Told once: of a connection with room, or that there will be none. */
export interface Waiter {
  onConnection(connection: UpstreamConnection): void;
  onUnavailable(diagnosis: Diagnosis): void;
}

export class Upstream {
  readonly name: string;
  readonly protocol: UpstreamConfig['protocol'];
  readonly endpoints: readonly Endpoint[];
  readonly #maxPending: number;
  readonly #waiting = new Set<Waiter>();
  #nextEndpoint = 0;
  #isServing = false;

  /** @param dialer how connections are made; over TCP in the clear where it is not given */
  constructor(
    config: Pick<UpstreamConfig, 'name' | 'protocol' | 'endpoints' | 'connections'>,
    settings: LocalSettings,
    events: Omit<EndpointEvents, 'onCapacity'>,
    dialer?: Dialer,
  ) {
    this.name = config.name;
    this.protocol = config.protocol;
    this.#maxPending = config.connections.maxPending;
    const endpointEvents: EndpointEvents = {
      onCapacity: () => this.#serveWaiting(),
      onConnected: (endpoint) => events.onConnected(endpoint),
      onRetired: (endpoint, reason, lostStreams) => {
        events.onRetired(endpoint, reason, lostStreams);
        this.#reconsiderWaiting();
      },
      onConnectFailed: (endpoint, diagnosis) => {
        events.onConnectFailed(endpoint, diagnosis);
        this.#reconsiderWaiting();
      },
      onViolation: (endpoint, error) => events.onViolation(endpoint, error),
    };
    this.endpoints = config.endpoints.map(
      (address) => new Endpoint(address, config.connections, settings, endpointEvents, dialer),
    );
  }

  /** Calls that wait for a free stream. */
  get pendingCount(): number {
    return this.#waiting.size;
  }

  /** A connection with room, of the endpoint whose turn it is if it has one. Synchronous: the usual way of a call. */
  pick(): UpstreamConnection | undefined {
    const endpoints = this.endpoints;
    const count = endpoints.length;
    for (let step = 0; step < count; step++) {
      const index = (this.#nextEndpoint + step) % count;
      const connection = endpoints[index].pickReady();
      if (connection !== undefined) {
        this.#nextEndpoint = (index + 1) % count;
        return connection;
      }
      // One that has no room is dialled, so that it can take its turn next time.
      endpoints[index].seekCapacity(performance.now());
    }
    return undefined;
  }

  /** Where pick() found nothing: waits, or is told at once that there is nothing to wait for. */
  wait(waiter: Waiter): void {
    if (!this.#canWait()) {
      waiter.onUnavailable(this.#unavailable());
    } else if (this.#waiting.size >= this.#maxPending) {
      waiter.onUnavailable({
        token: 'upstream_queue_full',
        sentence: `${this.#maxPending} calls wait for upstream ${this.name} already (connections.maxPending).`,
      });
    } else {
      this.#waiting.add(waiter);
    }
  }

  stopWaiting(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  /** Asks every endpoint, so that each takes note of the demand. */
  #canWait(): boolean {
    const nowMs = performance.now();
    let canWait = false;
    for (const endpoint of this.endpoints) canWait = endpoint.seekCapacity(nowMs) || canWait;
    return canWait;
  }

  #unavailable(): Diagnosis {
    for (const endpoint of this.endpoints)
      if (endpoint.lastFailure !== undefined) return endpoint.lastFailure;
    return {
      token: 'upstream_closed',
      sentence: `Upstream ${this.name} is being taken out of service.`,
    };
  }

  #serveWaiting(): void {
    // A waiter may fail at once and free its stream, which leads back here.
    if (this.#isServing) return;
    this.#isServing = true;
    for (const waiter of this.#waiting) {
      const connection = this.pick();
      if (connection === undefined) break;
      this.#waiting.delete(waiter);
      waiter.onConnection(connection);
    }
    this.#isServing = false;
  }

  /** After a failure: those that wait do so only while some endpoint may still take them. */
  #reconsiderWaiting(): void {
    if (this.#waiting.size === 0 || this.#canWait()) return;
    const diagnosis = this.#unavailable();
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      waiter.onUnavailable(diagnosis);
    }
  }

  /**
   * Its time is over: connections end with their last stream. Calls that wait, and those that began while it was in use
   * and have an attempt still to make, are served, by a new connection if need be.
   */
  close(): void {
    for (const endpoint of this.endpoints) endpoint.close();
  }

  /** Lets go of connections that can be done without. */
  shrink(): void {
    for (const endpoint of this.endpoints) endpoint.shrink();
  }

  destroy(reason: string): void {
    for (const endpoint of this.endpoints) endpoint.destroy(reason);
    this.#reconsiderWaiting();
  }
}
