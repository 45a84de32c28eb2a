// A named group of endpoints, whatever they speak, and the calls that wait for a place at one of them. The balancer decides which
// endpoint a call gets; the clients' shares decide whether it gets one now.

import type { EndpointState, UpstreamConfig } from '../config/config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import { Availability } from './availability.ts';
import { ClientShares } from './client-shares.ts';
import type { Endpoint, EndpointEvents } from './endpoint.ts';
import type { Holding } from './holding.ts';
import { queueFull, streamsFull } from './no-place.ts';
import { Picking } from './picking.ts';
import { PlaceWatch } from './place-watch.ts';
import { Spreading } from './spreading.ts';
import type { UpstreamEvents, UpstreamParts } from './upstream-parts.ts';
import type { CallTraits, Waiter } from './waiter.ts';
import { whyUnavailable } from './why-unavailable.ts';

/** How often endpoints that cannot take a call are asked to connect, while others take the calls. */
const SEEK_INTERVAL_MS = 10;

const NONE: readonly never[] = [];
/** The panic threshold of an upstream for which none is configured. */
const PANIC_SHARE = 0.5;
const NO_TRAITS: CallTraits = { hash: undefined, method: '' };

export class Upstream<Candidate extends Endpoint = Endpoint> {
  readonly name: string;
  readonly protocol: UpstreamConfig['protocol'];
  /** Which clients hold how many of the places, and which wait for one. */
  readonly shares: ClientShares<Waiter<Candidate>>;
  readonly #parts: UpstreamParts<Candidate>;
  readonly #events: UpstreamEvents;
  readonly #endpointEvents: EndpointEvents;
  /** What the hash of a call is made of. Undefined if its balancer wants none. */
  readonly hash: UpstreamConfig['hash'];
  readonly #availability: Availability<Candidate>;
  readonly #spreading: Spreading<Candidate> | undefined;
  readonly #picking = new Picking<Candidate>();
  readonly #mostCalls: number;
  readonly #watch: PlaceWatch;
  #endpoints: readonly Candidate[] = [];
  #whyNone: Diagnosis | undefined = undefined;
  /** Endpoints that no configuration names any more, as long as they have connections or calls. */
  #leaving: readonly Candidate[] = [];
  /** The holdings at those endpoints. No other client will get those places, so they are not counted in any share. */
  readonly #left = new ClientShares<never>(0, () => Number.POSITIVE_INFINITY);
  #seekAtMs = 0;
  #isServing = false;

