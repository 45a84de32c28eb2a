// The endpoints of an HTTP/1.1 upstream, which take turns, and the requests that wait for one. Bounds both: HTTP/1.1 has
// one connection for each request that runs.

import { type Failure, unavailable } from '../relay/failure.ts';
import type { Http1Endpoint } from './http1-endpoint.ts';

/** Told once. */
export interface EndpointSeeker {
  /** To be given back by `release`. */
  onEndpoint(endpoint: Http1Endpoint): void;
  onUnavailable(failure: Failure): void;
}

export class EndpointPool {
  readonly endpoints: readonly Http1Endpoint[];
  readonly #name: string;
  readonly #maxPending: number;
  /** With the endpoints each of them has tried in vain. */
  readonly #waiting = new Map<EndpointSeeker, readonly Http1Endpoint[]>();
  #next = 0;

  constructor(name: string, endpoints: readonly Http1Endpoint[], maxPending: number) {
    this.#name = name;
    this.endpoints = endpoints;
    this.#maxPending = maxPending;
  }

  get pendingCount(): number {
    return this.#waiting.size;
  }

  /** @param tried not to be tried again; at least one endpoint is not among them */
  acquire(seeker: EndpointSeeker, tried: readonly Http1Endpoint[]): void {
    const endpoint = this.#pick(tried);
    if (endpoint !== undefined) {
      endpoint.runningCount++;
      seeker.onEndpoint(endpoint);
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

  release(endpoint: Http1Endpoint): void {
    endpoint.runningCount--;
    for (const [seeker, tried] of this.#waiting) {
      if (tried.includes(endpoint)) continue;
      this.#waiting.delete(seeker);
      endpoint.runningCount++;
      seeker.onEndpoint(endpoint);
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
