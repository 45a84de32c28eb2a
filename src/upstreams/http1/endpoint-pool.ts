// The endpoints of an HTTP/1.1 upstream, which take turns, and the requests that wait for one. Bounds both: HTTP/1.1 has
// one connection for each request that runs.

import { type Failure, idleGaveWay, requestStalled, unavailable } from '../../calls/failure.ts';
import { ClientShares } from '../client-shares.ts';
import { type Holding, isKeyOfMany } from '../holding.ts';
import { IdlePlaces, type PlaceUser } from '../idle-places.ts';
import type { Http1Endpoint } from './http1-endpoint.ts';
import { StalledRequests, type WaitingRequest } from './stalled-requests.ts';

/** How often requests that run are looked at. */
const WATCH_INTERVAL_MS = 2000;

/** Told once. */
export interface EndpointSeeker extends WaitingRequest, PlaceUser {
  /** To be given back by `release`. */
  onEndpoint(endpoint: Http1Endpoint): void;
  onUnavailable(failure: Failure): void;
  /** It has an endpoint, which another waits for, and makes no use of it. */
  giveUp(failure: Failure): void;
}

export interface EndpointPoolOptions {
  readonly maxPending: number;
  /** After which who dawdles has to make room for who waits; undefined: never. */
  readonly stallTimeoutMs: number | undefined;
  /** One that was idle had to make room for another. @param client its counted address */
  readonly onGaveWay: (client: string) => void;
}

export class EndpointPool {
  readonly endpoints: readonly Http1Endpoint[];
  readonly #name: string;
  readonly #maxPending: number;
  /** Who has how many connections, and who waits for one. */
  readonly #shares: ClientShares<EndpointSeeker>;
  /** The endpoints that those who wait have tried in vain. */
  readonly #tried = new WeakMap<EndpointSeeker, readonly Http1Endpoint[]>();
  readonly #running = new Set<EndpointSeeker>();
  readonly #stallTimeoutMs: number | undefined;
  readonly #idle: IdlePlaces<EndpointSeeker> | undefined;
  readonly #onGaveWay: EndpointPoolOptions['onGaveWay'];
  #stalled: StalledRequests<EndpointSeeker> | undefined = undefined;
  #watch: NodeJS.Timeout | undefined = undefined;
  #next = 0;

  constructor(name: string, endpoints: readonly Http1Endpoint[], options: EndpointPoolOptions) {
    const { maxPending, stallTimeoutMs, onGaveWay } = options;
    this.#name = name;
    this.endpoints = endpoints;
    this.#maxPending = maxPending;
    this.#stallTimeoutMs = stallTimeoutMs;
    this.#onGaveWay = onGaveWay;
    this.#idle = stallTimeoutMs === undefined ? undefined : new IdlePlaces(stallTimeoutMs);
    this.#shares = new ClientShares(maxPending, () => countPlaces(endpoints));
    this.#shares.recount();
  }

  get pendingCount(): number {
    return this.#shares.waitingCount;
  }

  /** Clients of which something is kept. */
  get clientCount(): number {
    return this.#shares.holdingCount;
  }

  /** @param client its address as it is counted; '' where many are behind it, or nobody knows */
  holdingOf(client: string): Holding {
    return this.#shares.holdingOf(client, undefined, isKeyOfMany(client));
  }

  /** @param tried not to be tried again; at least one endpoint is not among them */
  acquire(seeker: EndpointSeeker, tried: readonly Http1Endpoint[]): void {
    const endpoint = this.#shares.mayTake(seeker.holding) ? this.#pick(tried) : undefined;
    if (endpoint !== undefined) {
      this.#run(seeker, endpoint);
      return;
    }
    this.#tried.set(seeker, tried);
    const turnedAway = this.#shares.wait(seeker.holding, seeker);
    turnedAway?.onUnavailable(
      unavailable({
        token: 'upstream_queue_full',
        sentence: `${this.#maxPending} requests wait for upstream ${this.#name} already (connections.maxPending).`,
      }),
    );
  }

  stopWaiting(seeker: EndpointSeeker): void {
    this.#shares.stopWaiting(seeker.holding, seeker);
  }

  #run(seeker: EndpointSeeker, endpoint: Http1Endpoint): void {
    endpoint.runningCount++;
    seeker.holding.take();
    this.#running.add(seeker);
    this.#watch ??= setInterval(this.#watchOver, WATCH_INTERVAL_MS).unref();
    seeker.onEndpoint(endpoint);
  }

  /** What one look throws is told, and the next one comes all the same. */
  readonly #watchOver = (): void =>
    this.endpoints[0].containment.run(
      () => undefined,
      () => this.#lookAround(),
    );

  #lookAround(): void {
    if (this.#running.size === 0) {
      clearInterval(this.#watch);
      this.#watch = undefined;
      this.#idle?.forget();
      return;
    }
    const timeoutMs = this.#stallTimeoutMs;
    if (timeoutMs !== undefined) {
      this.#checkStalls(timeoutMs);
      this.#checkIdle(timeoutMs);
    }
    // A share may have grown while no request ended.
    for (const endpoint of this.endpoints) this.#serveWaiting(endpoint);
  }

  #checkStalls(timeoutMs: number): void {
    this.#stalled ??= new StalledRequests(timeoutMs);
    const given = this.#stalled.check(this.#running, performance.now(), this.pendingCount);
    for (const seeker of given) seeker.giveUp(requestStalled(this.#name, timeoutMs));
  }

  /** Those that are of no use give way where others wait that hold fewer. */
  #checkIdle(timeoutMs: number): void {
    if (!this.#shares.isScarce) {
      this.#idle?.forget();
      return;
    }
    const nowMs = performance.now();
    this.#idle?.look(this.#running, nowMs);
    const claim = this.#shares.claim();
    if (claim === undefined) return;
    for (const seeker of this.#idle?.givingWay(claim, nowMs) ?? []) {
      this.#onGaveWay(seeker.holding.key);
      seeker.giveUp(idleGaveWay(timeoutMs));
    }
  }

  release(endpoint: Http1Endpoint, seeker: EndpointSeeker): void {
    endpoint.runningCount--;
    seeker.holding.give();
    this.#running.delete(seeker);
    this.#serveWaiting(endpoint);
  }

  #serveWaiting(endpoint: Http1Endpoint): void {
    while (endpoint.hasRoom && this.#shares.waitingCount > 0) {
      const seeker = this.#shares.next((one) => this.#tried.get(one)?.includes(endpoint) !== true);
      if (seeker === undefined) return;
      this.#run(seeker, endpoint);
    }
  }

  /**
   * The next that is not avoided. One that is avoided is better than none, but not better than to wait for one that is
   * only busy.
   */
  #pick(tried: readonly Http1Endpoint[]): Http1Endpoint | undefined {
    const count = this.endpoints.length;
    let avoided: Http1Endpoint | undefined;
    let isBusy = false;
    for (let step = 0; step < count; step++) {
      const index = (this.#next + step) % count;
      const endpoint = this.endpoints[index];
      if (tried.includes(endpoint)) continue;
      if (endpoint.isAvoided) {
        if (endpoint.hasRoom) avoided ??= endpoint;
      } else if (endpoint.hasRoom) {
        this.#next = (index + 1) % count;
        return endpoint;
      } else {
        isBusy = true;
      }
    }
    return isBusy ? undefined : avoided;
  }
}

function countPlaces(endpoints: readonly Http1Endpoint[]): number {
  let count = 0;
  for (const { maxConnections } of endpoints) count += maxConnections;
  return count;
}