  constructor(parts: UpstreamParts<Candidate>, events: UpstreamEvents) {
    const { config, stallTimeoutMs } = parts;
    this.name = config.name;
    this.protocol = config.protocol;
    const { connections, limits } = config;
    this.shares = new ClientShares(connections.maxPending, () => this.#countPlaces(), limits.retries);
    this.#mostCalls = limits.streams ?? Number.POSITIVE_INFINITY;
    this.#parts = parts;
    this.#events = events;
    this.hash = config.hash;
    this.#availability = this.#makeAvailability();
    this.#spreading = this.#makeSpreading();
    this.#endpointEvents = this.#listen();
    this.#watch = new PlaceWatch({
      upstream: this.name,
      timeoutMs: stallTimeoutMs,
      shares: this.shares,
      endpoints: () => this.#endpoints,
      isFull: () => this.#isFull,
      onLooked: () => this.#serveWaiting(),
      onGaveWay: (client) => events.onGaveWay(client),
      onWaiting: (count, why) => events.onWaiting(count, why),
      onFault: (error) => events.onFault('upstream', error),
    });
    this.use(config.endpoints);
  }

  #listen(): EndpointEvents {
    const events = this.#events;
    return {
      countsOf: events.countsOf,
      outcomesOf: events.outcomesOf,
      onCapacity: () => this.#serveWaiting(),
      onConnected: (endpoint) => {
        this.#noteReach(endpoint);
        events.onConnected(endpoint);
      },
      onReach: (endpoint) => {
        this.#noteReach(endpoint);
        this.#reconsiderWaiting();
        this.#serveWaiting();
      },
      onRetired: (endpoint, reason, lostStreams, silence) => {
        this.shares.recount();
        events.onRetired(endpoint, reason, lostStreams, silence);
        this.#reconsiderWaiting();
      },
      onConnectFailed: (endpoint, diagnosis) => {
        this.#noteReach(endpoint);
        events.onConnectFailed(endpoint, diagnosis);
        this.#reconsiderWaiting();
        // Calls that waited for this endpoint alone may go to the next on the ring.
        this.#serveWaiting();
      },
      onTooManyPings: (endpoint, afterMs) => events.onTooManyPings(endpoint, afterMs),
      onViolation: (endpoint, error) => events.onViolation(endpoint, error),
      onClientAtFault: (endpoint, client) => events.onClientAtFault(endpoint, client),
      onFault: (layer, error) => events.onFault(layer, error),
      onExclusion: (endpoint, exclusion) => {
        this.#availability.judge();
        this.shares.recount();
        events.onExclusion(endpoint, exclusion);
        this.#reconsiderWaiting();
        this.#serveWaiting();
      },
    };
  }

  /** Which endpoints get calls may have changed, and with it how many places there are. */
  #noteReach(endpoint: Endpoint): void {
    this.#availability.noteReach(endpoint);
    this.shares.recount();
  }

  #makeAvailability(): Availability<Candidate> {
    const { panicShare = PANIC_SHARE, preferredZone, slowStartMs } = this.#parts.config;
    return new Availability({
      panicShare,
      preferredZone,
      slowStartMs,
      makeBalancer: this.#parts.makeBalancer,
      onPanic: (panic) => this.#events.onPanic(panic),
      onUsable: () => this.#spreading?.joined(performance.now()),
      onFault: (error) => this.#events.onFault('upstream', error),
    });
  }

  #makeSpreading(): Spreading<Candidate> | undefined {
    const { streams } = this.#parts.config;
    if (streams?.maxAgeMs === undefined && streams?.rebalanceMs === undefined) return undefined;
    const parts = {
      upstream: this.name,
      streams,
      endpoints: () => this.#endpoints,
      allEndpoints: () => this.allEndpoints,
      shareOf: (endpoint: Candidate) => this.#availability.shareOf(endpoint),
      onRebalance: (count: number, overMs: number) => this.#events.onRebalance(count, overMs),
      onFault: (error: unknown) => this.#events.onFault('upstream', error),
    };
    return new Spreading(parts, performance.now());
  }

  /** Whether calls may be sent to the endpoint. False for excluded ones, unless too few others are left. */
  isOpen(endpoint: Endpoint): boolean {
    return this.#availability.isOpen(endpoint);
  }

  /** The endpoints in the order of the configuration. */
  get endpoints(): readonly Candidate[] {
    return this.#endpoints;
  }

  /** The configured endpoints, and those that were removed and still have connections or calls. */
  get allEndpoints(): readonly Candidate[] {
    return [...this.#endpoints, ...this.#leaving.filter(({ isGone }) => !isGone)];
  }

  /** The number of calls that wait for a place. */
  get pendingCount(): number {
    return this.shares.waitingCount;
  }

  /**
   * Replaces the endpoints. An endpoint is identified by its address: existing ones stay as they are, with their connections, and
   * calls on removed ones continue.
   * @param whyNone what calls are told if there are none
   */
  use(states: readonly EndpointState[], whyNone?: Diagnosis): void {
    this.#whyNone = whyNone;
    this.#forgetGone();
    const before = new Map([...this.#endpoints, ...this.#leaving].map((one) => [one.address.text, one]));
    // A set, as thousands of endpoints may leave and come back in one update.
    const leaving = new Set(this.#leaving);
    const now = new Map<string, Candidate>();
    for (const state of states) {
      const { text } = state.address;
      const known = before.get(text);
      known?.describe(state);
      if (known !== undefined && leaving.has(known)) {
        known.comeBack();
        known.countCallsIn(this.shares);
      }
      now.set(text, known ?? this.#parts.makeEndpoint(state, this.#endpointEvents));
    }
    const left = this.#endpoints.filter(({ address }) => !now.has(address.text));
    this.#leaving = [...this.#leaving.filter(({ address }) => !now.has(address.text)), ...left];
    this.#endpoints = [...now.values()];
    this.#availability.use(this.#endpoints);
    for (const endpoint of left) {
      this.#events.onLeft(endpoint);
      endpoint.countCallsIn(this.#left);
      endpoint.leave();
    }
    this.#forgetGone();
    this.shares.recount();
    this.#seekAtMs = 0;
    for (const waiter of this.shares.waiting)
      if (waiter.tried.length > 0 && !this.hasOther(waiter.tried)) waiter.forgetTried();
    this.#reconsiderWaiting();
    this.#serveWaiting();
  }

  #forgetGone(): void {
    if (this.#leaving.length === 0) return;
    this.#leaving = this.#leaving.filter(({ isGone }) => !isGone);
  }

  #countPlaces(): number {
    let count = 0;
    // Endpoints that get no calls now have no places to give, only those that are taken.
    for (const { activeCalls } of this.#endpoints) count += activeCalls;
    for (const endpoint of this.#availability.candidates)
      if (this.#availability.isOpen(endpoint)) count += endpoint.places - endpoint.activeCalls;
    return count;
  }

  /** Whether there is an endpoint that calls may be sent to and that is not among these. */
  hasOther(tried: readonly Candidate[]): boolean {
    return this.#endpoints.some(
      (endpoint) => !tried.includes(endpoint) && this.#availability.isOpen(endpoint),
    );
  }

  /**
   * Picks an endpoint for a call of this client. Undefined when no endpoint can take it, or the client already has its share.
   * Synchronous: nearly every call gets its endpoint here.
   * @param tried endpoints that must not be tried again
   */
  pickFor(
    holding: Holding,
    tried: readonly Candidate[],
    traits: CallTraits = NO_TRAITS,
  ): Candidate | undefined {
    if (this.shares.isGettingScarce) this.#watch.begin();
    if (this.#isFull || !this.shares.mayTake(holding)) return undefined;
    return this.#isPicky ? this.#pickByTraits(holding, tried, traits) : this.#pick(tried, undefined);
  }

  /** Whether the upstream has as many calls as limits.streams allows. */
  get #isFull(): boolean {
    return this.shares.heldCount >= this.#mostCalls;
  }

  /** Whether the traits of a call matter for its endpoint now. */
  get #isPicky(): boolean {
    return this.hash !== undefined || this.#spreading?.isExpecting === true;
  }

  #pickByTraits(
    { key }: Holding,
    tried: readonly Candidate[],
    { hash, method }: CallTraits,
  ): Candidate | undefined {
    if (this.#spreading?.isExpecting === true) {
      const accepts = (endpoint: Candidate) =>
        !tried.includes(endpoint) && this.#availability.isOpen(endpoint);
      const target = this.#spreading.target(key, method, accepts);
      if (target !== undefined) return target;
    }
    return this.#pick(tried, hash);
  }

  #pick(tried: readonly Candidate[], hash: number | undefined): Candidate | undefined {
    if (turnNowMs() >= this.#seekAtMs) this.#seek();
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

  /** Asks endpoints that cannot take a call to connect, so that they take their turn next time. */
  #seek(): void {
    this.#seekAtMs = Math.floor(turnNowMs()) + SEEK_INTERVAL_MS;
    const nowMs = performance.now();
    for (const endpoint of this.#availability.candidates) {
      if (!endpoint.isPickable) endpoint.seekCapacity(nowMs);
      else if (endpoint.lastFailure !== undefined) this.#availability.tryOnce(endpoint);
    }
  }

  /**
   * A failing endpoint to try when all others are failing too. A recently failed endpoint is better than none, but waiting for a
   * busy one is better.
   */
  #lastResort(tried: readonly Candidate[]): Candidate | undefined {
    let found: Candidate | undefined;
    for (const endpoint of this.#endpoints) {
      if (tried.includes(endpoint) || !this.#availability.isOpen(endpoint)) continue;
      if (!endpoint.isFailing) return undefined;
      if (endpoint.isLastResort) found ??= endpoint;
    }
    return found;
  }

  /** Queues a call for which pickFor() found no endpoint. If there is nothing to wait for, the call is notified at once. */
  wait(waiter: Waiter<Candidate>): void {
    const isFull = this.#isFull;
    if (isFull || !this.#canWait(waiter.tried.length > 0 ? this.#endpoints : this.#availability.candidates)) {
      waiter.onUnavailable(isFull ? streamsFull(this.name, this.#mostCalls) : this.#whyUnavailable());
      return;
    }
    const turnedAway = this.shares.wait(waiter.holding, waiter);
    this.#watch.begin();
    turnedAway?.onUnavailable(queueFull(this.name, this.#parts.config.connections.maxPending));
  }

  stopWaiting(waiter: Waiter<Candidate>): void {
    this.shares.stopWaiting(waiter.holding, waiter);
  }

  /** Whether a call can wait. Asks every endpoint, so that each notes the demand. */
  #canWait(endpoints: readonly Candidate[] = this.#endpoints): boolean {
    const nowMs = performance.now();
    let canWait = false;
    for (const endpoint of endpoints) {
      if (!this.#availability.isOpen(endpoint)) continue;
      canWait = endpoint.seekCapacity(nowMs) || canWait;
      endpoint.noteDemand();
    }
    return canWait;
  }

  #whyUnavailable(): Diagnosis {
    return whyUnavailable(this.name, this.#endpoints, this.#whyNone);
  }

  #serveWaiting(): void {
    // A waiter may fail at once and free its place, which calls this method again.
    if (this.#isServing || this.shares.waitingCount === 0) return;
    this.#isServing = true;
    try {
      while (this.shares.waitingCount > 0 && !this.#isFull) {
        // Where traits decide, an endpoint for one call says nothing about another.
        const isPicky = this.#isPicky;
        const picked = isPicky ? undefined : this.#pick(NONE, undefined);
        const canServe = isPicky
          ? this.#availability.candidates.some(({ isPickable }) => isPickable)
          : picked !== undefined;
        let endpoint = picked;
        const waiter = !canServe
          ? undefined
          : this.shares.next(({ holding, tried, traits }) => {
              if (picked === undefined) endpoint = this.#pickByTraits(holding, tried, traits);
              else endpoint = tried.includes(picked) ? this.#pick(tried, undefined) : picked;
              return endpoint !== undefined;
            });
        // Makes another connection for the calls that still wait, if one more is allowed.
        if (endpoint === undefined) this.#seek();
        if (waiter === undefined || endpoint === undefined) break;
        waiter.onEndpoint(endpoint);
      }
    } finally {
      this.#isServing = false;
    }
  }

  /** After a failure: ends the waiting calls if no endpoint may take them any more. */
  #reconsiderWaiting(): void {
    if (this.shares.waitingCount === 0 || this.#canWait()) return;
    const diagnosis = this.#whyUnavailable();
    for (const waiter of this.shares.takeAll()) waiter.onUnavailable(diagnosis);
  }

  /**
   * Called when the upstream is not used any more: connections end with their last call. Calls that wait, and those that began
   * while the upstream was in use and need another attempt, are still served, on a new connection if necessary.
   */
  close(): void {
    this.#spreading?.finish();
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  /** Closes connections that are not needed. */
  shrink(): void {
    for (const endpoint of this.#endpoints) endpoint.shrink();
  }

  destroy(reason: string): void {
    this.#watch.close();
    this.#availability.close();
    this.#spreading?.close();
    for (const endpoint of [...this.#endpoints, ...this.#leaving]) endpoint.destroy(reason);
    this.#reconsiderWaiting();
  }
}
