// A named group of endpoints, and the calls that wait for one of them. Endpoints take turns; one that cannot take a
// call now is passed over.

import type { UpstreamConfig } from '../config/config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { ErrorCode } from '../h2/error-codes.ts';
import { ConnectionError } from '../h2/errors.ts';
import type { LocalSettings } from '../h2/settings.ts';
import { ClientShares } from './client-shares.ts';
import type { Dialer } from './dial.ts';
import { Endpoint, type EndpointEvents } from './endpoint.ts';
import type { Holding } from './holding.ts';
import { IdlePlaces } from './idle-places.ts';
import type { UpstreamCall } from './upstream-call.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** How often those that hold a place are looked at, while places are scarce. */
const LOOK_INTERVAL_MS = 1000;

/** A call that waits for a free stream. Told once: of a connection with room, or that there will be none. */
export interface Waiter {
  /** What the waiting client has of the upstream; clients take turns. */
  readonly holding: Holding;
  onConnection(connection: UpstreamConnection): void;
  onUnavailable(diagnosis: Diagnosis): void;
}

export interface UpstreamEvents extends Omit<EndpointEvents, 'onCapacity'> {
  /** A call of this client, which holds the most, was idle while others waited. @param client its counted address */
  readonly onGaveWay: (client: string) => void;
}

export interface Http2UpstreamConfig extends Pick<UpstreamConfig, 'name' | 'endpoints' | 'connections'> {
  readonly protocol: 'h2c' | 'h2';
}

export class Upstream {
  readonly name: string;
  readonly protocol: 'h2c' | 'h2';
  readonly endpoints: readonly Endpoint[];
  readonly #maxPending: number;
  /** Who has how many of its streams, and who waits for one. */
  readonly shares: ClientShares<Waiter>;
  readonly #idle: IdlePlaces<UpstreamCall> | undefined;
  readonly #idleTimeoutMs: number;
  readonly #onGaveWay: UpstreamEvents['onGaveWay'];
  readonly #onViolation: UpstreamEvents['onViolation'];
  #watch: NodeJS.Timeout | undefined = undefined;
  #nextEndpoint = 0;
  #isServing = false;

  /** @param dialer how connections are made; over TCP in the clear where it is not given */
  constructor(config: Http2UpstreamConfig, settings: LocalSettings, events: UpstreamEvents, dialer?: Dialer) {
    const { stallTimeoutMs } = settings;
    this.shares = new ClientShares(config.connections.maxPending, () => this.#countPlaces());
    this.#idleTimeoutMs = stallTimeoutMs ?? 0;
    this.#idle = stallTimeoutMs === undefined ? undefined : new IdlePlaces(stallTimeoutMs);
    this.#onGaveWay = events.onGaveWay;
    this.#onViolation = (endpoint, error) => events.onViolation(endpoint, error);
    this.name = config.name;
    this.protocol = config.protocol;
    this.#maxPending = config.connections.maxPending;
    const endpointEvents: EndpointEvents = {
      onCapacity: () => this.#serveWaiting(),
      onConnected: (endpoint) => {
        this.shares.recount();
        events.onConnected(endpoint);
      },
      onRetired: (endpoint, reason, lostStreams) => {
        this.shares.recount();
        events.onRetired(endpoint, reason, lostStreams);
        this.#reconsiderWaiting();
      },
      onConnectFailed: (endpoint, diagnosis) => {
        events.onConnectFailed(endpoint, diagnosis);
        this.#reconsiderWaiting();
      },
      onViolation: (endpoint, error) => events.onViolation(endpoint, error),
      onClientAtFault: (endpoint, client) => events.onClientAtFault(endpoint, client),
    };
    this.endpoints = config.endpoints.map(
      (address) => new Endpoint(address, config.connections, settings, endpointEvents, dialer),
    );
  }

  /** Calls that wait for a free stream. */
  get pendingCount(): number {
    return this.shares.waitingCount;
  }

  #countPlaces(): number {
    let count = 0;
    for (const endpoint of this.endpoints) count += endpoint.places;
    return count;
  }

  #countUnread(): number {
    let count = 0;
    for (const endpoint of this.endpoints) count += endpoint.unreadCount;
    return count;
  }

  /** As `pick`, for a client that may have its share already. */
  pickFor(holding: Holding): UpstreamConnection | undefined {
    if (this.shares.isWatched(holding)) this.#watchPlaces();
    return this.shares.mayTake(holding) ? this.pick() : undefined;
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
      return;
    }
    const turnedAway = this.shares.wait(waiter.holding, waiter);
    this.#watchPlaces();
    turnedAway?.onUnavailable({
      token: 'upstream_queue_full',
      sentence: `${this.#maxPending} calls wait for upstream ${this.name} already (connections.maxPending).`,
    });
  }

  stopWaiting(waiter: Waiter): void {
    this.shares.stopWaiting(waiter.holding, waiter);
  }

  /** While places are scarce, looks every second for calls that make no use of theirs; these give way to clients that hold fewer. */
  #watchPlaces(): void {
    this.#watch ??= setInterval(this.#look, LOOK_INTERVAL_MS).unref();
  }

  /** What one look throws is told, and the next one comes all the same. */
  readonly #look = (): void => {
    try {
      this.#lookAtPlaces();
    } catch (cause) {
      const text = 'internal error';
      const error = new ConnectionError(ErrorCode.INTERNAL_ERROR, 'internal_error', text, { cause });
      this.#onViolation(this.endpoints[0], error);
    }
  };

  #lookAtPlaces(): void {
    if (!this.shares.isScarce) {
      clearInterval(this.#watch);
      this.#watch = undefined;
      this.#idle?.forget();
      return;
    }
    const nowMs = Math.floor(performance.now());
    this.#idle?.look(
      this.endpoints.flatMap(({ calls }) => calls),
      nowMs,
    );
    const claim = this.shares.claim(this.#countUnread());
    const givingWay = claim === undefined ? [] : (this.#idle?.givingWay(claim, nowMs) ?? []);
    for (const call of givingWay) {
      this.#onGaveWay(call.holding.key);
      call.giveWay(this.#idleTimeoutMs);
    }
    // A share may have grown while nobody's call ended.
    this.#serveWaiting();
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
    try {
      while (this.shares.waitingCount > 0) {
        const connection = this.pick();
        const waiter = connection === undefined ? undefined : this.shares.next();
        if (connection === undefined || waiter === undefined) break;
        waiter.onConnection(connection);
      }
    } finally {
      this.#isServing = false;
    }
  }

  /** After a failure: those that wait do so only while some endpoint may still take them. */
  #reconsiderWaiting(): void {
    if (this.shares.waitingCount === 0 || this.#canWait()) return;
    const diagnosis = this.#unavailable();
    for (const waiter of this.shares.takeAll()) waiter.onUnavailable(diagnosis);
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
    clearInterval(this.#watch);
    for (const endpoint of this.endpoints) endpoint.destroy(reason);
    this.#reconsiderWaiting();
  }
}
