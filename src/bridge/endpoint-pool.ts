// The endpoints of an HTTP/1.1 upstream, which take turns, and the requests that wait for one. Bounds both: HTTP/1.1 has
// one connection for each request that runs.

import { type Failure, requestStalled, unavailable } from '../relay/failure.ts';
import type { Http1Endpoint } from './http1-endpoint.ts';
import { StalledRequests, type WaitingRequest } from './stalled-requests.ts';

/** How often requests that run are looked at. */
const WATCH_INTERVAL_MS = 2000;

/** Told once. */
export interface EndpointSeeker extends WaitingRequest {
  /** To be given back by `release`. */
  onEndpoint(endpoint: Http1Endpoint): void;
  onUnavailable(failure: Failure): void;
  /** It has an endpoint, which another waits for, and makes no use of it. */
  giveUp(failure: Failure): void;
}

export class EndpointPool {
  readonly endpoints: readonly Http1Endpoint[];
  readonly #name: string;
  readonly #maxPending: number;
  /** With the endpoints each of them has tried in vain. */
  readonly #waiting = new Map<EndpointSeeker, readonly Http1Endpoint[]>();
  readonly #running = new Set<EndpointSeeker>();
  readonly #stallTimeoutMs: number | undefined;
  #stalled: StalledRequests<EndpointSeeker> | undefined = undefined;
  #watch: NodeJS.Timeout | undefined = undefined;
  #next = 0;

  /** @param stallTimeoutMs after which who dawdles has to make room for who waits; undefined: never */
  constructor(
    name: string,
    endpoints: readonly Http1Endpoint[],
    maxPending: number,
    stallTimeoutMs: number | undefined,
  ) {
    this.#name = name;
    this.endpoints = endpoints;
    this.#maxPending = maxPending;
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  get pendingCount(): number {
    return this.#waiting.size;
  }

  /** @param tried not to be tried again; at least one endpoint is not among them */
  acquire(seeker: EndpointSeeker, tried: readonly Http1Endpoint[]): void {
    const endpoint = this.#pick(tried);
    if (endpoint !== undefined) {
      this.#run(seeker, endpoint);
    } else if (this.#waiting.size >= this.#maxPending) {
      seeker.onUnavailable(
        unavailable({
          token: 'upstream_queue_full',
          sentence: `${this.#maxPending} requests wait for upstream ${this.#name} already (connections.maxPending).`,
        }),
      );
    } else {
      this.#waiting.set(seeker, tried);
    }
  }

  stopWaiting(seeker: EndpointSeeker): void {
    this.#waiting.delete(seeker);
  }

  #run(seeker: EndpointSeeker, endpoint: Http1Endpoint): void {
    endpoint.runningCount++;
    this.#running.add(seeker);
    this.#watch ??= setInterval(() => this.#checkStalls(), WATCH_INTERVAL_MS).unref();
    seeker.onEndpoint(endpoint);
  }

  #checkStalls(): void {
    const timeoutMs = this.#stallTimeoutMs;
    if (timeoutMs === undefined) return;
    if (this.#running.size === 0) {
      clearInterval(this.#watch);
      this.#watch = undefined;
      return;
    }
    this.#stalled ??= new StalledRequests(timeoutMs);
    const given = this.#stalled.check(this.#running, performance.now(), this.#waiting.size);
    for (const seeker of given) seeker.giveUp(requestStalled(this.#name, timeoutMs));
  }

  release(endpoint: Http1Endpoint, seeker: EndpointSeeker): void {
    endpoint.runningCount--;
    this.#running.delete(seeker);
    this.#serveWaiting(endpoint);
  }

  #serveWaiting(endpoint: Http1Endpoint): void {
    for (const [seeker, tried] of this.#waiting) {
      if (tried.includes(endpoint)) continue;
      this.#waiting.delete(seeker);
      this.#run(seeker, endpoint);
      return;
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
