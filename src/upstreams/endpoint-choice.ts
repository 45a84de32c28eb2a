// Chooses the endpoint that a call of an upstream gets now: the one that a moved stream goes to, or the balancer's choice, or as a last
// resort one that fails. It also asks endpoints that cannot take a call to connect.

import { turnNowMs } from '../transport/turn-clock.ts';
import type { Availability } from './availability.ts';
import type { Endpoint } from './endpoint.ts';
import { Picking } from './picking.ts';
import type { Spreading } from './spreading.ts';
import type { CallTraits } from './waiter.ts';

/** How often endpoints that cannot take a call are asked to connect, while others take the calls. */
const SEEK_INTERVAL_MS = 10;
const NONE: readonly never[] = [];

export interface EndpointChoiceParts<Candidate extends Endpoint> {
  readonly availability: Availability<Candidate>;
  /** Undefined where no streams are moved. */
  readonly spreading: Spreading<Candidate> | undefined;
  /** Whether the balancer goes by the hash of a call. */
  readonly wantsHash: boolean;
  readonly endpoints: () => readonly Candidate[];
}

export class EndpointChoice<Candidate extends Endpoint> {
  readonly #availability: Availability<Candidate>;
  readonly #spreading: Spreading<Candidate> | undefined;
  readonly #wantsHash: boolean;
  readonly #endpoints: () => readonly Candidate[];
  readonly #picking = new Picking<Candidate>();
  #seekAtMs = 0;

  constructor({ availability, spreading, wantsHash, endpoints }: EndpointChoiceParts<Candidate>) {
    this.#availability = availability;
    this.#spreading = spreading;
    this.#wantsHash = wantsHash;
    this.#endpoints = endpoints;
  }

  /** Whether the traits of a call matter for its endpoint now. If not, an endpoint for one call suits every other. */
  get isPicky(): boolean {
    return this.#wantsHash || this.#spreading?.isExpecting === true;
  }

  /** Whether some endpoint may be found for some call. */
  get isAnyPickable(): boolean {
    return this.#availability.candidates.some(({ isPickable }) => isPickable);
  }

  /** Whether there is an endpoint that gets calls and that is not among these. */
  hasOther(tried: readonly Candidate[]): boolean {
    return this.#endpoints().some(
      (endpoint) => !tried.includes(endpoint) && this.#availability.mayGetCalls(endpoint),
    );
  }

  /** @param tried endpoints that must not be tried again */
  pickFor(client: string, tried: readonly Candidate[], { hash, method }: CallTraits): Candidate | undefined {
    if (this.#spreading?.isExpecting === true) {
      const accepts = (endpoint: Candidate) =>
        !tried.includes(endpoint) && this.#availability.isOpen(endpoint);
      const target = this.#spreading.target(client, method, accepts);
      if (target !== undefined) return target;
    }
    return this.pick(tried, hash);
  }

  /** Picks an endpoint for any call, where their traits do not matter. */
  pick(tried: readonly Candidate[] = NONE, hash?: number): Candidate | undefined {
    if (turnNowMs() >= this.#seekAtMs) this.seek();
    const picking = this.#picking;
    picking.tried = tried;
    picking.hash = hash;
    // A call that has already met an unreachable endpoint does not find out for others whether an endpoint is back.
    picking.isCautious = tried.length > 0;
    const endpoint = this.#availability.pick(picking);
    if (endpoint !== undefined || !picking.isCautious) return endpoint ?? this.#lastResort(tried);
    picking.isCautious = false;
    return this.#availability.pick(picking) ?? this.#lastResort(tried);
  }

  /** The next pick asks endpoints that cannot take a call to connect, however short the time since the last did so. */
  seekNext(): void {
    this.#seekAtMs = 0;
  }

  /** Asks endpoints that cannot take a call to connect, so that they take their turn next time. */
  seek(): void {
    this.#seekAtMs = Math.floor(turnNowMs()) + SEEK_INTERVAL_MS;
    const nowMs = performance.now();
    for (const endpoint of this.#availability.candidates) {
      if (!endpoint.isPickable) endpoint.seekCapacity(nowMs);
      else if (endpoint.lastFailure !== undefined) this.#availability.tryOnce(endpoint);
    }
  }

  /** Whether a call can wait for an endpoint. Asks every one that is worth it, so that each notes the demand. */
  canWait(): boolean {
    const nowMs = performance.now();
    let canWait = false;
    for (const endpoint of this.#availability.candidates) {
      if (!this.#availability.isOpen(endpoint)) continue;
      canWait = endpoint.seekCapacity(nowMs) || canWait;
      endpoint.noteDemand();
    }
    return canWait;
  }

  /**
   * A failing endpoint to try when all others are failing too. A recently failed endpoint is better than none, but waiting for a
   * busy one is better.
   */
  #lastResort(tried: readonly Candidate[]): Candidate | undefined {
    let found: Candidate | undefined;
    for (const endpoint of this.#endpoints()) {
      if (tried.includes(endpoint) || !this.#availability.isOpen(endpoint)) continue;
      if (!endpoint.isFailing) return undefined;
      if (endpoint.isLastResort) found ??= endpoint;
    }
    return found;
  }
}
